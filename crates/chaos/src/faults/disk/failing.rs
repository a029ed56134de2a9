//! Disks that fail.

use anyhow::Result;

use super::image;
use crate::disk::Image;
use crate::faults::stage::list;
use crate::faults::{Bite, Fault, Stage, Who};
use crate::net::HostId;

/// A disk fails, so that its node must end by itself: it can't know any more what is on it. At the end the disk is good
/// again, and the node is started.
pub struct FailDisk {
    name: &'static str,
    who: Who,
    fail: fn(&mut Image) -> Result<()>,
    mend: fn(&mut Image) -> Result<()>,
    /// Whether whatever the node does needs the disk: then it may not go on.
    fails_everything: bool,
    hosts: Vec<HostId>,
    ends: Vec<String>,
}

impl FailDisk {
    /// A disk is full until there is space again.
    pub fn full(who: Who) -> Self {
        Self::new("disk full", who, |image| image.fill(), |image| image.unfill())
    }

    /// A device fails to write, and every sync after it.
    pub fn broken(who: Who) -> Self {
        // What the device refused is lost; the file system must not go on as if it were not.
        Self::new(
            "write and fsync errors",
            who,
            |image| image.break_device(),
            |image| {
                image.mend_device()?;
                image.remount()
            },
        )
    }

    /// A file system answers everything with errors from one moment on: the next sync fails, whatever it was for.
    pub fn lost(who: Who) -> Self {
        let lose = |image: &mut Image| image.cut().map(drop);
        let lost = Self::new("every write and fsync fails", who, lose, |image| image.remount());
        Self { fails_everything: true, ..lost }
    }

    fn new(
        name: &'static str,
        who: Who,
        fail: fn(&mut Image) -> Result<()>,
        mend: fn(&mut Image) -> Result<()>,
    ) -> Self {
        Self { name, who, fail, mend, fails_everything: false, hosts: Vec::new(), ends: Vec::new() }
    }

    fn look(&mut self, stage: &mut Stage) -> Result<()> {
        for host in &self.hosts {
            let node = stage.world.node(*host);
            if let Some(status) = node.ended()? {
                let words = node.last_words();
                let last = words.lines().last().unwrap_or("no word");
                self.ends.push(format!("node {} ended by itself with {status}: {last}", host.0));
            }
        }
        Ok(())
    }
}

impl Fault for FailDisk {
    fn name(&self) -> String {
        format!("{} on {}", self.name, self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            stage.excused.insert(*host);
            (self.fail)(image(stage, *host)?)?;
        }
        Ok(())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        self.look(stage)
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        self.look(stage)?;
        for host in &self.hosts {
            let went_on = stage.world.node(*host).kill()?;
            if went_on && self.fails_everything {
                let number = host.0;
                stage.complaints.push(format!("node {number} went on though its disk answered with errors"));
            }
            (self.mend)(image(stage, *host)?)?;
            stage.excused.remove(host);
            stage.world.node(*host).start()?;
        }
        Ok(match self.ends.as_slice() {
            [] => Bite::Toothless("the node went on: it did not need the disk meanwhile".into()),
            ends => Bite::Bit(ends.join("; ")),
        })
    }
}
