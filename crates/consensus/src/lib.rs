//! Replication: Raft groups over one journal and one set of peer links.
//!
//! Consensus itself is openraft's; this crate gives it a log ([`storage`]), a network ([`peers`]) and a state machine to
//! drive, and gives the node above it what it needs and openraft does not have: many groups over one link per pair of
//! nodes, batches of commands in one entry, and proposals that take effect exactly once whatever happens to leaders and
//! links ([`proposer`]). It does not know what a command means.
//!
//! A command's way: [`Group::propose`] numbers it; the proposer sends it to the leader, again and again if need be; the
//! leader's sequencer puts all that waits into one entry; openraft replicates it; `storage::state_machine` skips what
//! was applied before and hands the rest to the [`StateMachine`] of every node, which recognises its own by number.

mod error;
mod export;
#[cfg(test)]
mod fuzz;
mod group;
mod handover;
mod identity;
mod joining;
mod known_peers;
mod level;
mod membership;
mod node;
mod notes;
mod peers;
mod proposer;
mod quorum;
mod raft;
pub mod recovery;
mod rounds;
mod sizes;
mod state_machine;
mod storage;
mod succession;
mod wire;

pub use error::{ConsensusError, HandOverError, MembershipError, Refused, Unavailable};
pub use export::{SnapshotCopy, SnapshotExport};
pub use group::{EntryId, Group, GroupStatus, Leadership, PeerProgress, Standing, Watermarks};
pub use identity::{ClusterId, Identity, NodeId};
pub use joining::Join;
pub use journal::GroupId;
pub use level::Level;
pub use membership::MemberChange;
pub use node::{CallHandler, Config, Consensus, Entrance, GroupSetup, Member};
pub use notes::{NOTE_BYTES_MAX, NoteHandler, Notes};
pub use sizes::COMMAND_BYTES_MAX;
pub use state_machine::{
    AttachedFile, CannotApply, CommittedCommand, CommittedEntry, SnapshotError, SnapshotSink, SnapshotSource,
    StateMachine,
};
pub use storage::attached_dir;
