//! Clocks that are wrong, or run fast or slow.

use anyhow::{Context, Result};

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::net::HostId;
use crate::node::{ClockSetting, Reading, Witness};
use crate::time;

/// The wall clock of nodes jumps, and jumps back at the end.
pub struct JumpClock {
    who: Who,
    seconds: i64,
    hosts: Vec<HostId>,
    seen: Vec<f64>,
}

/// How exactly a jump must be seen, in seconds: the real time is taken in whole ones.
const TOLERANCE: f64 = 2.0;

impl JumpClock {
    /// By so many seconds.
    pub fn new(who: Who, seconds: i64) -> Self {
        Self { who, seconds, hosts: Vec::new(), seen: Vec::new() }
    }
}

impl Fault for JumpClock {
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
            node.set_clock(ClockSetting { offset: self.seconds, ..ClockSetting::default() })?;
            if let Some(mut witness) = node.clock_witness()? {
                self.seen.push(witness.ask()?.wall - time::epoch_seconds() as f64);
            }
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        for host in &self.hosts {
            stage.world.node(*host).set_clock(ClockSetting::default())?;
        }
        let jumped = self.seen.iter().all(|seen| (seen - self.seconds as f64).abs() <= TOLERANCE);
        let seen: Vec<String> = self.seen.iter().map(|seen| format!("{seen:+.0} s")).collect();
        let shown = format!("processes with that clock are off by {}", seen.join(", "));
        Ok(Bite::when(jumped && !self.seen.is_empty(), shown))
    }
}

/// All clocks of nodes, also those that only measure, run fast or slow. For that the nodes are started anew, as a clock's
/// speed does not change in the middle of a process; and again at the end.
pub struct DriftClock {
    who: Who,
    rates: Vec<f64>,
    drifts: Vec<Drift>,
}

struct Drift {
    host: HostId,
    rate: f64,
    /// `None` if the node's clock is not faked.
    witness: Option<Witness>,
    began: Option<(Reading, f64)>,
}

/// How exactly a speed must be seen.
const RATE_TOLERANCE: f64 = 0.02;

impl DriftClock {
    /// Of these nodes; the first has the first rate, and so on in a circle.
    pub fn new(who: Who, rates: Vec<f64>) -> Self {
        Self { who, rates, drifts: Vec::new() }
    }

    fn restart(stage: &mut Stage, host: HostId, rate: f64) -> Result<()> {
        let node = stage.world.node(host);
        node.kill()?;
        node.set_clock(ClockSetting { rate, ..ClockSetting::default() })?;
        node.start()
    }
}

impl Drift {
    fn read(&mut self) -> Result<Option<(Reading, f64)>> {
        let Some(witness) = &mut self.witness else { return Ok(None) };
        Ok(Some((witness.ask()?, time::elapsed().as_secs_f64())))
    }

    /// How fast the wall clock and the one that only measures went.
    fn rates(&mut self) -> Result<Option<[f64; 2]>> {
        let (Some((then, from)), Some((now, until))) = (self.began, self.read()?) else { return Ok(None) };
        let real = until - from;
        Ok(Some([(now.wall - then.wall) / real, (now.monotonic - then.monotonic) / real]))
    }
}

impl Fault for DriftClock {
    fn name(&self) -> String {
        format!("clocks of {} drift", self.who.words())
    }

    fn detail(&self) -> String {
        let drifts = self.drifts.iter().map(|drift| format!("node {} x{}", drift.host.0, drift.rate));
        drifts.collect::<Vec<_>>().join(", ")
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        let hosts = stage.choose(self.who)?;
        for (host, rate) in hosts.into_iter().zip(self.rates.clone().into_iter().cycle()) {
            Self::restart(stage, host, rate)?;
            self.drifts.push(Drift { host, rate, witness: None, began: None });
        }
        // Only a node that serves shows by what it has loaded whether its clock is faked.
        if !stage.settle()? {
            stage.complaints.push("nodes whose clocks run fast or slow did not come to serve".into());
        }
        for drift in &mut self.drifts {
            drift.witness = stage.world.node(drift.host).clock_witness()?;
            drift.began = drift.read()?;
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let mut drifted = !self.drifts.is_empty();
        let mut seen = Vec::new();
        for drift in &mut self.drifts {
            let rates =
                drift.rates()?.with_context(|| format!("find node {}'s clocks faked", drift.host.0))?;
            drifted &= rates.iter().all(|rate| (rate - drift.rate).abs() <= RATE_TOLERANCE);
            seen.push(format!("{:.3} and {:.3}", rates[0], rates[1]));
        }
        for drift in &self.drifts {
            Self::restart(stage, drift.host, 1.0)?;
        }
        let shown = format!("processes with those clocks saw {} s go by in one", seen.join("; "));
        Ok(Bite::when(drifted, shown))
    }
}
