//! The command's process, and all that it starts.

use std::io::{self, IsTerminal};
use std::process::ExitStatus;
use std::time::Duration;

use recipes::Loss;
use runtime::Clock;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use super::signals::Signals;

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
    mut command: Command,
    clock: &Clock,
    grace: Duration,
    signals: &mut Signals,
    lost: impl Future<Output = Loss>,
) -> Ended {
    let has_group = !io::stdin().is_terminal();
    if has_group {
        command.process_group(0);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Ended::NotStarted(error),
    };
    let target = Target { pid: pid(&child), has_group };
    tokio::pin!(lost);
    loop {
        tokio::select! {
            biased;
            loss = &mut lost => {
                target.send(Signal::TERM);
                // What is left of its group goes, whether or not it has ended by itself.
                let _ = clock.timeout(grace, child.wait()).await;
                target.send(Signal::KILL);
                let _ = child.wait().await;
                return Ended::Stopped(loss);
            }
            status = child.wait() => return status.map_or_else(Ended::NotStarted, Ended::ByItself),
            // The terminal has told its foreground group already.
            signal = signals.next() => if has_group || signal != Signal::INT { target.send(signal) },
        }
    }
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

struct Target {
    pid: Option<Pid>,
    has_group: bool,
}

impl Target {
    fn send(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        // Who has ended already needs no signal.
        let _ = if self.has_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }
}
