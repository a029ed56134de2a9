//! Disks that lose their power, are full, fail, stick, or are slow.

mod failing;
mod power;
mod slow;

use anyhow::{Context, Result};

use super::Stage;
use crate::disk::Image;
use crate::net::HostId;

pub use failing::FailDisk;
pub use power::CutPower;
pub(crate) use slow::CONTROL_GROUPS;
pub use slow::{SlowDisk, StickDisk};

fn image(stage: &mut Stage, host: HostId) -> Result<&mut Image> {
    stage.world.node(host).disk.image().context("only a node with a disk of its own can have this fault")
}
