//! `quorate elect`: a command while one is the leader.

use std::process::ExitCode;

use client::Sessions;
use recipes::Latch;
use runtime::Runtime;
use serde_json::json;

use crate::under::{self, Ended, Outcome, Plan, Signals};

/// Stands for election, among others that do the same or use Curator's LeaderLatch or quorate-recipes, and runs a command while it leads.
///
/// When the leadership is lost, the command is stopped (SIGTERM, and SIGKILL after --grace), and run again when this process leads again, in another
/// session if need be. When the command ends by itself, so does this, and lets others lead. The command's environment has QUORATE_FENCING_TOKEN, a
/// number that is higher than that of every leader before: what it changes should refuse lower ones. The command is not stopped if this
/// process itself is killed.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(crate) struct Args {
    /// The election's znode; it is made if it does not exist.
    #[arg(value_parser = crate::tree::path)]
    path: String,
    /// Who this is, for others to see; by default the machine's name and the process's number.
    #[arg(long, value_name = "TEXT")]
    id: Option<String>,
    #[command(flatten)]
    under: under::Flags,
}

fn after_help() -> String {
    format!(
        "Examples:
  quorate elect /scheduler/leader -- ./scheduler
  quorate elect --id east-1 --server zk1:2181,zk2:2181 /scheduler/leader -- ./scheduler

{}",
        under::EXIT_STATUS
    )
}

pub(crate) fn run(args: &Args) -> ExitCode {
    under::start(args.under.plan(), async |plan| stand(args, &plan).await)
}

async fn stand(args: &Args, plan: &Plan) -> anyhow::Result<Outcome> {
    let mut signals = Signals::take()?;
    let runtime = Runtime::system();
    let sessions = tokio::select! {
        biased;
        signal = signals.next() => return Ok(Outcome::Interrupted(signal.as_raw())),
        sessions = Sessions::open(&runtime, &plan.servers, plan.options.clone()) => sessions?,
    };
    let latch = Latch::join(&sessions, &args.path, &args.id.clone().unwrap_or_else(default_id));
    let outcome = loop {
        plan.tell("waiting", json!({ "path": args.path }));
        let leadership = tokio::select! {
            biased;
            signal = signals.next() => break Outcome::Interrupted(signal.as_raw()),
            leadership = latch.leader() => leadership,
        };
        let leadership = leadership.expect("the sessions are closed at the end");
        let lost = leadership.lost();
        match plan.run(&runtime.clock, &args.path, leadership.token(), &mut signals, lost).await {
            Ended::ByItself(status) => break Outcome::Ended(status),
            Ended::NotStarted(error) => break Outcome::NotStarted(error.kind()),
            Ended::Stopped(_) => {}
        }
    };
    // With the session goes the candidacy.
    if let Err(error) = sessions.close().await {
        plan.complain("the candidacy ends with the session", &error);
    }
    Ok(outcome)
}

fn default_id() -> String {
    let machine = rustix::system::uname();
    format!("{}:{}", machine.nodename().to_string_lossy(), std::process::id())
}
