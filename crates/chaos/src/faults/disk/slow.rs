//! Disks that stick or are slow.

use anyhow::{Context, Result};

use super::image;
use crate::faults::stage::list;
use crate::faults::{Bite, Fault, Stage, Who};
use crate::names;
use crate::net::HostId;

/// A disk answers nothing for a while.
pub struct StickDisk {
    who: Who,
    hosts: Vec<HostId>,
    looks: u32,
    waits: u32,
}

impl StickDisk {
    /// Of these nodes.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), looks: 0, waits: 0 }
    }
}

impl Fault for StickDisk {
    fn name(&self) -> String {
        format!("stuck disk of {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        self.hosts.iter().try_for_each(|host| image(stage, *host)?.freeze())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        look_for_waits(stage, &self.hosts, &mut self.looks, &mut self.waits);
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            stage.world.node(*host).disk.thaw();
        }
        Ok(waited_or_not(self.looks, self.waits))
    }
}

/// A disk is slow: it takes few writes a second.
pub struct SlowDisk {
    who: Who,
    writes_per_second: u32,
    hosts: Vec<HostId>,
    looks: u32,
    waits: u32,
}

/// Where the kernel limits devices for groups of processes (control groups, version 1).
pub(crate) const CONTROL_GROUPS: &str = "/sys/fs/cgroup/blkio";

impl SlowDisk {
    /// Of these nodes.
    pub fn new(who: Who, writes_per_second: u32) -> Self {
        Self { who, writes_per_second, hosts: Vec::new(), looks: 0, waits: 0 }
    }

    fn group(host: HostId) -> std::path::PathBuf {
        std::path::Path::new(CONTROL_GROUPS).join(format!("{}-{}", names::control_group(), host.0))
    }
}

impl Fault for SlowDisk {
    fn name(&self) -> String {
        format!("slow disk of {}", self.who.words())
    }

    fn detail(&self) -> String {
        format!("{}, {} writes a second", list(&self.hosts), self.writes_per_second)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            let device = image(stage, *host)?.device_numbers()?;
            let pid = stage.world.node(*host).pid().context("a node that was chosen runs")?;
            let group = Self::group(*host);
            std::fs::create_dir_all(&group).with_context(|| format!("make {}", group.display()))?;
            let limit = format!("{device} {}", self.writes_per_second);
            std::fs::write(group.join("blkio.throttle.write_iops_device"), limit).context("slow a device")?;
            std::fs::write(group.join("cgroup.procs"), pid.to_string()).context("slow a process")?;
        }
        Ok(())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        look_for_waits(stage, &self.hosts, &mut self.looks, &mut self.waits);
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            let root = std::path::Path::new(CONTROL_GROUPS).join("cgroup.procs");
            if let Some(pid) = stage.world.node(*host).pid() {
                // It may have ended meanwhile.
                let _ = std::fs::write(root, pid.to_string());
            }
            // Some of its writes may still be queued; what is left is found by `quorate-chaos clean`.
            let _ = std::fs::remove_dir(Self::group(*host));
        }
        Ok(waited_or_not(self.looks, self.waits))
    }
}

fn look_for_waits(stage: &mut Stage, hosts: &[HostId], looks: &mut u32, waits: &mut u32) {
    for host in hosts {
        *looks += 1;
        *waits += u32::from(stage.world.node(*host).waits_for_disk());
    }
}

fn waited_or_not(looks: u32, waits: u32) -> Bite {
    Bite::when(waits > 0, format!("in {waits} of {looks} looks a thread of the node waited for its disk"))
}
