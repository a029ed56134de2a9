//! Disks that lose their power, are full, fail, stick, or are slow.
//!
//! A node whose disk fails must end by itself: it can't know any more what is on it.

use anyhow::{Context, Result};

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::disk::Image;
use crate::names;
use crate::net::{CLIENTS, HostId, Overlay, Quality};

fn image(stage: &mut Stage, host: HostId) -> Result<&mut Image> {
    stage.world.node(host).disk.image().context("only a node with a disk of its own can have this fault")
}

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

/// How a node that is expected to end by itself did.
fn own_end(stage: &mut Stage, host: HostId, ends: &mut Vec<String>) -> Result<()> {
    let node = stage.world.node(host);
    if let Some(status) = node.ended()? {
        let words = node.last_words();
        let last = words.lines().last().unwrap_or("no word").to_owned();
        ends.push(format!("node {} ended by itself with {status}: {last}", host.0));
    }
    Ok(())
}

/// A disk is full.
pub struct FillDisk {
    who: Who,
    hosts: Vec<HostId>,
    ends: Vec<String>,
}

impl FillDisk {
    /// Of these nodes.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), ends: Vec::new() }
    }
}

impl Fault for FillDisk {
    fn name(&self) -> String {
        format!("disk full on {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            stage.excused.insert(*host);
            image(stage, *host)?.fill()?;
        }
        Ok(())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts.iter().try_for_each(|host| own_end(stage, *host, &mut self.ends))
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            image(stage, *host)?.unfill()?;
            own_end(stage, *host, &mut self.ends)?;
            stage.excused.remove(host);
            let node = stage.world.node(*host);
            if !node.is_up() {
                node.start()?;
            }
        }
        Ok(ended_or_not(&self.ends))
    }
}

/// A device fails to write, and every sync after it.
pub struct BreakDevice {
    who: Who,
    hosts: Vec<HostId>,
    ends: Vec<String>,
}

impl BreakDevice {
    /// Of these nodes.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), ends: Vec::new() }
    }
}

impl Fault for BreakDevice {
    fn name(&self) -> String {
        format!("write and fsync errors on {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            stage.excused.insert(*host);
            image(stage, *host)?.break_device()?;
        }
        Ok(())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts.iter().try_for_each(|host| own_end(stage, *host, &mut self.ends))
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            own_end(stage, *host, &mut self.ends)?;
            stage.world.node(*host).kill()?;
            // What the device refused is lost; the file system must not go on as if it were not.
            let image = image(stage, *host)?;
            image.mend_device()?;
            image.remount()?;
            stage.excused.remove(host);
            stage.world.node(*host).start()?;
        }
        Ok(ended_or_not(&self.ends))
    }
}

/// A file system answers everything with errors from one moment on: the next sync fails, whatever it was for.
pub struct LoseDisk {
    who: Who,
    hosts: Vec<HostId>,
    ends: Vec<String>,
}

impl LoseDisk {
    /// Of these nodes.
    pub fn new(who: Who) -> Self {
        Self { who, hosts: Vec::new(), ends: Vec::new() }
    }
}

impl Fault for LoseDisk {
    fn name(&self) -> String {
        format!("every write and fsync fails on {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.hosts)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            stage.excused.insert(*host);
            image(stage, *host)?.cut()?;
        }
        Ok(())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts.iter().try_for_each(|host| own_end(stage, *host, &mut self.ends))
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            own_end(stage, *host, &mut self.ends)?;
            if stage.world.node(*host).kill()? {
                let number = host.0;
                stage.complaints.push(format!("node {number} went on though its disk answered with errors"));
            }
            image(stage, *host)?.remount()?;
            stage.excused.remove(host);
            stage.world.node(*host).start()?;
        }
        Ok(ended_or_not(&self.ends))
    }
}

fn ended_or_not(ends: &[String]) -> Bite {
    match ends {
        [] => Bite::Toothless("the node went on: it did not need the disk meanwhile".into()),
        ends => Bite::Bit(ends.join("; ")),
    }
}

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
