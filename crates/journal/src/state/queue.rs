//! Changes on their way to the disk, in order.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::frame::{self, Kind};
use crate::index::{Location, Ticket};
use crate::{GroupId, JournalError};

/// What to call when a change is durable or has failed.
pub(crate) type Done = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// A change that waits to be written.
pub(crate) struct Change {
    pub(crate) ticket: Ticket,
    pub(crate) what: What,
    pub(crate) done: Option<Done>,
}

pub(crate) enum What {
    Frame {
        group: GroupId,
        kind: Kind,
        payload: Bytes,
        /// Where a moved entry comes from.
        from: Option<Location>,
    },
    /// Nothing: completes when all before it is durable.
    Barrier,
    /// The last change that is written.
    Close,
}

impl Change {
    /// Bytes of the frame.
    pub(crate) fn bytes(&self) -> usize {
        match &self.what {
            What::Frame { payload, .. } => frame::HEADER_BYTES + payload.len(),
            What::Barrier | What::Close => 0,
        }
    }
}

#[derive(Default)]
pub(super) struct Queue {
    changes: VecDeque<Change>,
    /// Of the changes, and of those taken that are not durable yet.
    bytes: usize,
    last: Ticket,
}

impl Queue {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The ticket given last.
    pub(super) fn last(&self) -> Ticket {
        self.last
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn push(&mut self, what: What, done: Option<Done>) -> Ticket {
        self.last.0 += 1;
        let change = Change { ticket: self.last, what, done };
        self.bytes += change.bytes();
        self.changes.push_back(change);
        self.last
    }

    /// Sets the completion of the change pushed last.
    pub(super) fn complete_last(&mut self, done: Done) {
        let last = self.changes.back_mut().expect("a change was pushed under the same lock");
        last.done = Some(done);
    }

    /// Takes changes from the front while they have at most `bytes_max` bytes together, and none after a close.
    pub(super) fn take(&mut self, bytes_max: usize) -> Vec<Change> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(change) = self.changes.front() {
            bytes += change.bytes();
            if bytes > bytes_max {
                break;
            }
            let closes = matches!(change.what, What::Close);
            taken.extend(self.changes.pop_front());
            if closes {
                break;
            }
        }
        taken
    }

    /// The bytes of the first change.
    pub(super) fn first_bytes(&self) -> Option<usize> {
        self.changes.front().map(Change::bytes)
    }

    /// Counts taken changes as no longer waiting.
    pub(super) fn settle(&mut self, change: &Change) {
        self.bytes -= change.bytes();
    }
}
