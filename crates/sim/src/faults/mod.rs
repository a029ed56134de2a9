//! What goes wrong in a run: a seeded plan, carried out, and counted by whether it bit.
//!
//! A fault that was planned and did nothing (a cut while nothing was sent, a power loss while all was on disk) proves
//! nothing, so every fault measures what it did, and a run says which of its faults were harmless.

mod change;
mod clock;
mod damage;
mod disk;
mod expiry;
mod kind;
mod moments;
mod nemesis;
mod network;
mod pause;
mod plan;
mod process;
mod roster;
mod strangers;
mod tally;

pub use kind::Kind;
pub use nemesis::Nemesis;
pub use plan::{Plan, Planned};
pub use roster::{Change, Roster};
pub use tally::{Count, Tally};

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::world::{Phase, World};

/// A fault that has begun.
trait Active {
    /// Looked at every tick. True if it is over before its time.
    fn watch(&mut self, _world: &mut World, _rng: &mut StdRng) -> bool {
        false
    }

    /// The same, for faults that have to do with who belongs to the cluster.
    fn watch_with(&mut self, world: &mut World, _roster: &mut Roster, rng: &mut StdRng) -> bool {
        self.watch(world, rng)
    }

    /// True while it must go on although its time is over.
    fn holds_on(&self, _world: &World, _roster: &Roster) -> bool {
        false
    }

    /// Takes back what can be taken back, and says how often it bit.
    fn end(self: Box<Self>, world: &mut World, roster: &mut Roster) -> u64;

    /// What should have happened by its end, and has not.
    fn complaint(&self, _world: &World) -> Option<String> {
        None
    }

    /// Nodes whose process it has in its hands: nobody else ends or starts them, and their failure is its doing.
    fn nodes(&self) -> Vec<u64> {
        Vec::new()
    }
}

/// What a fault that begins may choose from.
struct Scene<'a> {
    world: &'a mut World,
    rng: &'a mut StdRng,
    /// Nodes that other faults have in their hands.
    held: &'a BTreeSet<u64>,
    /// Who is to belong to the cluster.
    roster: &'a mut Roster,
    /// How long it is to last.
    lasts: Duration,
}

impl Scene<'_> {
    /// Nodes that run and that nobody has in hand.
    fn free_nodes(&self) -> Vec<u64> {
        let runs = |number: &u64| matches!(*self.world.machine(*number).phase.borrow(), Phase::Running(_));
        let numbers = self.world.machines().map(|machine| machine.number);
        numbers.filter(|number| !self.held.contains(number)).filter(runs).collect()
    }

    /// Any node, whatever it is doing.
    fn any_node(&mut self) -> u64 {
        let nodes: Vec<u64> = self.world.machines().map(|machine| machine.number).collect();
        *nodes.choose(self.rng).expect("some node always belongs to the cluster")
    }

    fn any_free(&mut self) -> Option<u64> {
        self.free_nodes().choose(self.rng).copied()
    }

    fn free_leader(&self) -> Option<u64> {
        self.world.leader().filter(|leader| self.free_nodes().contains(leader))
    }

    /// The leader half of the time, if there is one.
    fn leader_or_any(&mut self) -> Option<u64> {
        use rand::Rng;
        if self.rng.random_bool(0.5) {
            self.free_leader().or_else(|| self.any_free())
        } else {
            self.any_free()
        }
    }
}
