//! Contends for locks, leases and leaderships until its standard input ends, and tells what it held, a JSON object a line. The tests
//! of interop/ run it beside programs with Curator and kazoo: `contender SERVERS FOLDER RECIPE...`
#![allow(clippy::print_stdout, reason = "a program for tests")]

use std::error::Error;
use std::time::Duration;

use client::{AnyVersion, Client, Effect, Options, Sessions};
use futures::future::join_all;
use recipes::{DoubleBarrier, Latch, Led, Lock, Loss, Naming, ReadWriteLock, Selector, Semaphore};
use runtime::{Pool, Runtime};
use tokio::sync::watch;

type Outcome = Result<(), Box<dyn Error>>;

/// Of this process, for each recipe.
const CONTENDERS: usize = 2;
/// Of all processes, at a double barrier.
const PARTIES: usize = 4;
const HOLD: Duration = Duration::from_millis(3);
const SESSION_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: contender SERVERS FOLDER RECIPE...".into());
    };
    let runtime = Runtime::system();
    let is_over = input_ended(&runtime);
    let options = Options { session_timeout: SESSION_TIMEOUT, ..Options::default() };
    let mut contenders = Vec::new();
    for recipe in arguments {
        for number in 0..CONTENDERS {
            let sessions = Sessions::open(&runtime, &servers, options.clone()).await?;
            let (recipe, folder) = (recipe.clone(), format!("{folder}/{recipe}"));
            contenders.push(Contender { number, recipe, folder, sessions, is_over: is_over.clone() });
        }
    }
    for outcome in join_all(contenders.iter().map(Contender::contend)).await {
        outcome?;
    }
    Ok(())
}

fn input_ended(runtime: &Runtime) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    let task_runtime = runtime.clone();
    runtime
        .spawn(Pool::Clients, async move {
            // Whatever it is that ends it.
            task_runtime
                .run_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()))
                .await
                .ok();
            sender.send_replace(true);
        })
        .detach();
    receiver
}

struct Contender {
    number: usize,
    recipe: String,
    folder: String,
    sessions: Sessions,
    is_over: watch::Receiver<bool>,
}

impl Contender {
    async fn contend(&self) -> Outcome {
        let mut round = self.number;
        while !*self.is_over.borrow() {
            let client = self.sessions.client().await?;
            match self.play(&client, round).await {
                // The next round is in another session.
                Err(_) if client.is_over() => {}
                played => played.map_err(|error| format!("{}: {error}", self.recipe))?,
            }
            round += 1;
        }
        Ok(())
    }

    async fn play(&self, client: &Client, round: usize) -> Outcome {
        let path = &self.folder;
        let naming = if round.is_multiple_of(2) { Naming::Curator } else { Naming::Kazoo };
        let both = ReadWriteLock::new(client, path);
        match self.recipe.as_str() {
            "lock" => self.lock(&Lock::new(client, path), "alone").await,
            "kazoo-lock" => self.lock(&Lock::new(client, path).named(naming), "alone").await,
            "read-write-lock" if round.is_multiple_of(3) => self.lock(both.write(), "alone").await,
            "read-write-lock" => self.lock(both.read(), "shared").await,
            "kazoo-read-write-lock" if round.is_multiple_of(3) => {
                self.lock(both.named(Naming::Kazoo).write(), "alone").await
            }
            "kazoo-read-write-lock" => self.lock(both.named(Naming::Kazoo).read(), "shared").await,
            "semaphore" => self.lease(&Semaphore::new(client, path, 2)).await,
            "kazoo-semaphore" => self.lease(&Semaphore::new(client, path, 2).named(Naming::Kazoo)).await,
            "double-barrier" => self.meet(client, path).await,
            "leader-latch" => self.latch(path).await,
            "leader-selector" => self.lead(&Selector::new(&self.sessions, path, "rust")).await,
            "kazoo-election" => {
                self.lead(&Selector::new(&self.sessions, path, "rust").named(Naming::Kazoo)).await
            }
            other => Err(format!("no recipe {other}").into()),
        }
    }

    async fn lock(&self, lock: &Lock, how: &str) -> Outcome {
        let guard = lock.acquire().await?;
        self.hold(guard.client(), how, guard.lost()).await?;
        Ok(guard.release().await?)
    }

    async fn lease(&self, semaphore: &Semaphore) -> Outcome {
        let lease = semaphore.acquire().await?;
        let client = self.sessions.client().await?;
        self.hold(&client, "lease", lease.lost()).await?;
        Ok(lease.release().await?)
    }

    async fn latch(&self, path: &str) -> Outcome {
        let latch = Latch::join(&self.sessions, path, "rust");
        let leadership = latch.leader().await.ok_or("the sessions are open")?;
        self.hold(leadership.client(), "alone", leadership.lost()).await?;
        latch.leave().await;
        Ok(())
    }

    async fn lead(&self, selector: &Selector) -> Outcome {
        let led = selector
            .lead(async |leadership| self.hold(leadership.client(), "alone", leadership.lost()).await);
        match led.await? {
            Led::Done(held) => held,
            Led::Lost(_) => Ok(()),
        }
    }

    /// Enters and leaves once, with kazoo's parties.
    async fn meet(&self, client: &Client, path: &str) -> Outcome {
        let clock = &client.runtime().clock;
        let mut barrier = DoubleBarrier::new(client, path, PARTIES).named(Naming::Kazoo);
        let begin = clock.wall_ms();
        barrier.enter().await?;
        self.tell("entering", begin, clock.wall_ms(), Some(false));
        let begin = clock.wall_ms();
        barrier.leave().await?;
        self.tell("leaving", begin, clock.wall_ms(), Some(false));
        self.is_over.clone().wait_for(|is_over| *is_over).await?;
        Ok(())
    }

    /// Counts what is held alone, in a znode that only holders write.
    async fn hold(&self, client: &Client, how: &str, lost: impl Future<Output = Loss>) -> Outcome {
        let clock = &client.runtime().clock;
        let begin = clock.wall_ms();
        let work = async {
            let counts = how == "alone" && self.recipe.ends_with("lock");
            let counted = if counts { self.count(client).await? } else { Some(false) };
            clock.sleep(HOLD).await;
            Ok::<_, Box<dyn Error>>(counted)
        };
        // What is lost was held until then; whether it was counted is not known.
        let counted = tokio::select! {
            biased;
            _ = lost => None,
            counted = work => counted?,
        };
        self.tell(how, begin, clock.wall_ms(), counted);
        Ok(())
    }

    fn tell(&self, how: &str, begin: i64, end: i64, counted: Option<bool>) {
        let recipe = &self.recipe;
        let counted = counted.map_or("null".to_owned(), |counted| counted.to_string());
        println!(
            "{{\"recipe\":\"{recipe}\",\"how\":\"{how}\",\"begin\":{begin},\"end\":{end},\"counted\":{counted}}}"
        );
    }

    /// Adds one; `None` if that may have happened or not.
    async fn count(&self, client: &Client) -> Result<Option<bool>, Box<dyn Error>> {
        let counter = format!("{}-counter", self.folder);
        let node = client.get(&counter).await?;
        let number: u64 = std::str::from_utf8(&node.data.unwrap_or_default())?.parse()?;
        match client.set(&counter, Some((number + 1).to_string().as_bytes()), AnyVersion).await {
            Ok(_) => Ok(Some(true)),
            Err(error) if error.effect == Effect::Unknown => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
