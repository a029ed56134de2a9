//! Takes part in a group and prints who else does: `cargo run -p quorate-recipes --example membership -- 127.0.0.1:2181 alice`.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::membership::{Group, Layout};
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().unwrap_or_else(|| "127.0.0.1:2181".to_owned());
    let name = arguments.next().unwrap_or_else(|| format!("member-{}", std::process::id()));
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let group = Group::open(&sessions, "/example/group", Layout::GroupMember).await?;
    let member = group.join(&name, b"").await?;
    member.there().await?;
    let mut changes = group.changes();
    while changes.next().await.is_some() {
        let names: Vec<String> = group.members().into_iter().map(|member| member.id).collect();
        println!("{}", names.join(" "));
    }
    Ok(())
}
