//! Drives a broker with lapin. Each scenario prints its name and "ok"; the first thing that is not as it should be ends the program with a
//! panic and exit status 101.
//!
//! Usage: `quorate-interop-lapin URL[,URL...] SCENARIO...`, or with the scenario `recovery` until standard input ends: see `recovery.rs`.

mod recovery;
mod scenarios;
mod site;

use crate::site::Site;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let urls = arguments.next().expect("the brokers' addresses come first");
    let site = Site::new(urls.split(',').map(str::to_owned).collect());
    for name in arguments {
        match name.as_str() {
            "roundtrip" => scenarios::roundtrip(&site).await,
            "confirms" => scenarios::confirms(&site).await,
            "returns" => scenarios::returns(&site).await,
            "consuming" => scenarios::consuming(&site).await,
            "exchanges" => scenarios::exchanges(&site).await,
            "errors" => scenarios::errors(&site).await,
            "recovery" => {
                recovery::run(site).await;
                return;
            }
            other => panic!("there is no scenario {other}"),
        }
        println!("{name} ok");
    }
}
