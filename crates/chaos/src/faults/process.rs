//! Processes that are killed, stopped and restarted.

use std::time::Duration;

use anyhow::Result;

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::net::HostId;
use crate::time;

/// kill -9; started again at the end.
pub struct Kill {
    who: Who,
    hosts: Vec<HostId>,
    killed: usize,
}

impl Kill {
    /// Of these nodes.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), killed: 0 }
    }
}

impl Fault for Kill {
    fn name(&self) -> String {
        format!("kill {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            self.killed += usize::from(stage.world.node(*host).kill()?);
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            stage.world.node(*host).start()?;
        }
        let all = self.killed == self.hosts.len() && self.killed > 0;
        Ok(Bite::when(all, format!("{} of {} processes ended by SIGKILL", self.killed, self.hosts.len())))
    }
}

/// SIGSTOP, and SIGCONT at the end: the process stands still and knows nothing of it.
pub struct Pause {
    who: Who,
    hosts: Vec<HostId>,
    stopped: usize,
}

impl Pause {
    /// Of these nodes.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), stopped: 0 }
    }
}

impl Fault for Pause {
    fn name(&self) -> String {
        format!("pause {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            self.stopped += usize::from(stage.world.node(*host).pause()?);
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            stage.world.node(*host).resume()?;
        }
        let all = self.stopped == self.hosts.len() && self.stopped > 0;
        let shown =
            format!("the kernel showed {} of {} processes as stopped", self.stopped, self.hosts.len());
        Ok(Bite::when(all, shown))
    }
}

/// Every node in turn is stopped by SIGTERM and started again, as for an upgrade.
#[derive(Default)]
pub struct RollingRestart {
    restarted: usize,
    longest: Duration,
}

/// How long a node may take to serve again.
const SERVE_MAX: Duration = Duration::from_secs(30);

impl Fault for RollingRestart {
    fn name(&self) -> String {
        "rolling restart".into()
    }

    fn detail(&self) -> String {
        format!("{} nodes", self.restarted)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        for host in stage.shuffled() {
            let node = stage.world.node(host);
            match node.stop() {
                Ok(took) => self.longest = self.longest.max(took),
                Err(error) => stage.complaints.push(format!("{error:#}")),
            }
            let node = stage.world.node(host);
            if !node.is_up() {
                node.start()?;
                self.restarted += 1;
            }
            if time::wait_for(SERVE_MAX, || Ok(node.srvr()))?.is_none() {
                stage
                    .complaints
                    .push(format!("node {} did not serve within {SERVE_MAX:?} of its restart", host.0));
            }
        }
        Ok(())
    }

    fn end(&mut self, _stage: &mut Stage) -> Result<Bite> {
        let shown =
            format!("{} nodes ended after SIGTERM, the slowest in {:?}", self.restarted, self.longest);
        Ok(Bite::when(self.restarted > 0, shown))
    }
}
