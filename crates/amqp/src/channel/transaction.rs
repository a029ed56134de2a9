//! Transactions: publishes and settlements that wait for tx.commit.

use crate::broker::{Append, Returned};

/// What to do with deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settling {
    /// They are done.
    Ack,
    /// They go back to their queue.
    Requeue {
        /// Whether that counts as a failure.
        failed: bool,
    },
    /// They die.
    Reject,
}

/// What the channel will do when the client commits.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    /// Messages with where they go.
    pub(crate) publishes: Vec<Append>,
    /// Messages without any queue, whose publishers want them back then.
    pub(crate) returns: Vec<Returned>,
    /// What deliveries become, by tag.
    pub(crate) settlements: Vec<(u64, Settling)>,
    /// Bytes of messages that wait.
    pub(crate) bytes: usize,
    /// While tx.commit is worked on: answers of queues that are missing.
    pub(crate) left: usize,
    /// While tx.commit is worked on: a queue has refused a message.
    pub(crate) refused: bool,
}
