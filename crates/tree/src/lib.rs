//! The control-plane state machine: znodes, sessions, watch triggers. Pure and deterministic.
//!
//! A [`Tree`] changes only by [`Tree::apply`], which takes a [`Command`] and a time and gives an [`Outcome`]: the answer,
//! and the changes that watchers must learn of. The same commands at the same times give the same tree on every replica,
//! to the byte. There is no clock, file, socket or thread in here; time, identity and chance (a session's password) come
//! in with the command.
//!
//! - Writes: [`Command`] is the format of the log. A write that fails is an [`ErrorCode`] in its outcome, equal on every
//!   replica; it still burns a [`Zxid`], as ZooKeeper's do.
//! - Reads: methods of [`Tree`] that take a path and the identities of the connection.
//! - Watches: a [`WatchTable`] stands beside the tree on each node and turns [`Trigger`]s into events for its connections.
//! - Snapshots: [`Tree::begin_snapshot`] freezes a view, [`Tree::next_snapshot_chunk`] walks it in small steps while
//!   `apply` goes on, [`Restore`] reads it.
//!
//! The rules are those of ZooKeeper 3.9, quirks included, as its clients see them. What ZooKeeper does not have
//! ([`DeleteRecursive`], [`Ensure`]) is made of the same steps, so that watchers and quotas see nothing new.

mod acl;
mod apply;
mod children;
mod command;
mod ensemble;
mod error;
mod index;
mod memory;
mod name;
mod outcome;
mod path;
mod proto;
mod quota;
mod read;
mod session;
mod slab;
mod snapshot;
mod stat;
mod store;
mod text;
mod tree;
mod trigger;
mod watch;
mod znode;
mod zxid;

pub use acl::{Acl, AclList, Identity, Permissions};
pub use apply::ReapCursor;
pub use command::{
    ANY_VERSION, Check, Command, Create, CreateMode, DATA_BYTES_MAX, Delete, DeleteRecursive, Ensure, Extent,
    LEVEL_MAX, Operation, SetAcl, SetData, SubOperation,
};
pub use ensemble::EnsembleMember;
pub use error::{DecodeError, EpochsUsedUp, ErrorCode, RestoreError, SnapshotInProgress};
pub use outcome::{MultiFailure, Outcome, Reply};
pub use quota::QuotaReport;
pub use read::{Child, ChildNames, NodeData};
pub use session::{Owner, Password, SessionId, SessionInfo};
pub use snapshot::{CancelledSnapshot, ChunkLimits, Restore, SnapshotChunk};
pub use stat::Stat;
pub use text::Text;
pub use tree::{Counters, Tree};
pub use trigger::{EventKind, Trigger};
pub use watch::{WatchCounts, WatchKind, WatchTable, WatcherId};
pub use znode::Ttl;
pub use zxid::Zxid;
