//! A server process on its host.

mod membership;
mod probe;
mod program;
mod witness;

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

pub use membership::{Member, Request, members};
pub use probe::{Srvr, srvr};
pub use program::{CLIENT_PORT, ClockSetting, Join, Kind, Place, Program};
pub use witness::{Reading, Witness, tell_time};

use crate::disk::Disk;
use crate::net::{HostId, Namespace, address};
use crate::time;

/// A node after SIGTERM is killed after so long.
const STOP_MAX: Duration = Duration::from_secs(20);
/// Lines of the log that are shown when a node ends by itself.
const LAST_LINES: usize = 6;

/// A node: its host, its disk, and its process if it runs. Dropped, the process is killed and the host is gone.
///
/// What was taken out of the cluster leaves its host behind: another node can be there later, with another number.
pub struct Node {
    /// Its host on the switch.
    pub host: HostId,
    /// Its network.
    pub namespace: Namespace,
    /// Where its data is.
    pub disk: Disk,
    program: Program,
    place: Place,
    log: PathBuf,
    process: Option<Child>,
    paused: bool,
    starts: u32,
}

impl Node {
    /// A node that has never run.
    pub fn new(host: HostId, namespace: Namespace, disk: Disk, program: Program, place: Place) -> Self {
        let log = place.home.join("log");
        Self { host, namespace, disk, program, place, log, process: None, paused: false, starts: 0 }
    }

    /// Its process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Whether it was started and is not known to have ended.
    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Whether it is stopped by SIGSTOP.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// How often it was started.
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// Its number in the cluster.
    pub fn number(&self) -> u8 {
        self.place.number
    }

    /// Where it keeps its data.
    pub fn data(&self) -> PathBuf {
        self.disk.folder().join("data")
    }

    /// What its process wrote.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Where it listens for clients.
    pub fn client_address(&self) -> String {
        format!("{}:{CLIENT_PORT}", address(self.host))
    }

