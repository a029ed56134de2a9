//! Wall clocks that are wrong.

use anyhow::{Context, Result};

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::net::HostId;

/// The wall clock of nodes jumps, and jumps back at the end.
pub struct SkewClock {
    who: Who,
    seconds: i64,
    hosts: Vec<HostId>,
    seen: Vec<i64>,
}

/// How exactly a jump must be seen: a node may take a while to say the time.
const TOLERANCE: i64 = 5;

impl SkewClock {
    /// By so many seconds.
    pub fn new(who: Who, seconds: i64) -> Self {
        Self { who, seconds, hosts: Vec::new(), seen: Vec::new() }
    }
}

impl Fault for SkewClock {
    fn name(&self) -> String {
        format!("wall clock of {} jumps", self.who.words())
    }

    fn detail(&self) -> String {
        format!("{}, {:+} s", list(&self.hosts), self.seconds)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.hosts = stage.choose(self.who)?;
        for host in &self.hosts {
            let node = stage.world.node(*host);
            node.set_clock(self.seconds)?;
            self.seen.extend(node.clock_offset().context("ask how far a node's clock is off")?);
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            stage.world.node(*host).set_clock(0)?;
        }
        let jumped = self.seen.iter().all(|seen| (seen - self.seconds).abs() <= TOLERANCE);
        let shown = format!("processes with that clock are off by {:?} s", self.seen);
        Ok(Bite::when(jumped && !self.seen.is_empty(), shown))
    }
}
