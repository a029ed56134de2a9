//! What openraft keeps: the log in the journal, snapshots in files, and the state machine they feed.

mod applied;
mod attached;
#[cfg(test)]
mod crash_tests;
mod log_store;
mod snapshot_file;
mod state_machine;
#[cfg(test)]
mod tests;

pub(crate) use applied::{AppliedCommands, Fate};
pub use attached::attached_dir;
pub(crate) use attached::{Attachments, IncomingFile, Parts};
pub(crate) use log_store::{LogStore, READ_BYTES_MAX};
pub(crate) use snapshot_file::{SNAPSHOT_FORMAT, SnapshotFile, SnapshotReader, SnapshotStore, group_dir};
pub(crate) use state_machine::{Progress, Replica, StateMachineAdapter};
