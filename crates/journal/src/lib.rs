//! One append-only, checksummed, group-committed log a node.
//!
//! Every group of a node writes into the same [`Journal`]. One writer takes all that waits, whatever group it is of,
//! writes it with one write and one sync, then completes every waiter in the order of the calls. So the disk sees one
//! stream and one sync for many groups, and the vote of a group and its entries share one order.
//!
//! The journal knows nothing of Raft: a group is a log of opaque entries with dense indexes ([`GroupLog::append`],
//! [`GroupLog::truncate`], [`GroupLog::purge`]) and a few small values ([`GroupLog::put`]).
//!
//! What holds after a crash at any point:
//! - everything whose completion was called with `Ok` is there;
//! - of the rest, a prefix in the order of the calls is there, and nothing else;
//! - a torn tail is cut; damage before the tail is never cut but refused, naming file and offset ([`OpenError`]).
//!
//! A failed write or sync poisons the journal: nothing is written any more, every waiter gets the error, and
//! [`Journal::failed`] completes. The node must stop: after a failed sync nobody knows what the disk holds.
//!
//! The format is described in `frame`, `batch` and `segment`.

mod config;
mod error;
mod group;
mod journal;

mod index;
mod shared;
mod state;
mod tail;

mod prepare;
mod read;
mod reclaim;
mod recovery;
mod writer;

mod batch;
mod frame;
mod segment;

pub use config::Config;
pub use error::{AppendError, JournalError, OpenError, ReadError};
pub use group::{Bounds, ENTRY_BYTES_MAX, GroupId, GroupLog, StateKey};
pub use journal::{Journal, Stats};
