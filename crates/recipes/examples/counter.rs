//! Counts together with others: `cargo run -p quorate-recipes --example counter -- 127.0.0.1:2181 5`.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::shared::{Long, Shared, SharedError};
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let more = arguments.next().unwrap_or_else(|| "1".to_owned()).parse()?;
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let count = Shared::open(&sessions, "/example/count", Long, 0).await?;
    match count.add(more).await {
        Ok(updated) => println!("{} and {more} are {}", updated.before, updated.after.value),
        Err(unknown @ SharedError::Unknown { .. }) => println!("{unknown}: look, and decide what to do"),
        Err(error) => return Err(error.into()),
    }
    Ok(sessions.close().await?)
}
