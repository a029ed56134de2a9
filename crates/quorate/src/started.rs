//! A process that this program starts, and all that it starts in turn.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use runtime::Clock;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};

/// How often a group that is to end is looked at: the kernel tells nobody that a group is empty.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Started {
    child: Child,
    pid: Option<Pid>,
    has_group: bool,
}

impl Started {
    /// Starts it in a process group of its own, so that what it starts is signalled and stopped with it. Who leaves that group
    /// (`setsid`) is not.
    ///
    /// # Errors
    /// When it can't be started.
    pub(crate) fn in_group(mut command: Command) -> io::Result<Self> {
        command.process_group(0);
        Self::start(command, true)
    }

    /// Starts it in the process group of this program, where it can read from the terminal; it alone is signalled and stopped.
    ///
    /// # Errors
    /// When it can't be started.
    pub(crate) fn on_terminal(command: Command) -> io::Result<Self> {
        Self::start(command, false)
    }

    fn start(mut command: Command, has_group: bool) -> io::Result<Self> {
        let child = command.spawn()?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, pid, has_group })
    }

    /// Waits until it has ended by itself, whatever it started.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// To be called while it has not ended.
    pub(crate) fn send(&self, signal: Signal) {
        let Some(pid) = self.pid else { return };
        // Who has ended already needs no signal.
        let _ = if self.has_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) };
    }

    /// Asks it and its group to end, and kills what is left of them after `grace`.
    pub(crate) async fn stop(mut self, clock: &Clock, grace: Duration) {
        self.send(Signal::TERM);
        if clock.timeout(grace, self.gone(clock)).await.is_err() {
            // The group's number is still its own: it is free once nobody is in it.
            self.send(Signal::KILL);
            let _ = self.child.wait().await;
        }
    }

    /// Completes when it and all others of its group have ended.
    async fn gone(&mut self, clock: &Clock) {
        let _ = self.child.wait().await;
        while self.has_group && self.pid.is_some_and(|pid| test_kill_process_group(pid).is_ok()) {
            clock.sleep(LOOK).await;
        }
    }
}
