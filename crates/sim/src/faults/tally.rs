//! How often each kind of fault was planned, began, and bit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Kind;

/// Of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Count {
    /// Times it was planned.
    pub planned: u64,
    /// Times it could begin: a leader cannot be killed when there is none.
    pub begun: u64,
    /// Times it did something.
    pub bit: u64,
    /// What it did in all: messages lost or late, connections reset, processes ended, sectors and names lost.
    pub bites: u64,
}

/// Of all kinds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    counts: BTreeMap<Kind, Count>,
}

impl Tally {
    /// One kind's count.
    pub fn of(&mut self, kind: Kind) -> &mut Count {
        self.counts.entry(kind).or_default()
    }

    /// All kinds that were planned.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, Count)> {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Tally) {
        for (kind, count) in other.iter() {
            let sum = self.of(kind);
            sum.planned += count.planned;
            sum.begun += count.begun;
            sum.bit += count.bit;
            sum.bites += count.bites;
        }
    }
}
