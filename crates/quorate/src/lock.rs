//! `quorate lock`: a command under a lock.

use std::process::ExitCode;
use std::time::Duration;

use client::Client;
use recipes::{AcquireError, Guard, Lock, Naming, ReadWriteLock};
use runtime::Runtime;
use serde_json::json;

use crate::failure::Failure;
use crate::under::{self, Ended, Outcome, Plan, Signals};

/// Runs a command while holding a lock that it shares with programs that use Curator, kazoo or quorate-recipes. Who asks first gets it first.
///
/// The command's environment has QUORATE_FENCING_TOKEN, a number that is higher than that of every holder before: what the command changes should
/// refuse lower ones, since a command that was suspended may go on after its lock was given to others. When the lock is lost, or no
/// server has confirmed it for half of the session's timeout, the command gets SIGTERM, and SIGKILL after --grace. It is not stopped if this
/// process itself is killed.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Args {
    /// The lock's znode; it is made if it does not exist.
    #[arg(value_parser = crate::tree::path)]
    path: String,
    /// Wait for so many seconds at most; with 0, run the command only if the lock is free. By default there is no limit.
    #[arg(long, value_name = "SECONDS")]
    wait: Option<f64>,
    /// Hold it together with others that read.
    #[arg(long, conflicts_with = "write")]
    read: bool,
    /// Hold it alone, where others read.
    #[arg(long)]
    write: bool,
    /// Name the znode as kazoo does, not as Curator does.
    #[arg(long)]
    kazoo: bool,
    /// What to put into the znode, for others to see who holds the lock.
    #[arg(long, default_value = "", value_name = "TEXT")]
    id: String,
    #[command(flatten)]
    under: under::Flags,
}

fn after_help() -> String {
    format!(
        "Examples:
  quorate lock /jobs/nightly -- ./nightly.sh
  quorate lock --wait 0 --server zk1:2181,zk2:2181/app /jobs/nightly -- ./nightly.sh
  quorate lock --read /data -- sh -c 'backup --token $QUORATE_FENCING_TOKEN'

{}",
        under::EXIT_STATUS
    )
}

pub(crate) fn run(args: &Args) -> ExitCode {
    under::start(args.prepare(), async |(plan, wait)| hold(args, &plan, wait).await)
}

impl Args {
    fn prepare(&self) -> Result<(Plan, Option<Duration>), Failure> {
        let wait = self.wait.map(|wait| under::seconds("--wait", wait)).transpose()?;
        Ok((self.under.plan()?, wait))
    }

    fn lock(&self, client: &Client) -> Lock {
        let naming = if self.kazoo { Naming::Kazoo } else { Naming::Curator };
        let both = ReadWriteLock::new(client, &self.path);
        let lock = match (self.read, self.write) {
            (true, _) => both.read().clone(),
            (_, true) => both.write().clone(),
            _ => Lock::new(client, &self.path),
        };
        lock.named(naming).with_data(self.id.as_bytes())
    }
}

async fn hold(args: &Args, plan: &Plan, wait: Option<Duration>) -> anyhow::Result<Outcome> {
    let mut signals = Signals::take()?;
    let runtime = Runtime::system();
    let session = async {
        let client = Client::connect(&runtime, &plan.servers, plan.options.clone()).await?;
        plan.tell("waiting", json!({ "path": args.path }));
        Ok::<_, AcquireError>((acquire(&args.lock(&client), wait).await?, client))
    };
    let (guard, client) = tokio::select! {
        biased;
        // The session ends with what is dropped.
        signal = signals.next() => return Ok(Outcome::Interrupted(signal.as_raw())),
        session = session => session?,
    };
    let Some(guard) = guard else {
        plan.complain("not run", &format_args!("{} is locked by others", args.path));
        let _ = client.close().await;
        return Ok(Outcome::Late);
    };
    let ended = plan.run(&runtime.clock, &args.path, guard.token(), &mut signals, guard.lost()).await;
    let outcome = match ended {
        Ended::ByItself(status) => Outcome::Ended(status),
        Ended::NotStarted(error) => Outcome::NotStarted(error.kind()),
        // Nobody is waited for: the session may be out of reach.
        Ended::Stopped(_) => return Ok(Outcome::Lost),
    };
    // With the session goes the lock; the client's patience bounds how long that may take.
    if let Err(error) = client.close().await {
        plan.complain("the lock ends with the session", &error);
    }
    Ok(outcome)
}

async fn acquire(lock: &Lock, wait: Option<Duration>) -> Result<Option<Guard>, AcquireError> {
    match wait {
        None => lock.acquire().await.map(Some),
        Some(Duration::ZERO) => lock.try_acquire().await,
        Some(wait) => lock.acquire_within(wait).await,
    }
}
