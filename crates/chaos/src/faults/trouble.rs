//! What goes wrong in the middle of something else.

use std::time::Duration;

use anyhow::Result;
use rand::Rng;

use super::{Bite, Fault, Stage};
use crate::time;

/// How long it lasts, in milliseconds.
const LASTS_MS: std::ops::Range<u64> = 300..2500;

/// A fault that begins soon and ends by itself; or none.
#[derive(Default)]
pub(super) struct Trouble {
    fault: Option<Box<dyn Fault>>,
    begins_at: Duration,
    ends_at: Duration,
    has_begun: bool,
    /// What came of it, once it is over.
    told: Option<String>,
}

impl Trouble {
    /// One that is there from the beginning, or comes within `soon`.
    pub(super) fn new(fault: Option<Box<dyn Fault>>, soon: Duration, rng: &mut impl Rng) -> Self {
        let wait = if rng.random() { Duration::ZERO } else { soon.mul_f64(rng.random()) };
        let begins_at = time::elapsed() + wait;
        let ends_at = begins_at + Duration::from_millis(rng.random_range(LASTS_MS));
        Self { fault, begins_at, ends_at, ..Self::default() }
    }

    /// Begins or ends it when it is time.
    pub(super) fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        let now = time::elapsed();
        match &mut self.fault {
            Some(fault) if !self.has_begun && now >= self.begins_at => {
                fault.begin(stage)?;
                self.has_begun = true;
            }
            Some(_) if self.has_begun && now >= self.ends_at => self.finish(stage)?,
            _ => {}
        }
        Ok(())
    }

    /// Ends it now if it has begun; if not, it never comes.
    pub(super) fn finish(&mut self, stage: &mut Stage) -> Result<()> {
        let Some(mut fault) = self.fault.take() else { return Ok(()) };
        let what = format!("{} ({})", fault.name(), fault.detail());
        self.told = Some(match self.has_begun.then(|| fault.end(stage)).transpose()? {
            Some(Bite::Bit(_)) => format!("in the middle of it: {what}"),
            Some(Bite::Toothless(why)) => format!("in the middle of it, without effect: {what}: {why}"),
            None => format!("it was done before this came: {}", fault.name()),
        });
        Ok(())
    }

    /// Whether nothing of it is left.
    pub(super) fn is_over(&self) -> bool {
        self.fault.is_none()
    }

    /// What came of it.
    pub(super) fn told(&self) -> &str {
        self.told.as_deref().unwrap_or("undisturbed")
    }
}
