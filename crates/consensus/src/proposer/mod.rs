//! From a command proposed on any node to an entry of the leader, exactly once.
//!
//! The [`Outbox`] numbers this node's commands and keeps each until it is applied here. The *sender* brings them to the
//! leader, and brings all of them again when the leader, or the way to it, has changed. The leader's *sequencer* puts
//! what waits into one entry. Whatever arrives twice is skipped, and whatever arrives with a gap is refused, where entries
//! are applied (`storage::applied`), by every replica alike.

mod outbox;
mod sender;
mod sequencer;

pub(crate) use outbox::Outbox;
pub(crate) use sender::{LeaderLink, Lost, run_sender};
pub(crate) use sequencer::{ENTRY_BYTES_MAX, Sequencer, run_sequencer};
