//! Processes that are killed and stopped.

use anyhow::Result;

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::net::HostId;

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
