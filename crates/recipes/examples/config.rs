//! Follows a limit that is configured in a znode: `cargo run -p quorate-recipes --example config -- 127.0.0.1:2181`, and then
//! `quorate tree create --parents /example/config/limit 100`, and `set` it to this and that.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::cache::Scope;
use recipes::config::{Config, Source};
use runtime::Runtime;

fn limit(source: &Source) -> Result<u32, String> {
    let Some(text) = source.get("limit") else { return Ok(10) };
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    text.trim().parse().map_err(|error| format!("{text:?}: {error}"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let mut config = Config::open(&sessions, "/example/config", Scope::Tree, limit).await?;
    loop {
        println!("the limit is {}", config.current());
        if let Some(problem) = config.problem() {
            println!("although {problem}");
        }
        config.changed().await;
    }
}
