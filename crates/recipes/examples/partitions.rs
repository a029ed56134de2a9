//! A worker that shares a hundred partitions with others: `cargo run -p quorate-recipes --example partitions -- 127.0.0.1:2181 worker-1`.
//! Start a few, and kill one.
#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use client::{Options, Sessions};
use recipes::partition::Partitioner;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let worker = arguments.next().unwrap_or_else(|| format!("worker-{}", std::process::id()));
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let partitions = (0..100).map(|number| format!("partition-{number:02}"));
    let settle = Duration::from_secs(3);
    let partitioner = Partitioner::join(&sessions, "/example/work", &worker, partitions, settle).await?;
    loop {
        let mut allocation = partitioner.allocation().await?;
        println!("works on {}", allocation.partitions().join(" "));
        allocation.revoked().await;
        println!("stops, and lets others have them");
        allocation.release().await;
    }
}
