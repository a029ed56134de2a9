//! One request on its way through the session.

use std::sync::Arc;

use bytes::Bytes;
use jute::OpCode;
use tokio::sync::{mpsc, oneshot};

use crate::error::Failure;
use crate::options::Identity;
use crate::watch::{Event, WatchEvent, WatchMode};

/// An encoded request, and where its answer goes.
pub(crate) struct Ask {
    pub(crate) op: OpCode,
    /// What follows the header.
    pub(crate) body: Bytes,
    /// The watch that a successful answer sets.
    pub(crate) registration: Option<Registration>,
    /// What an [`OpCode::Auth`] adds to the session.
    pub(crate) identity: Option<Identity>,
    pub(crate) reply: oneshot::Sender<Result<Answer, Failure>>,
    /// How often it was sent.
    pub(crate) sent: u32,
}

/// What a server answered.
pub(crate) struct Answer {
    /// The last transaction that the server had applied.
    pub(crate) zxid: i64,
    /// What follows the header.
    pub(crate) body: Bytes,
    pub(crate) server: Arc<str>,
}

/// A watch that waits to be set. Paths are the server's.
pub(crate) enum Registration {
    Data(Arc<str>, oneshot::Sender<Event>),
    /// Becomes a watch on data, or on coming to be, by the answer.
    Exists(Arc<str>, oneshot::Sender<Event>),
    Child(Arc<str>, oneshot::Sender<Event>),
    Persistent(Arc<str>, WatchMode, mpsc::Sender<WatchEvent>),
}

/// A read is asked so often before its connection's end is its own fault.
const SENT_MAX: u32 = 3;

impl Ask {
    pub(crate) fn fail(self, failure: Failure) {
        // Whoever asked may have gone.
        let _ = self.reply.send(Err(failure));
    }

    pub(crate) fn answer(self, answer: Answer) {
        let _ = self.reply.send(Ok(answer));
    }

    /// Whether asking again does no harm.
    pub(crate) fn may_repeat(&self) -> bool {
        let harmless = matches!(
            self.op,
            OpCode::Exists
                | OpCode::GetData
                | OpCode::GetAcl
                | OpCode::GetChildren
                | OpCode::GetChildren2
                | OpCode::ListChildren
                | OpCode::GetAllChildrenNumber
                | OpCode::GetEphemerals
                | OpCode::MultiRead
                | OpCode::Sync
                | OpCode::WhoAmI
                | OpCode::AddWatch
                | OpCode::Auth
        );
        harmless && self.sent < SENT_MAX && !self.reply.is_closed()
    }
}
