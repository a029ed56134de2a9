//! A member of a group that says what it owns: `cargo run -p quorate-rebalancer --example worker -- /groups/mail`.
//!
//! Add resources with `quorate tree create --parents /groups/mail/resources/inbox-1`, start several, and end some.

#![allow(clippy::print_stdout, reason = "an example for people")]

use client::{Options as ClientOptions, Sessions};
use rebalancer::{Failure, Grant, Handler, Options, Rebalancer, ResourceId};
use runtime::Runtime;

struct Worker;

impl Handler for Worker {
    async fn on_start(&self, grants: Vec<Grant>) -> Result<(), Failure> {
        for Grant { resource, token } in grants {
            // Here the application begins. Whatever it changes it changes with this token.
            println!("+ {resource} (token {token})");
        }
        Ok(())
    }

    async fn on_stop(&self, resources: Vec<ResourceId>) -> Result<(), Failure> {
        for resource in resources {
            // Here it ends, and only when it has ended does this return.
            println!("- {resource}");
        }
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let group = args.next().unwrap_or_else(|| "/groups/example".into());
    let servers = args.next().unwrap_or_else(|| "127.0.0.1:2181".into());
    let sessions = Sessions::open(&Runtime::system(), &servers, ClientOptions::default()).await?;
    let mut member = Rebalancer::join(&sessions, &group, Worker, Options::default())?;
    tokio::select! {
        biased;
        failed = member.ended() => failed?,
        _ = tokio::signal::ctrl_c() => member.leave().await?,
    }
    sessions.close().await?;
    Ok(())
}
