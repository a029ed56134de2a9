//! Prints a subtree and what changes in it: `cargo run -p quorate-recipes --example cache -- 127.0.0.1:2181 /app`.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::cache::{Cache, Change, Scope};
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/".to_owned());
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let cache = Cache::open(&sessions, &path, Scope::Tree).await?;
    let mut changes = cache.changes();
    while let Some(change) = changes.next().await {
        match change {
            Change::Created { path, node } => println!("+ {path} ({} bytes)", node.stat.data_length),
            Change::Changed { path, new, .. } => println!("* {path} (version {})", new.stat.version),
            Change::Deleted { path, .. } => println!("- {path}"),
            Change::Initialized => println!("that is all; {} znodes", cache.len()),
        }
    }
    Err(cache.failure().map_or_else(|| "the cache has ended".into(), Into::into))
}
