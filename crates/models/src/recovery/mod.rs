//! Recovery without fsync (`fsync = interval`): a node that stopped uncleanly may have forgotten what it promised.
//!
//! Entries are acknowledged when a majority has them in memory; disks follow later. A node that stops cleanly syncs and
//! leaves a mark. One that starts without the mark has perhaps forgotten entries and votes: its identity is gone for
//! ever. It starts empty under a new one, is sent the log by the leader, and takes the place of its former self among
//! the voters by a joint change of membership. Until then no quorum counts it. If a majority of identities is gone,
//! there is no quorum any more: nodes refuse to serve, and say so, rather than go on with what is left.
//!
//! Raft is modelled as far as it matters: terms, votes by comparison of logs, logs that are made equal to the leader's,
//! commitment of the leader's own term by a quorum of both sets of a joint membership. The design has no shipped code
//! yet: the model comes first.

mod spec;

pub use spec::{Action, Recovery};

use crate::model::guards;

guards! {
    NewIdentity = "a node that stopped uncleanly comes back under a new identity",
    NameAllFormer = "a new identity names all former ones, as any may have become a voter",
    RemoveTheMark = "the mark of a clean stop is removed when the node starts",
    SyncBeforeTheMark = "a clean stop syncs before it leaves its mark",
    LearnersDoNotCount = "no quorum counts a new identity that is not yet a voter",
    CountTheGone = "a quorum is a majority of all voters, also of those that are gone",
}

/// A set of identities, as bits.
type Set = u8;

const MACHINES: usize = 3;

/// Who votes: a majority of each set makes a quorum. They differ while a change is under way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Voters {
    old: Set,
    new: Set,
}

/// What an entry of the log says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Payload {
    /// The first of a leader's term.
    Blank,
    Value,
    Voters(Voters),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Entry {
    term: u8,
    payload: Payload,
}

/// What runs, or not, on one machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Machine {
    identity: u8,
    /// The identities that it had, one of whose places it takes; none once it has it.
    former: Set,
    up: bool,
    /// The mark of a clean stop is on disk.
    marked: bool,
    term: u8,
    /// In memory; what is on disk is found out when the machine stops.
    log: Vec<Entry>,
    leading: Option<Leading>,
}

/// What a leader knows.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Leading {
    /// Who is known to have how many entries: identity, machine, entries.
    copies: Vec<(u8, u8, u8)>,
    committed: u8,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    machines: Vec<Machine>,
    next_identity: u8,
    /// Not part of the design: the longest log that was ever committed.
    committed: Vec<Entry>,
    /// Not part of the design: at some time the identities left made no quorum.
    majority_lost: bool,
    refused: bool,
    left: Left,
}

/// What the environment may still do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Left {
    /// Values to write.
    pub writes: u8,
    /// Unclean stops, clean stops, and elections without need, together.
    pub troubles: u8,
}

impl Machine {
    fn voters(&self) -> Voters {
        let all = (1 << MACHINES) - 1;
        let found = self.log.iter().rev().find_map(|entry| match entry.payload {
            Payload::Voters(voters) => Some(voters),
            Payload::Blank | Payload::Value => None,
        });
        found.unwrap_or(Voters { old: all, new: all })
    }

    /// What logs are compared by in an election.
    fn position(&self) -> (u8, usize) {
        (self.log.last().map_or(0, |entry| entry.term), self.log.len())
    }
}

impl Voters {
    fn is_quorum(self, present: Set) -> bool {
        let majority = |set: Set| (set & present).count_ones() * 2 > set.count_ones();
        majority(self.old) && majority(self.new)
    }

    fn is_settled(self) -> bool {
        self.old == self.new
    }
}
