//! The kinds of faults.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// A node and everybody else do not hear each other.
    Isolate,
    /// The same, and the node leads.
    IsolateLeader,
    /// A node hears its peers, and they do not hear it.
    Mute,
    /// A node's peers hear it, and it does not hear them.
    Deaf,
    /// The hosts fall into two parts.
    Split,
    /// Some clients do not reach a node.
    CutClients,
    /// A link loses what is on it, again and again, for moments.
    Flaky,
    /// A node's links are slow.
    SlowLinks,
    /// Connections of a node are reset.
    Resets,
    /// Some connections of a node bring nothing for moments, while others beside them do.
    StuckConnections,
    /// A process is killed.
    Kill,
    /// The leader's process is killed.
    KillLeader,
    /// A node is asked to stop, as by SIGTERM.
    Stop,
    /// A machine loses power.
    PowerLoss,
    /// The leader's machine loses power.
    PowerLossLeader,
    /// All machines lose power at once.
    PowerLossOfAll,
    /// The leader is killed, and while a new one is elected another node; both come back soon.
    KillInElection,
    /// A disk is slow.
    SlowDisk,
    /// A disk does nothing for a while.
    StalledDisk,
    /// A sync fails: the node must stop.
    SyncError,
    /// A write fails: the node must stop.
    WriteError,
    /// A disk is full: the node must stop.
    DiskFull,
    /// A wall clock jumps, and jumps again the other way.
    ClockJump,
    /// A node's clocks run too fast or too slow.
    ClockDrift,
    /// A link between two nodes is cut and mended, again and again.
    FlappingLink,
    /// One connection to a node brings nothing, for as long as it lasts.
    StuckLane,
    /// A host of clients reaches nobody.
    CutClientHost,
    /// A node's process is held, as by SIGSTOP.
    PauseNode,
    /// A node's tasks run late: its process is held for moments, again and again.
    SlowNode,
    /// The clients on a host are held for longer than their sessions last.
    PauseClients,
    /// The last write before a power loss reaches the disk in part.
    TornWrite,
    /// The power goes while a disk is full, and the disk is still full when it is back.
    PowerLossOfFull,
    /// Reads fail, also while a process starts.
    ReadErrors,
    /// Reads give less than there is, also while a process starts.
    ShortReads,
    /// A process is killed while it starts, several times.
    KillInStart,
    /// A process is killed while it takes a snapshot.
    KillInSnapshot,
    /// A process is killed while it is sent a snapshot.
    KillInInstall,
    /// A bit of an old segment or of a snapshot flips while the node is down: it must refuse to start, and is replaced.
    FlippedBit,
    /// The same, and a sector has become zeros.
    ZeroedSector,
    /// The same, and a sector has what it had before a write that was synced.
    StaleSector,
    /// The same, and a sector has what was meant for another.
    MisdirectedWrite,
    /// A node comes back with an empty disk: its peers must refuse it, and it is replaced.
    WipedDisk,
    /// A node comes back with an old copy of its disk: its peers must refuse it, and it is replaced.
    OldDisk,
    /// A node joins as an observer.
    JoinObserver,
    /// A node joins as a voter.
    JoinVoter,
    /// An observer becomes a voter.
    Promote,
    /// A voter becomes an observer.
    Demote,
    /// A node leaves.
    Leave,
    /// The leader, or the node that it is about, is killed while the membership changes.
    KillInChange,
    /// The leader ends a session, is cut off before the others know, and comes back when the session's client has.
    ExpiryOfDeposed,
    /// The leader ends a session while its client, which was silent for long, is coming back.
    ExpiryOfAttached,
    /// Only a quorum is healed, and serves while a node of the rest is never mended.
    NeverMended,
}

/// Which of the sequences a fault belongs to. They run beside each other, so that faults of different tracks meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Track {
    /// Links and clocks.
    Network,
    /// Processes and disks.
    Machine,
    /// Who belongs to the cluster.
    Membership,
    /// None: it comes after the plan.
    Aftermath,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 52] = [
        Kind::Isolate,
        Kind::IsolateLeader,
        Kind::Mute,
        Kind::Deaf,
        Kind::Split,
        Kind::CutClients,
        Kind::Flaky,
        Kind::SlowLinks,
        Kind::Resets,
        Kind::StuckConnections,
        Kind::Kill,
        Kind::KillLeader,
        Kind::Stop,
        Kind::PowerLoss,
        Kind::PowerLossLeader,
        Kind::PowerLossOfAll,
        Kind::KillInElection,
        Kind::SlowDisk,
        Kind::StalledDisk,
        Kind::SyncError,
        Kind::WriteError,
        Kind::DiskFull,
        Kind::ClockJump,
        Kind::ClockDrift,
        Kind::FlappingLink,
        Kind::StuckLane,
        Kind::CutClientHost,
        Kind::PauseNode,
        Kind::SlowNode,
        Kind::PauseClients,
        Kind::TornWrite,
        Kind::PowerLossOfFull,
        Kind::ReadErrors,
        Kind::ShortReads,
        Kind::KillInStart,
        Kind::KillInSnapshot,
        Kind::KillInInstall,
        Kind::FlippedBit,
        Kind::ZeroedSector,
        Kind::StaleSector,
        Kind::MisdirectedWrite,
        Kind::WipedDisk,
        Kind::OldDisk,
        Kind::JoinObserver,
        Kind::JoinVoter,
        Kind::Promote,
        Kind::Demote,
        Kind::Leave,
        Kind::KillInChange,
        Kind::ExpiryOfDeposed,
        Kind::ExpiryOfAttached,
        Kind::NeverMended,
    ];

    /// Its sequence.
    pub fn track(self) -> Track {
        match self {
            Kind::Isolate
            | Kind::IsolateLeader
            | Kind::Mute
            | Kind::Deaf
            | Kind::Split
            | Kind::CutClients
            | Kind::Flaky
            | Kind::SlowLinks
            | Kind::Resets
            | Kind::StuckConnections
            | Kind::ClockJump
            | Kind::ClockDrift
            | Kind::FlappingLink
            | Kind::StuckLane
            | Kind::CutClientHost
            | Kind::PauseNode
            | Kind::SlowNode
            | Kind::PauseClients
            | Kind::ExpiryOfDeposed
            | Kind::ExpiryOfAttached => Track::Network,
            Kind::JoinObserver
            | Kind::JoinVoter
            | Kind::Promote
            | Kind::Demote
            | Kind::Leave
            | Kind::KillInChange => Track::Membership,
            Kind::NeverMended => Track::Aftermath,
            _ => Track::Machine,
        }
    }

    /// How many nodes must found the cluster, at least, for it to make sense.
    pub fn founders_min(self) -> u64 {
        match self {
            Kind::Mute
            | Kind::Deaf
            | Kind::KillInElection
            | Kind::FlappingLink
            | Kind::KillInInstall
            | Kind::ExpiryOfDeposed
            | Kind::ExpiryOfAttached => 2,
            // One node is lost for ever, and the others must be a quorum.
            Kind::FlippedBit
            | Kind::ZeroedSector
            | Kind::StaleSector
            | Kind::MisdirectedWrite
            | Kind::WipedDisk
            | Kind::OldDisk => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut dashed = String::new();
        for (at, letter) in format!("{self:?}").char_indices() {
            if at > 0 && letter.is_uppercase() {
                dashed.push('-');
            }
            dashed.push(letter.to_ascii_lowercase());
        }
        f.pad(&dashed)
    }
}
