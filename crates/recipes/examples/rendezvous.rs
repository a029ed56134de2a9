//! Meets others and learns what they bring: `rendezvous SERVERS PATH PARTIES VALUE`. Run as many as there are parties.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Client, Options};
use recipes::Rendezvous;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [servers, path, parties, value] = arguments.as_slice() else {
        return Err("usage: rendezvous SERVERS PATH PARTIES VALUE".into());
    };
    let client = Client::connect(&Runtime::system(), servers, Options::default()).await?;
    let meeting = Rendezvous::new(&client, path, parties.parse()?).meet(value.as_bytes()).await?;
    for (place, value) in meeting.values.iter().enumerate() {
        let own = if place == meeting.own { " (this one)" } else { "" };
        println!("{}{own}", String::from_utf8_lossy(value));
    }
    Ok(client.close().await?)
}
