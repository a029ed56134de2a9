//! Has a lease for ten seconds: `semaphore SERVERS PATH LEASES`. Run more than there are leases.
#![allow(clippy::print_stdout, reason = "an example")]

use std::time::Duration;

use client::{Client, Options};
use recipes::Semaphore;
use runtime::Runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(path), Some(leases)) = (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: semaphore SERVERS PATH LEASES".into());
    };
    let runtime = Runtime::system();
    let client = Client::connect(&runtime, &servers, Options::default()).await?;
    let lease = Semaphore::new(&client, &path, leases.parse()?).acquire().await?;
    println!("lease {}", lease.path());
    tokio::select! {
        biased;
        loss = lease.lost() => println!("{loss}"),
        () = runtime.clock.sleep(Duration::from_secs(10)) => println!("done"),
    }
    lease.release().await?;
    Ok(client.close().await?)
}
