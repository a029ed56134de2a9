//! Power cuts.

use anyhow::Result;

use super::image;
use crate::faults::stage::list;
use crate::faults::{Bite, Fault, Stage, Who};
use crate::net::{CLIENTS, HostId, Overlay, Quality};

/// The power of nodes is cut: what their file system had not written is lost, and their process is gone.
pub struct CutPower {
    who: Who,
    hosts: Vec<HostId>,
    cut: usize,
    silence: Option<Overlay>,
}

impl CutPower {
    /// Of these nodes, at the same time.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), cut: 0, silence: None }
    }

    /// How many file systems took no write any more after the cut.
    pub fn cuts(&self) -> usize {
        self.cut
    }
}

impl Fault for CutPower {
    fn name(&self) -> String {
        format!("power cut of {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        stage.excused.extend(&self.hosts);
        // A machine without power says nothing, not even that its connections are closed. Half of the time the disk goes
        // first, so that a node that does not heed its errors would be heard.
        if stage.flip() {
            self.silence(stage);
        }
        for host in &self.hosts {
            self.cut += usize::from(image(stage, *host)?.cut()?);
        }
        if self.silence.is_none() {
            self.silence(stage);
        }
        for host in &self.hosts {
            stage.world.node(*host).kill()?;
        }
        for host in &self.hosts {
            image(stage, *host)?.remount()?;
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        if let Some(silence) = self.silence.take() {
            stage.world.switch.lift(&silence);
        }
        for host in &self.hosts {
            stage.world.node(*host).start()?;
            stage.excused.remove(host);
        }
        let all = self.cut == self.hosts.len() && self.cut > 0;
        Ok(Bite::when(
            all,
            format!("{} of {} file systems took no write after it", self.cut, self.hosts.len()),
        ))
    }
}

impl CutPower {
    fn silence(&mut self, stage: &Stage) {
        let mut all = stage.members();
        all.push(CLIENTS);
        let mut faults = Vec::new();
        for host in &self.hosts {
            for other in all.iter().filter(|other| *other != host) {
                faults.extend([((*host, *other), Quality::cut()), ((*other, *host), Quality::cut())]);
            }
        }
        self.silence = Some(stage.world.switch.lay(faults));
    }
}
