//! What goes wrong in what order, by name.

mod catalog;
mod mixed;
mod spells;

use std::time::Duration;

use rand::rngs::StdRng;

pub use catalog::{SCENARIOS, by_name};

use crate::disk::FileSystem;
use crate::faults::Fault;
use crate::node::Kind;

/// Some faults at a time, and what comes after them.
pub struct Spell {
    /// Begun in order, ended in the opposite order.
    pub faults: Vec<Box<dyn Fault>>,
    /// How long they last once all have begun.
    pub lasts: Duration,
    /// How long nothing goes wrong afterwards.
    pub quiet: Duration,
}

impl Spell {
    fn of(fault: impl Fault + 'static, lasts_ms: u64, quiet_ms: u64) -> Self {
        Self {
            faults: vec![Box::new(fault)],
            lasts: Duration::from_millis(lasts_ms),
            quiet: Duration::from_millis(quiet_ms),
        }
    }
}

/// The clocks that nodes have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clocks {
    /// The machine's.
    Real,
    /// Wall clocks that can be set.
    Wall,
    /// Clocks that can run fast or slow, all of them.
    All,
}

/// A list of things that go wrong.
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    /// How many nodes found the cluster, unless somebody wants more or fewer.
    pub nodes: u8,
    /// Hosts for nodes that join later.
    pub spares: u8,
    /// How long things go wrong, unless somebody wants it longer or shorter.
    pub seconds: u64,
    /// The disks that it needs.
    pub disks: Option<FileSystem>,
    /// Whether it makes devices fail.
    pub devices_fail: bool,
    /// The clocks that nodes have.
    pub clocks: Clocks,
    /// Whether it slows disks.
    pub throttles: bool,
    /// Whether the log must grow fast, for a disk to be needed at all times.
    pub bulk: bool,
    /// Whether it makes sense with other servers than this one: what it does to files and to membership is their own.
    pub any_server: bool,
    /// What goes wrong next, in the spell of this number.
    pub next: fn(u32, &mut StdRng) -> Spell,
}

impl Scenario {
    /// Whether it makes sense with this server.
    pub fn suits(&self, kind: Kind) -> bool {
        self.any_server || kind == Kind::Quorate
    }
}
