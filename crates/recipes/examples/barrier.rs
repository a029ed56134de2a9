//! Sets a barrier, takes it away, or waits until it is gone: `barrier SERVERS PATH set|remove|wait`.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Client, Options};
use recipes::Barrier;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(path), Some(what)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: barrier SERVERS PATH set|remove|wait".into());
    };
    let client = Client::connect(&Runtime::system(), &servers, Options::default()).await?;
    let barrier = Barrier::new(&client, &path);
    match what.as_str() {
        "set" => barrier.set().await?,
        "remove" => barrier.remove().await?,
        "wait" => barrier.wait().await?,
        other => return Err(format!("{other}: set, remove or wait").into()),
    }
    println!("done");
    Ok(client.close().await?)
}
