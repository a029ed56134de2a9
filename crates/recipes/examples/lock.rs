//! Holds a lock for ten seconds: `lock SERVERS PATH`. Run several, and stop the one that holds it.
#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use client::{Client, Options};
use recipes::Lock;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lock SERVERS PATH".into());
    };
    let runtime = Runtime::system();
    let client = Client::connect(&runtime, &servers, Options::default()).await?;
    let lock = Lock::new(&client, &path).with_data(b"an example");
    for participant in lock.participants().await? {
        println!("before this one: {}", participant.path);
    }
    let guard = lock.acquire().await?;
    println!("held by {}, token {}", guard.path(), guard.token());
    tokio::select! {
        biased;
        loss = guard.lost() => println!("{loss}"),
        () = guard.revoked() => println!("asked to let go"),
        () = runtime.clock.sleep(Duration::from_secs(10)) => println!("done"),
    }
    guard.release().await?;
    Ok(client.close().await?)
}
