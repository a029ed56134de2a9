//! The kinds of faults.

use std::fmt;

/// What can go wrong.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
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
    /// A wall clock jumps.
    ClockJump,
}

/// Which of two sequences a fault belongs to. The two run beside each other, so that faults of different tracks meet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Track {
    /// Links and clocks.
    Network,
    /// Processes and disks.
    Machine,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 23] = [
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
            | Kind::ClockJump => Track::Network,
            _ => Track::Machine,
        }
    }

    /// Whether it needs other nodes.
    pub fn needs_peers(self) -> bool {
        matches!(self, Kind::Mute | Kind::Deaf | Kind::KillInElection)
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
