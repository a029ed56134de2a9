//! The same fault again and again, with short spells in between.

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use rand::Rng;

use super::{Bite, Fault, Stage};
use crate::time;

/// How long one lasts, and how long it is until the next, in milliseconds.
const LASTS_MS: Range<u64> = 200..2500;
const QUIET_MS: Range<u64> = 500..3500;

/// Begins and ends a fault as long as it lasts itself. Each time it may be about other nodes.
pub struct Repeat {
    make: Box<dyn Fn() -> Box<dyn Fault>>,
    active: Option<Box<dyn Fault>>,
    turn_at: Duration,
    details: Vec<String>,
    bit: usize,
    times: usize,
}

impl Repeat {
    /// Of what this makes.
    pub fn new<F: Fault + 'static>(make: impl Fn() -> F + 'static) -> Self {
        let make = Box::new(move || Box::new(make()) as Box<dyn Fault>);
        Self { make, active: None, turn_at: Duration::ZERO, details: Vec::new(), bit: 0, times: 0 }
    }

    fn turn(&mut self, stage: &mut Stage) -> Result<()> {
        let wait = match self.active.take() {
            Some(mut fault) => {
                self.bit += usize::from(matches!(fault.end(stage)?, Bite::Bit(_)));
                QUIET_MS
            }
            None => {
                let mut fault = (self.make)();
                fault.begin(stage)?;
                self.details.push(fault.detail());
                self.times += 1;
                self.active = Some(fault);
                LASTS_MS
            }
        };
        self.turn_at = time::elapsed() + Duration::from_millis(stage.rng.random_range(wait));
        Ok(())
    }
}

impl Fault for Repeat {
    fn name(&self) -> String {
        format!("{}, repeated", (self.make)().name())
    }

    fn detail(&self) -> String {
        self.details.join("; ")
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        self.turn(stage)
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        if let Some(fault) = &mut self.active {
            fault.tick(stage)?;
        }
        if time::elapsed() >= self.turn_at { self.turn(stage) } else { Ok(()) }
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        if self.active.is_some() {
            self.turn(stage)?;
        }
        Ok(Bite::when(self.bit > 0, format!("{} of {} bit", self.bit, self.times)))
    }
}
