//! As many requests as this client and a server manage, on several sessions with several requests outstanding each. `cargo
//! xtask bench-clients` compares it with the same in other languages.
//!
//! ```text
//! load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS
//! ```
#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::env::args;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, Options};
use runtime::{Pool, Runtime};

/// What all tasks share.
#[derive(Default)]
struct Tally {
    answers: AtomicU64,
    is_over: AtomicBool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = args().skip(1).collect();
    let [hosts, op, sessions, outstanding, bytes, warm_up, seconds] = &arguments[..] else {
        return Err("usage: load HOSTS get|set SESSIONS OUTSTANDING BYTES WARM_UP_SECONDS SECONDS".into());
    };
    let (sessions, outstanding): (usize, usize) = (sessions.parse()?, outstanding.parse()?);
    let data: Arc<[u8]> = vec![b'x'; bytes.parse()?].into();
    let (warm_up, seconds): (f64, f64) = (warm_up.parse()?, seconds.parse()?);
    let writes = op == "set";

    let runtime = Runtime::system();
    let tally = Arc::new(Tally::default());
    let mut tasks = Vec::new();
    for number in 0..sessions {
        let client = Client::connect(&runtime, hosts, Options::default()).await?;
        let prefix = format!("/load-rust-{number}-");
        let (path, _) =
            client.create(&prefix, Some(&data), &Acl::open(), CreateMode::EphemeralSequential).await?;
        let path: Arc<str> = path.into();
        for _ in 0..outstanding {
            let (client, path, data) = (client.clone(), Arc::clone(&path), Arc::clone(&data));
            tasks.push(runtime.spawn(Pool::Clients, work(client, path, data, writes, Arc::clone(&tally))));
        }
    }
    runtime.clock.sleep(Duration::from_secs_f64(warm_up)).await;
    let (before, began) = (tally.answers.load(Ordering::Relaxed), runtime.clock.now());
    runtime.clock.sleep(Duration::from_secs_f64(seconds)).await;
    let answers = tally.answers.load(Ordering::Relaxed) - before;
    let took = runtime.clock.now().saturating_since(began);
    println!("{{\"ops_per_sec\":{:.0}}}", answers as f64 / took.as_secs_f64());
    tally.is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.join().await;
    }
    Ok(())
}

async fn work(client: Client, path: Arc<str>, data: Arc<[u8]>, writes: bool, tally: Arc<Tally>) {
    while !tally.is_over.load(Ordering::Relaxed) {
        let done = if writes {
            client.set(&path, Some(&data), AnyVersion).await.map(drop)
        } else {
            client.get(&path).await.map(drop)
        };
        match done {
            Ok(()) => tally.answers.fetch_add(1, Ordering::Relaxed),
            Err(error) => panic!("{error}"),
        };
    }
}
