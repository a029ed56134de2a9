//! What goes wrong, and whether it did.
//!
//! A [`Fault`] is begun, kept up for a while, and ended. Its end tells whether it *bit*: whether something happened that
//! would not have happened without it. One that did not bite has tested nothing, and the report says so.

mod clocks;
mod corruption;
mod disk;
mod members;
mod operator;
mod partition;
mod process;
mod repeat;
mod rolling;
mod rot;
mod rot_tail;
mod stage;
mod trouble;
mod weather;

use anyhow::Result;

pub use clocks::{DriftClock, JumpClock};
pub use corruption::Corruption;
pub(crate) use disk::CONTROL_GROUPS;
pub use disk::{CutPower, FailDisk, SlowDisk, StickDisk};
pub use members::{Change, ChangeMembers, Disturbance};
pub use partition::{Flapping, Partition, Shape};
pub use process::{Kill, Pause};
pub use repeat::Repeat;
pub use rolling::{How, Rolling};
pub use rot::{Repair, Rot};
pub use rot_tail::RotTail;
pub use stage::{Stage, Tools, Who};
pub use weather::{Weather, Where};

/// Whether a fault had an effect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bite {
    /// It had, as shown by this.
    Bit(String),
    /// It had none that could be seen; why.
    Toothless(String),
}

impl Bite {
    /// It bit if `is_so`; `shown` tells what was looked at either way.
    pub fn when(is_so: bool, shown: impl Into<String>) -> Self {
        if is_so { Bite::Bit(shown.into()) } else { Bite::Toothless(shown.into()) }
    }
}

/// Something that goes wrong for a while.
pub trait Fault {
    /// What it is, in a few words; the same for all of its kind.
    fn name(&self) -> String;
    /// What it is this time: which node. Known once it has begun.
    fn detail(&self) -> String;
    /// Makes it go wrong.
    ///
    /// # Errors
    /// If the harness can't do it, which ends the run.
    fn begin(&mut self, stage: &mut Stage) -> Result<()>;
    /// Looked in on often while it lasts.
    ///
    /// # Errors
    /// As for `begin`.
    fn tick(&mut self, _stage: &mut Stage) -> Result<()> {
        Ok(())
    }
    /// Puts it right again.
    ///
    /// # Errors
    /// As for `begin`.
    fn end(&mut self, stage: &mut Stage) -> Result<Bite>;
}
