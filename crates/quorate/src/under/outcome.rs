//! How it all ended, as an exit status.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

/// How `quorate lock` and `quorate elect` end.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// As the command did.
    Ended(ExitStatus),
    /// The lock was lost, so the command was stopped.
    Lost,
    /// The lock was not had in time.
    Late,
    /// A signal came before the command was run.
    Interrupted(i32),
    /// The command could not be started.
    NotStarted(io::ErrorKind),
    /// Servers could not be reached, or refused.
    Failed,
}

pub(crate) const EXIT_STATUS: &str =
    "Exit status: that of the command (128 and the signal's number if one ended it), or
  2    wrong usage
  123  the lock or the leadership was lost, and the command was stopped
  124  the lock was not had within --wait
  125  servers can't be reached, or refuse
  126  the command can't be run
  127  there is no such command
  130, 143, ...  interrupted before the command was run";

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        ExitCode::from(match outcome {
            Outcome::Ended(status) => code(status),
            Outcome::Lost => 123,
            Outcome::Late => 124,
            Outcome::Failed => 125,
            Outcome::NotStarted(io::ErrorKind::NotFound) => 127,
            Outcome::NotStarted(_) => 126,
            Outcome::Interrupted(signal) => of_signal(signal),
        })
    }
}

/// As a shell tells it.
pub(super) fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => of_signal(signal),
        (None, None) => u8::MAX,
    }
}

fn of_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