    /// Starts the process.
    ///
    /// # Errors
    /// If it runs already, or the program can't be started.
    pub fn start(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "node {} runs already", self.host.0);
        let data = self.data();
        std::fs::create_dir_all(&data).with_context(|| format!("make {}", data.display()))?;
        let log =
            OpenOptions::new().create(true).append(true).open(&self.log).context("open a node's log")?;
        let mut command = self.program.command(&self.place, &data)?;
        // A group of its own: what is typed at the terminal is for the harness.
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let started = self.namespace.inside(|| command.spawn())?;
        self.process = Some(started.with_context(|| format!("start {command:?}"))?);
        self.starts += 1;
        Ok(())
    }

    /// kill -9. False if it did not run, or had ended by itself.
    ///
    /// # Errors
    /// If it can't be waited for.
    pub fn kill(&mut self) -> Result<bool> {
        self.paused = false;
        let Some(mut process) = self.process.take() else { return Ok(false) };
        // It may be ending by itself; the status tells.
        let _ = process.kill();
        let status = process.wait().context("wait for a node that was killed")?;
        Ok(status.signal() == Some(Signal::KILL.as_raw()))
    }

    /// SIGTERM, and waits. Returns how long it took.
    ///
    /// # Errors
    /// If it does not run, or does not end as it should: with status 0 and in time.
    pub fn stop(&mut self) -> Result<Duration> {
        let began = time::elapsed();
        self.signal(Signal::TERM)?;
        let ended = time::wait_for(STOP_MAX, || self.ended())?;
        let took = time::elapsed() - began;
        match ended {
            Some(status) if self.program.ends_well(status) => Ok(took),
            Some(status) => bail!("node {} answered SIGTERM with {status}", self.host.0),
            None => {
                self.kill()?;
                bail!("node {} did not end within {STOP_MAX:?} of SIGTERM", self.host.0)
            }
        }
    }

    /// SIGSTOP. True if the kernel says that the process is stopped.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause(&mut self) -> Result<bool> {
        self.signal(Signal::STOP)?;
        self.paused = true;
        let stopped =
            time::wait_for(Duration::from_secs(1), || Ok((self.state() == Some('T')).then_some(())))?;
        Ok(stopped.is_some())
    }

    /// SIGCONT.
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.paused = false;
        self.signal(Signal::CONT)
    }

    /// How it ended, if it ended by itself. From then on it counts as down.
    ///
    /// # Errors
    /// If the kernel can't tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let ended = process.try_wait().context("look after a node's process")?;
        if ended.is_some() {
            self.process = None;
            self.paused = false;
        }
        Ok(ended)
    }

    /// Ends the process if it runs, and removes all data: the host waits for another node.
    ///
    /// # Errors
    /// If something can't be removed.
    pub fn retire(&mut self) -> Result<()> {
        self.kill()?;
        let data = self.data();
        if data.exists() {
            std::fs::remove_dir_all(&data).with_context(|| format!("remove {}", data.display()))?;
        }
        self.starts = 0;
        Ok(())
    }

    /// Starts a new node of this number here. It founds nothing but asks to be let in.
    ///
    /// # Errors
    /// If a node is here already, or it can't be started.
    pub fn enter(&mut self, number: u8, join: Join) -> Result<()> {
        ensure!(self.starts == 0, "there is a node on host {} already", self.host.0);
        self.place.number = number;
        self.place.joins = Some(join);
        self.start()
    }

    /// From its next start on it runs another program of the same kind.
    pub fn use_program(&mut self, path: &Path) {
        self.program.path = path.to_owned();
    }

    /// The file that its process runs, as the kernel shows it.
    pub fn executable(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/exe", self.pid()?)).ok()
    }

    /// Sets its clock. Matters only to a program whose clock is faked.
    ///
    /// # Errors
    /// If the file that says so can't be written.
    pub fn set_clock(&self, setting: ClockSetting) -> Result<()> {
        self.place.set_clock(setting)
    }

    /// A process whose clocks show what this node's do; `None` if this node's are not faked.
    ///
    /// # Errors
    /// If that process can't be started.
    pub fn clock_witness(&self) -> Result<Option<Witness>> {
        let Some(pid) = self.pid() else { return Ok(None) };
        let maps =
            std::fs::read_to_string(format!("/proc/{pid}/maps")).context("read what a node has mapped")?;
        if !maps.contains("libfaketime") {
            return Ok(None);
        }
        Witness::start(&self.program, &self.place).map(Some)
    }

    /// What it says of itself, if it answers.
    pub fn srvr(&self) -> Option<Srvr> {
        self.pid().and_then(|_| self.namespace.inside(|| srvr(&self.client_address())).ok().flatten())
    }

    /// Whether any of its threads waits for a disk.
    pub fn waits_for_disk(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
        let stat = |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("stat")).ok();
        threads.flatten().filter_map(stat).any(|stat| state_of(&stat) == Some('D'))
    }

    /// The last lines of its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log[log.len().saturating_sub(8192)..]).into_owned();
        // Files are named below the run's folder, which is gone when somebody reads this.
        let run = self.place.home.parent().map(|run| format!("{}/", run.display())).unwrap_or_default();
        let log = log.replace(&run, "");
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn state(&self) -> Option<char> {
        state_of(&std::fs::read_to_string(format!("/proc/{}/stat", self.pid()?)).ok()?)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.pid().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        let pid = pid.with_context(|| format!("node {} does not run", self.host.0))?;
        kill_process(pid, signal).with_context(|| format!("send {signal:?} to node {}", self.host.0))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.disk.thaw();
        // A process that can't be waited for is the kernel's business.
        let _ = self.kill();
    }
}

/// The state in a line of `/proc/PID/stat`: it follows the command's name, which may contain anything (proc(5)).
fn state_of(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_stands_behind_the_name() {
        assert_eq!(state_of("42 (a) D (x)) T 1 2 3"), Some('T'));
        assert_eq!(state_of("nonsense"), None);
    }
}
