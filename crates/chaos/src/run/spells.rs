//! Lets things go wrong, and notes when they did.

use std::time::Duration;

use anyhow::Result;

use super::Next;
use crate::bulk::Bulk;
use crate::faults::{Bite, Fault, Stage};
use crate::report::Mark;
use crate::time::{self, elapsed};

/// How often nodes and faults are looked after.
const TICK: Duration = Duration::from_millis(50);

/// The part of a run in which things go wrong.
pub(super) struct Chaos<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) bulk: Option<&'a mut Bulk>,
    pub(super) origin: Duration,
    pub(super) marks: &'a mut Vec<Mark>,
}

impl Chaos<'_> {
    /// One spell after another until the time is over, or there were enough.
    pub(super) fn go_on(&mut self, next: Next, until: Duration, spells_max: Option<u32>) -> Result<()> {
        let mut round = 0;
        while elapsed() < until && spells_max.is_none_or(|max| round < max) {
            let spell = next(round, &mut self.stage.rng);
            self.act(spell.faults, spell.lasts)?;
            self.hold(spell.quiet, &mut [])?;
            round += 1;
        }
        Ok(())
    }

    fn act(&mut self, faults: Vec<Box<dyn Fault>>, lasts: Duration) -> Result<()> {
        let mut active = Vec::new();
        for mut fault in faults {
            let from = elapsed();
            fault.begin(self.stage)?;
            eprintln!(
                "  {:7.1} s  {}: {}",
                self.since_origin(from).as_secs_f64(),
                fault.name(),
                fault.detail()
            );
            active.push((fault, from));
        }
        self.hold(lasts, &mut active)?;
        while let Some((mut fault, from)) = active.pop() {
            let bite = fault.end(self.stage)?;
            if let Bite::Toothless(why) = &bite {
                eprintln!("             {} did not bite: {why}", fault.name());
            }
            let (from, until) = (self.since_origin(from), self.since_origin(elapsed()));
            self.marks.push(Mark::new(fault.name(), fault.detail(), from, until, bite));
        }
        Ok(())
    }

    /// Waits, and looks after everything meanwhile.
    fn hold(&mut self, time: Duration, active: &mut [(Box<dyn Fault>, Duration)]) -> Result<()> {
        let until = elapsed() + time;
        loop {
            for (fault, _) in active.iter_mut() {
                fault.tick(self.stage)?;
            }
            self.stage.look_after_nodes()?;
            if let Some(bulk) = &mut self.bulk {
                bulk.keep_up(&self.stage.world.clients)?;
            }
            let left = until.saturating_sub(elapsed());
            if left.is_zero() {
                return Ok(());
            }
            time::pause(left.min(TICK))?;
        }
    }

    fn since_origin(&self, at: Duration) -> Duration {
        at.saturating_sub(self.origin)
    }
}
