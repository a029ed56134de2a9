//! Puts an item, or deals with items until it is stopped: `cargo run -p quorate-recipes --example queue -- 127.0.0.1:2181 "an item"`, and
//! without an item.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::queue::{HoldingQueue, Rank};
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let queue = HoldingQueue::kazoo(&sessions, "/example/queue");
    if let Some(item) = arguments.next() {
        println!("{}", queue.put(item.as_bytes(), Rank::Usual).await?);
        return Ok(sessions.close().await?);
    }
    loop {
        let held = queue.take().await?;
        println!("{}: {}", held.name(), String::from_utf8_lossy(held.data()));
        held.done().await?;
    }
}
