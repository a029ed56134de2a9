//! Forwarding: the commands of a node take effect once and in order, whatever happens to leaders, links and processes.
//!
//! A node numbers its commands within its incarnation, keeps each until it is applied here, and gives what waits to the
//! leader, again when something may be lost. The leader puts what waits, from all nodes, into entries of its log; a
//! change of leader may keep or lose those that are not committed. Every replica skips what it has applied before and
//! refuses what comes behind a gap, by a table that is part of the replicated state and of snapshots.
//!
//! | here | in the product |
//! |---|---|
//! | [`applied::AppliedCommands`] | the shipped source itself, compiled into this crate |
//! | [`Node`]: pushed, applied, sent | mirrors `consensus::proposer::Outbox` |
//! | [`Action::Send`], [`Action::BePatient`] | mirrors `consensus::proposer::run_sender` |
//! | [`Logged`], [`Action::Log`], [`Action::NoticeRefusal`] | mirrors `consensus::proposer::sequencer` (`Logged::trim`, `run_sequencer`) |
//! | [`Action::Apply`], [`Action::Install`] | mirrors `consensus::storage::StateMachineAdapter` (`admit`, `restore`) |
//!
//! Raft is taken for granted: one leader a term, committed entries stay, any prefix of the others survives a change of
//! leader. A proposal that is handed over arrives in order, or vanishes without a sign: worse than TCP, where a later
//! one can't arrive either. A node's patience runs out at any time, a bounded number of times, and without bound when
//! nothing of it is under way.

mod replica;
mod spec;

/// The shipped table of what was applied. Its source is a file without dependencies but the wire form, which
/// [`crate::wire`] stands in for.
#[path = "../../../consensus/src/storage/applied.rs"]
#[rustfmt::skip]
pub(crate) mod applied;

pub use spec::{Action, Forwarding};

use crate::model::guards;
use crate::wire;

guards! {
    SkipApplied = "what was applied before is skipped",
    RefuseGaps = "what comes behind a gap is not applied",
    TableInSnapshots = "snapshots carry the table of what was applied",
    NewIncarnation = "a process that begins counts its commands anew under a new incarnation",
    PatienceEnds = "what was not applied for long is sent again",
    GapsForget = "a leader that met a gap forgets what it believes to have logged",
    RefusalsForget = "a leader whose entry was refused forgets what it believes to have logged",
    RestoreTellsTheOutbox = "a node that restores a snapshot counts its commands in there as applied",
}

/// A numbered command, and the process that numbered it. That is told apart from its incarnation, which is what the
/// design knows of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Command {
    node: u8,
    process: u8,
    sequence: u8,
}

/// Commands with consecutive numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Proposal {
    node: u8,
    process: u8,
    incarnation: u8,
    first: u8,
    count: u8,
}

/// One node: the proposer and its replica.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Node {
    process: u8,
    /// Commands numbered, applied here, given to the leader as far as it knows.
    pushed: u8,
    applied: u8,
    sent: u8,
    /// To the leader of which term.
    sent_in: u8,
    /// Entries applied by the replica.
    index: u8,
    table: Vec<wire::Applied>,
    /// What took effect on the replica, in order.
    effects: Vec<Command>,
}

/// What the leader believes to be in its log: per node, incarnation and last number.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Logged(Vec<(u8, u8)>);

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    nodes: Vec<Node>,
    term: u8,
    leader: Option<u8>,
    /// What waits at the leader.
    queue: Vec<Proposal>,
    logged: Logged,
    /// Entries that openraft refused, of which the sequencer does not know yet.
    refused: u8,
    log: Vec<Vec<Proposal>>,
    committed: u8,
    left: Left,
}

/// What the environment may still do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Left {
    /// Commands, by node.
    pub commands: [u8; 3],
    /// Proposals that vanish.
    pub losses: u8,
    /// Entries that are refused.
    pub refusals: u8,
    /// Elections without need.
    pub elections: u8,
    /// Processes that end and begin again.
    pub restarts: u8,
    /// Proposals sent again without need.
    pub impatience: u8,
}
