//! What applying a command did.

use crate::error::ErrorCode;
use crate::session::{Owner, SessionId};
use crate::stat::Stat;
use crate::text::Text;
use crate::trigger::Trigger;
use crate::zxid::Zxid;

/// What applying a command did: equal on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The last applied transaction: this command's own, if it burned an id.
    pub zxid: Zxid,
    /// The answer for whoever asked.
    pub result: Result<Reply, ErrorCode>,
    /// What changed, in the order in which watchers must learn of it, before the answer is given.
    pub triggers: Vec<Trigger>,
    /// The session that this command ended. Its connection, wherever it is, is to be closed after the answer.
    pub ended_session: Option<SessionId>,
    /// Whether the command went beyond a soft limit of a quota, or was refused for a hard one. Only if it was to
    /// [heed quotas](crate::Command::enforce_quotas).
    pub is_over_quota: bool,
}

/// The answer to a command that did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To a create.
    Created {
        /// The final path, sequence number included.
        path: Text,
        /// If it was asked for.
        stat: Option<Stat>,
    },
    /// To a delete.
    Deleted,
    /// To a recursive delete: how many znodes are gone.
    DeletedAll {
        /// From 1 up.
        znodes: u32,
    },
    /// To an [`Ensure`](crate::Ensure).
    Ensured {
        /// Whether the znode was made; otherwise it was there.
        created: bool,
        /// Its stat.
        stat: Stat,
    },
    /// To a set of data.
    DataSet(Stat),
    /// To a set of an ACL.
    AclSet(Stat),
    /// To a check inside a multi.
    Checked,
    /// To a multi: an answer for each operation, or which one failed. A failed multi changed nothing.
    Multi(Result<Vec<Reply>, MultiFailure>),
    /// To the creation of a session.
    SessionCreated {
        /// The new id.
        session: SessionId,
        /// As asked, milliseconds.
        timeout_ms: u32,
    },
    /// To the re-attachment of a session.
    SessionAttached {
        /// Which.
        session: SessionId,
        /// Its new generation.
        generation: u64,
        /// As asked, milliseconds.
        timeout_ms: u32,
        /// Who owned it before: that connection, if it is another one and still open, is to be closed.
        previous: Owner,
    },
    /// To a close.
    SessionClosed,
    /// To an expiry that took effect.
    SessionExpired,
    /// To an announcement of an address, or a change of the members, with effect or without.
    EnsembleChanged,
}

/// The operation that failed a multi.
///
/// On the wire operations before it read 0, the ones after it [`ErrorCode::RuntimeInconsistency`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiFailure {
    /// Its position, from 0.
    pub at: usize,
    /// How many operations the multi had.
    pub of: usize,
    /// Why it failed.
    pub error: ErrorCode,
}
