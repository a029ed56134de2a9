//! Begins and ends together with others: `double_barrier SERVERS PATH PARTIES`. Run as many as there are parties.
#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use client::{Client, Options};
use recipes::DoubleBarrier;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(path), Some(parties)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: double_barrier SERVERS PATH PARTIES".into());
    };
    let runtime = Runtime::system();
    let client = Client::connect(&runtime, &servers, Options::default()).await?;
    let mut barrier = DoubleBarrier::new(&client, &path, parties.parse()?);
    barrier.enter().await?;
    println!("all are there");
    runtime.clock.sleep(Duration::from_millis(runtime.entropy.next_u64() % 5000)).await;
    println!("done, waiting for the others");
    barrier.leave().await?;
    println!("all are done");
    Ok(client.close().await?)
}
