//! Error codes of the ZooKeeper protocol and the errors of this crate's decoders.

use thiserror::Error;

/// Why an operation failed, with the number that the ZooKeeper protocol gives it.
///
/// The state machine itself returns only a few of them; the table is complete so that front ends share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
#[repr(i32)]
pub enum ErrorCode {
    /// Marker that starts the system errors; also what a replica without room for another znode answers.
    #[error("system error")]
    SystemError = -1,
    /// Entries of a failed multi that stand after the one that failed.
    #[error("not run because an earlier operation of the same multi failed")]
    RuntimeInconsistency = -2,
    /// Reserved by the protocol.
    #[error("data inconsistency")]
    DataInconsistency = -3,
    /// Made by clients.
    #[error("connection lost")]
    ConnectionLoss = -4,
    /// The request's record does not parse.
    #[error("request does not parse")]
    MarshallingError = -5,
    /// Unknown or switched-off operation.
    #[error("operation not implemented")]
    Unimplemented = -6,
    /// Made by clients.
    #[error("operation timed out")]
    OperationTimeout = -7,
    /// Bad path in a write, bad flags, too much data, delete of a system node.
    #[error("bad arguments")]
    BadArguments = -8,
    /// Internal to a server.
    #[error("unknown session")]
    UnknownSession = -12,
    /// Reconfiguration without a synced quorum.
    #[error("no quorum of the new configuration is synced")]
    NewConfigNoQuorum = -13,
    /// Another reconfiguration runs.
    #[error("another reconfiguration is in progress")]
    ReconfigInProgress = -14,
    /// Marker that starts the API errors.
    #[error("API error")]
    ApiError = -100,
    /// The node, or the parent of a node to create, does not exist.
    #[error("node does not exist")]
    NoNode = -101,
    /// The ACL does not permit it.
    #[error("not permitted by the ACL")]
    NoAuth = -102,
    /// The expected version differs.
    #[error("version does not match")]
    BadVersion = -103,
    /// Ephemeral nodes have no children.
    #[error("ephemeral nodes may not have children")]
    NoChildrenForEphemerals = -108,
    /// The node to create exists.
    #[error("node exists")]
    NodeExists = -110,
    /// The node to delete has children.
    #[error("node has children")]
    NotEmpty = -111,
    /// The session is unknown, closed or expired, or its password is wrong.
    #[error("session expired")]
    SessionExpired = -112,
    /// Reserved by the protocol.
    #[error("invalid callback")]
    InvalidCallback = -113,
    /// Empty ACL, unknown scheme, malformed id, or `auth` without an authenticated identity.
    #[error("invalid ACL")]
    InvalidAcl = -114,
    /// Refused authentication.
    #[error("authentication failed")]
    AuthFailed = -115,
    /// The session is owned by another connection; the front end closes the connection that asked.
    #[error("session moved to another connection")]
    SessionMoved = -118,
    /// A write on a read-only server.
    #[error("server is read-only")]
    NotReadOnly = -119,
    /// A local session could not become global.
    #[error("ephemeral node on a local session")]
    EphemeralOnLocalSession = -120,
    /// No watch to check or remove.
    #[error("no such watch")]
    NoWatcher = -121,
    /// Made by clients.
    #[error("request timed out")]
    RequestTimeout = -122,
    /// Reconfiguration is switched off.
    #[error("reconfiguration is disabled")]
    ReconfigDisabled = -123,
    /// Enforced authentication is missing.
    #[error("session closed because authentication is required")]
    SessionClosedRequireSaslAuth = -124,
    /// A hard quota is exceeded.
    #[error("quota exceeded")]
    QuotaExceeded = -125,
    /// The operation was throttled.
    #[error("operation throttled")]
    ThrottledOp = -127,
    /// Quorate's own: an extension would change more znodes than one operation may ([`Extent`](crate::Extent)).
    #[error("more znodes than one operation may change")]
    TooManyZnodes = -1000,
}

impl ErrorCode {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }
}

/// A command in the log that this version can not read. The node must stop: skipping it would fork the replica.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Not protobuf of the expected shape.
    #[error("command does not parse as protobuf; the log entry is damaged or foreign")]
    Protobuf(#[from] prost::DecodeError),
    /// Written by a newer version.
    #[error("command has format {found}, this version reads up to {newest}; upgrade this node")]
    Format {
        /// The format of the command.
        found: u32,
        /// The newest format that this version reads.
        newest: u32,
    },
    /// A field is missing or out of its range.
    #[error("command has a bad {field}; the log entry is damaged or written by a newer version")]
    Field {
        /// Which field.
        field: &'static str,
    },
}

/// A snapshot that can not be restored. The tree under construction is dropped; nothing else was touched.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// Not protobuf of the expected shape.
    #[error("snapshot chunk {number} does not parse as protobuf; fetch the snapshot again")]
    Protobuf {
        /// The chunk, counted from 0.
        number: u64,
        /// What the parser found.
        #[source]
        source: prost::DecodeError,
    },
    /// Written by a newer version.
    #[error("snapshot has format {found}, this version reads up to {newest}; upgrade this node")]
    Format {
        /// The format of the chunk.
        found: u32,
        /// The newest format that this version reads.
        newest: u32,
    },
    /// A chunk is lost, repeated or out of order.
    #[error("snapshot chunk {found} arrived where {expected} was due; fetch the snapshot again")]
    Order {
        /// The number of the chunk.
        found: u64,
        /// The number that was due.
        expected: u64,
    },
    /// The contents contradict themselves.
    #[error("snapshot chunk {number} is inconsistent: {what}; fetch the snapshot again")]
    Inconsistent {
        /// The chunk, counted from 0.
        number: u64,
        /// The broken rule.
        what: &'static str,
    },
    /// `finish` came before the last chunk.
    #[error("snapshot ends after {chunks} chunks without its end record; fetch the snapshot again")]
    Truncated {
        /// How many chunks had arrived.
        chunks: u64,
    },
}

/// Only one snapshot is taken at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a snapshot of this tree is already being taken; finish or cancel it first")]
pub struct SnapshotInProgress;

/// A zxid has room for no more epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the tree is in epoch {epoch} and zxids end with epoch 2147483647: {skipped} can't be skipped; skip fewer"
)]
pub struct EpochsUsedUp {
    /// The epoch of the tree.
    pub epoch: u32,
    /// How many were to be skipped.
    pub skipped: u32,
}
