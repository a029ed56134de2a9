//! Two readers share a lock, and a writer waits for them: `read_write_lock SERVERS PATH`.
#![allow(clippy::print_stdout, reason = "an example")]

use client::{Client, Options};
use recipes::ReadWriteLock;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: read_write_lock SERVERS PATH".into());
    };
    let client = Client::connect(&Runtime::system(), &servers, Options::default()).await?;
    let lock = ReadWriteLock::new(&client, &path);
    let (one, other) = (lock.read().acquire().await?, lock.read().acquire().await?);
    println!("two read, with tokens {} and {}", one.token(), other.token());
    println!("a writer gets in meanwhile: {}", lock.write().try_acquire().await?.is_some());
    one.release().await?;
    other.release().await?;
    let writer = lock.write().acquire().await?;
    println!("one writes, with token {}", writer.token());
    writer.release().await?;
    Ok(client.close().await?)
}
