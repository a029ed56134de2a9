//! Keeps an ephemeral znode there: `cargo run -p quorate-recipes --example persistent -- 127.0.0.1:2181 /app/here`. Delete it, or
//! stop the server for longer than the session lasts, and it comes back.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::cache::{Cache, Change, Scope};
use recipes::persistent::{self, PersistentNode};
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/example/here".to_owned());
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let node = PersistentNode::keep(&sessions, &path, b"I am here", persistent::Options::default()).await?;
    println!("{} is there", node.there().await?);
    let mut changes = Cache::open(&sessions, &path, Scope::Node).await?.changes();
    while let Some(change) = changes.next().await {
        match change {
            Change::Deleted { .. } => println!("gone"),
            Change::Created { node, .. } => println!("there, in session {:#x}", node.stat.ephemeral_owner),
            Change::Changed { .. } | Change::Initialized => {}
        }
    }
    Ok(())
}
