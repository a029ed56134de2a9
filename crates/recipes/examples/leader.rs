//! Stands for election until it is interrupted: `leader SERVERS PATH ID`. Run several, and stop the leader, or its server.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Options, Sessions};
use recipes::Latch;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(path), Some(id)) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: leader SERVERS PATH ID".into());
    };
    let sessions = Sessions::open(&Runtime::system(), &servers, Options::default()).await?;
    let latch = Latch::join(&sessions, &path, &id);
    let lead = async {
        while let Some(leadership) = latch.leader().await {
            println!("{id} leads, with epoch {}", leadership.token());
            println!("{id} leads no longer: {}", leadership.lost().await);
        }
    };
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {}
        () = lead => {}
    }
    latch.leave().await;
    Ok(sessions.close().await?)
}
