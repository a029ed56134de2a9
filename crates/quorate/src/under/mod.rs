//! What `quorate lock` and `quorate elect` have in common: they run a command as long as they may.

mod outcome;
mod process;
mod signals;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use client::Options;
use recipes::Token;
use serde_json::{Value, json};

pub(crate) use outcome::{EXIT_STATUS, Outcome};
pub(crate) use process::Ended;
use process::run;
pub(crate) use signals::Signals;

use crate::connection::Connection;
use crate::failure::Failure;

/// The flags that both have.
#[derive(clap::Args)]
pub(crate) struct Flags {
    #[command(flatten)]
    connection: Connection,
    /// How many seconds the session outlives a client that is cut off; servers may change it. The command is stopped after half of it.
    #[arg(long, default_value_t = 10.0, value_name = "SECONDS")]
    session_timeout: f64,
    /// How many seconds the command has from SIGTERM to SIGKILL. Keep it below half of the session's timeout: then it is over before anybody else has its turn.
    #[arg(long, default_value_t = 2.0, value_name = "SECONDS")]
    grace: f64,
    /// Tell what happens on standard error, one JSON object a line. Otherwise only what is wrong is told.
    #[arg(long)]
    json: bool,
    /// What to run, with its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// They, understood.
pub(crate) struct Plan {
    pub(crate) servers: String,
    pub(crate) options: Options,
    pub(crate) grace: Duration,
    pub(crate) command: Vec<OsString>,
    json: bool,
}

impl Flags {
    pub(crate) fn plan(&self) -> Result<Plan, Failure> {
        self.connection.check()?;
        let session_timeout = seconds("--session-timeout", self.session_timeout)?;
        Ok(Plan {
            servers: self.connection.server().to_owned(),
            options: Options { session_timeout, ..self.connection.options()? },
            grace: seconds("--grace", self.grace)?,
            command: self.command.clone(),
            json: self.json,
        })
    }
}

/// Does `work` with what was `prepared`, to its exit status.
pub(crate) fn start<T>(
    prepared: Result<T, Failure>,
    work: impl AsyncFnOnce(T) -> anyhow::Result<Outcome>,
) -> ExitCode {
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => {
            eprintln!("quorate: {failure}");
            return match failure {
                Failure::Usage(_) => failure.exit_code(),
                Failure::Running(_) => Outcome::Failed.into(),
            };
        }
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime");
    let outcome = tokio.and_then(|tokio| tokio.block_on(work(prepared)));
    outcome
        .unwrap_or_else(|error| {
            eprintln!("quorate: {error:#}");
            Outcome::Failed
        })
        .into()
}

/// A number of seconds given on the command line.
pub(crate) fn seconds(flag: &str, given: f64) -> Result<Duration, Failure> {
    match Duration::try_from_secs_f64(given) {
        Ok(duration) if given < 1e9 => Ok(duration),
        _ => Err(Failure::Usage(format!("{flag}: {given} is no number of seconds"))),
    }
}

impl Plan {
    /// Tells what happened, to programs.
    pub(crate) fn tell(&self, event: &str, mut with: Value) {
        if self.json {
            with["event"] = event.into();
            eprintln!("{with}");
        }
    }

    /// Tells what is wrong, to whoever reads.
    pub(crate) fn complain(&self, event: &str, why: &dyn std::fmt::Display) {
        if self.json {
            self.tell(event, json!({ "why": why.to_string() }));
        } else {
            eprintln!("quorate: {event}: {why}");
        }
    }

    /// Runs the command until it ends or `lost` completes; then it is stopped.
    pub(crate) async fn run(
        &self,
        clock: &runtime::Clock,
        path: &str,
        token: Token,
        signals: &mut Signals,
        lost: impl Future<Output = recipes::Loss>,
    ) -> Ended {
        self.tell("running", json!({ "path": path, "token": token.number() }));
        let mut command = tokio::process::Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        command.env("QUORATE_FENCING_TOKEN", token.to_string()).env("QUORATE_PATH", path);
        let ended = run(command, clock, self.grace, signals, lost).await;
        match &ended {
            Ended::ByItself(status) => self.tell("ended", json!({ "code": outcome::code(*status) })),
            Ended::Stopped(loss) => self.complain("lost, and the command was stopped", loss),
            Ended::NotStarted(error) => {
                self.complain(
                    "can't run the command",
                    &format_args!("{}: {error}", self.command[0].display()),
                );
            }
        }
        ended
    }
}
