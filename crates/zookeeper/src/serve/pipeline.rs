//! The requests of a connection that are not answered yet, in the order in which they came.

use std::collections::VecDeque;

use runtime::Instant;

use crate::codec::Xid;

/// A request that waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// A command, to be told of as done.
    Command {
        /// Its number in the control plane.
        ticket: u64,
        /// Its number with the client.
        xid: Xid,
        /// When it arrived.
        since: Instant,
    },
    /// A read behind a command, whose answer comes encoded.
    Deferred {
        /// When it arrived.
        since: Instant,
    },
}

/// Answers arrive in the order of the requests: commands of a connection are applied in the order in which they were
/// proposed, and deferred reads are done right behind the command before them.
#[derive(Default)]
pub(super) struct Pipeline {
    awaited: VecDeque<Awaited>,
}

impl Pipeline {
    pub(super) fn push(&mut self, awaited: Awaited) {
        self.awaited.push_back(awaited);
    }

    pub(super) fn len(&self) -> usize {
        self.awaited.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The command with this number was done: it is the first request that waits.
    pub(super) fn take_command(&mut self, ticket: u64) -> (Xid, Instant) {
        match self.awaited.pop_front() {
            Some(Awaited::Command { ticket: first, xid, since }) if first == ticket => (xid, since),
            other => {
                unreachable!("answers come in the order of the requests, but {ticket} came before {other:?}")
            }
        }
    }

    /// A deferred read was done: it is the first request that waits.
    pub(super) fn take_deferred(&mut self) -> Instant {
        match self.awaited.pop_front() {
            Some(Awaited::Deferred { since }) => since,
            other => {
                unreachable!("answers come in the order of the requests, but a read came before {other:?}")
            }
        }
    }
}
