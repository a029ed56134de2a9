//! The command's process.

use std::io::{self, IsTerminal};
use std::process::ExitStatus;
use std::time::Duration;

use recipes::Loss;
use runtime::Clock;
use rustix::process::Signal;
use tokio::process::Command;

use super::signals::Signals;
use crate::started::Started;

/// How the command ended.
pub(crate) enum Ended {
    ByItself(ExitStatus),
    Stopped(Loss),
    NotStarted(io::Error),
}

/// Runs `command` until it ends; stops it when `lost` completes. Signals are passed on to it.
///
/// It gets a process group of its own, so that what it starts is stopped with it. A command on a terminal stays in the terminal's
/// foreground group, without which it could not read from it; then it alone is stopped.
pub(crate) async fn run(
    command: Command,
    clock: &Clock,
    grace: Duration,
    signals: &mut Signals,
    lost: impl Future<Output = Loss>,
) -> Ended {
    let has_group = !io::stdin().is_terminal();
    let started = if has_group { Started::in_group(command) } else { Started::on_terminal(command) };
    let mut started = match started {
        Ok(started) => started,
        Err(error) => return Ended::NotStarted(error),
    };
    tokio::pin!(lost);
    loop {
        tokio::select! {
            biased;
            loss = &mut lost => {
                started.stop(clock, grace).await;
                return Ended::Stopped(loss);
            }
            status = started.ended() => return status.map_or_else(Ended::NotStarted, Ended::ByItself),
            // The terminal has told its foreground group already.
            signal = signals.next() => if has_group || signal != Signal::INT { started.send(signal) },
        }
    }
}
