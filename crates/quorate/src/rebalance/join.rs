//! `quorate rebalance join`.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use client::Sessions;
use rebalancer::{Mode, Options, Policy, Rebalancer, Weight};
use runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::commands::Commands;
use super::seconds;
use crate::connection::Connection;
use crate::failure::Failure;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The group's znode; it is made if it is not there. Resources are the children of its child `resources`.
    #[arg(value_parser = crate::tree::path, value_name = "GROUP-PATH")]
    group: String,
    /// How resources are handed over; the same for all members.
    #[arg(long, value_enum, default_value_t = AskedMode::Resource)]
    mode: AskedMode,
    /// How resources are shared out while this member coordinates.
    #[arg(long, value_enum, default_value_t = AskedPolicy::Sticky)]
    policy: AskedPolicy,
    /// How much this member wants, in proportion to others.
    #[arg(long, default_value = "1", value_parser = weight, value_name = "1..1000000")]
    weight: Weight,
    /// Shell command for each resource that this member gets; must return once the resource is in use. It finds the
    /// resource in QUORATE_RESOURCE and the number to show wherever the resource is changed in QUORATE_TOKEN.
    #[arg(long, value_name = "CMD")]
    on_start: String,
    /// Shell command for each resource that this member loses; must return once it is certainly not in use any more. Also
    /// for one whose start command was given up in the middle.
    #[arg(long, value_name = "CMD")]
    on_stop: String,
    /// How long all start commands of one hand-over may take together.
    #[arg(long, default_value = "30", value_parser = seconds, value_name = "SECONDS")]
    start_deadline: Duration,
    /// How long all stop commands of one hand-over may take together; a quarter of the session's time at most.
    #[arg(long, default_value = "2", value_parser = seconds, value_name = "SECONDS")]
    stop_deadline: Duration,
    /// How long commands that are given up, with all that they started, have from SIGTERM to SIGKILL; stop commands wait for
    /// that, so it is less than --stop-deadline. [default: a quarter of --stop-deadline]
    #[arg(long, value_parser = seconds, value_name = "SECONDS")]
    grace: Option<Duration>,
    /// How long to wait before starting.
    #[arg(long, default_value = "0", value_parser = seconds, value_name = "SECONDS")]
    assignment_delay: Duration,
    /// How long an allocation is left alone at least while this member coordinates.
    #[arg(long, default_value = "1", value_parser = seconds, value_name = "SECONDS")]
    interval_min: Duration,
    /// How long the session outlives a silent member; servers may change it.
    #[arg(long, default_value = "10", value_parser = seconds, value_name = "SECONDS")]
    session_timeout: Duration,
}

#[derive(Clone, Copy, ValueEnum)]
enum AskedMode {
    /// One by one: what stays with a member is not interrupted.
    Resource,
    /// All stop, then all start.
    Global,
}

#[derive(Clone, Copy, ValueEnum)]
enum AskedPolicy {
    /// As few resources move as possible.
    Sticky,
    /// In turn, by name.
    RoundRobin,
}

fn weight(text: &str) -> Result<Weight, String> {
    let weight = text.parse().ok().and_then(Weight::new);
    weight.ok_or_else(|| format!("it is no number from 1 to {}", Weight::MAX))
}

impl Args {
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.grace() < self.stop_deadline || self.grace.is_none() {
            return Ok(());
        }
        let (grace, deadline) = (self.grace(), self.stop_deadline);
        Err(Failure::Usage(format!("--grace {grace:?} must be less than --stop-deadline {deadline:?}")))
    }

    fn grace(&self) -> Duration {
        self.grace.unwrap_or(self.stop_deadline / 4)
    }
}

pub(super) async fn run(connection: &Connection, args: &Args) -> Result<()> {
    let (target, mut options) = (connection.server(), connection.options()?);
    options.session_timeout = args.session_timeout;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let runtime = Runtime::system();
    let sessions = Sessions::open(&runtime, target, options).await?;
    let commands = Commands::new(&runtime, &args.on_start, &args.on_stop, args.grace());
    let options = Options {
        mode: match args.mode {
            AskedMode::Resource => Mode::Resource,
            AskedMode::Global => Mode::Global,
        },
        policy: match args.policy {
            AskedPolicy::Sticky => Policy::Sticky,
            AskedPolicy::RoundRobin => Policy::RoundRobin,
        },
        weight: args.weight,
        interval_min: args.interval_min,
        assignment_delay: args.assignment_delay,
        start_deadline: args.start_deadline,
        stop_deadline: args.stop_deadline,
        ..Options::default()
    };
    let mut rebalancer = Rebalancer::join(&sessions, &args.group, commands.clone(), options)?;
    eprintln!("joining {}", args.group);
    let outcome = tokio::select! {
        biased;
        outcome = rebalancer.ended() => outcome,
        _ = terminate.recv() => rebalancer.leave().await,
        _ = interrupt.recv() => rebalancer.leave().await,
    };
    commands.gone().await;
    if let Err(error @ rebalancer::Error::Stop { .. }) = outcome {
        // Whoever gets these next waits for the session to end by itself: this process must not end it.
        std::mem::forget(sessions);
        return Err(error.into());
    }
    // The session would end by itself.
    let _ = sessions.close().await;
    Ok(outcome?)
}
