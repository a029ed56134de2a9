//! The one vocabulary of the replicated log: everything that changes the tree is a [`Command`].

use bytes::Bytes;

use crate::acl::{Acl, Identity};
use crate::session::{Owner, Password, SessionId};
use crate::text::Text;
use crate::znode::Ttl;

mod decode;
mod encode;

pub use encode::LEVEL_MAX;

/// The largest data of a znode, in bytes, on any node. What clients may send is the node's setting, and at most this.
pub const DATA_BYTES_MAX: usize = 32 << 20;

/// The expected version that matches any.
pub const ANY_VERSION: i32 = -1;

/// A write, with everything it depends on: who asks, over which connection, as whom.
///
/// [`Command::encode`] and [`Command::decode`] are the format of the log (protobuf, `proto/command.proto`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The session that asks; [`SessionId::NONE`] for a session to be made and for the cluster's own writes.
    pub session: SessionId,
    /// The connection that asks. It must own the session.
    pub origin: Owner,
    /// Who the connection is, its address included.
    pub identities: Vec<Identity>,
    /// Whether hard limits of quotas bind it. All replicas must decide alike, and servers may be configured differently, so
    /// the server that was asked writes its decision into the command instead of each asking its own configuration.
    pub enforce_quotas: bool,
    /// What it asks.
    pub operation: Operation,
}

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creates a znode.
    Create(Create),
    /// Deletes a znode without children.
    Delete(Delete),
    /// Replaces the data of a znode.
    SetData(SetData),
    /// Replaces the ACL of a znode.
    SetAcl(SetAcl),
    /// All or none, in order, each seeing what those before it did.
    Multi(Vec<SubOperation>),
    /// Makes a session owned by the command's origin; the tree chooses its id.
    CreateSession {
        /// Negotiated session timeout, milliseconds.
        timeout_ms: u32,
        /// What a client must show to attach again.
        password: Password,
    },
    /// Gives a session to the command's origin, if the password is right. Burns no zxid.
    AttachSession {
        /// The session to attach.
        session: SessionId,
        /// What the client showed.
        password: Password,
        /// Negotiated anew, milliseconds.
        timeout_ms: u32,
    },
    /// Ends the command's session at the wish of its client.
    CloseSession,
    /// Ends a session that was silent for too long, unless it has been attached since `generation`, or another leader
    /// has come since: this one may have heard nothing because nobody heard it.
    ExpireSession {
        /// The session to end.
        session: SessionId,
        /// The generation that was silent.
        generation: u64,
        /// The epoch of the leader that waited for it.
        epoch: u32,
    },
    /// Says where clients reach a node, for `/zookeeper/config`. Burns a zxid only if that is new, and the node a member.
    Announce {
        /// Which.
        node: u64,
        /// `HOST:PORT`; absent: nowhere.
        client_address: Option<Text>,
    },
    /// Deletes a znode and all below it, or nothing. An extension: ZooKeeper has nothing like it.
    DeleteRecursive(DeleteRecursive),
    /// Creates a znode unless it is there. An extension.
    Ensure(Ensure),
    /// Deletes a container that has lost its last child, or a znode whose time to live is over. Without effect, and without
    /// a zxid, unless that is so when the command is applied.
    Reap {
        /// Which.
        path: Text,
    },
}

/// A part of a multi.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubOperation {
    /// As [`Operation::Create`].
    Create(Create),
    /// As [`Operation::Delete`].
    Delete(Delete),
    /// As [`Operation::SetData`].
    SetData(SetData),
    /// Fails the multi unless the znode has the expected version.
    Check(Check),
}

/// Creates a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Create {
    /// Where; a sequential mode appends ten digits.
    pub path: Text,
    /// Null and empty data are distinct. At most [`DATA_BYTES_MAX`].
    pub data: Option<Bytes>,
    /// Who may do what.
    pub acl: Vec<Acl>,
    /// How long it lives and how it is named.
    pub mode: CreateMode,
    /// Whether the reply shall carry the stat.
    pub want_stat: bool,
}

/// Deletes a znode without children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Which.
    pub path: Text,
    /// Expected data version, or [`ANY_VERSION`].
    pub version: i32,
}

/// Deletes a znode and all below it, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRecursive {
    /// Which.
    pub path: Text,
    /// Expected data version of that znode, or [`ANY_VERSION`].
    pub version: i32,
    /// More than this is refused.
    pub limit: Extent,
}

/// Creates a persistent znode unless it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensure {
    /// Where.
    pub path: Text,
    /// Null and empty data are distinct. At most [`DATA_BYTES_MAX`].
    pub data: Option<Bytes>,
    /// Who may do what with it, and with the parents that are made.
    pub acl: Vec<Acl>,
    /// Whether parents that are missing are made too, with empty data.
    pub parents: bool,
    /// More than this is refused.
    pub limit: Extent,
}

/// How many znodes an operation changes, and how long their paths are. Both are bounded, so that applying it keeps
/// nobody waiting: the work grows with the number and with the depth, and events carry the paths.
///
/// The bound is part of the command, because all replicas must decide alike, those of the next version included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Znodes.
    pub znodes: u32,
    /// Bytes of all their paths.
    pub path_bytes: u32,
}

impl Extent {
    /// What one operation may change. Deleting so much takes about 7 ms, and below 20 ms at worst: with deep paths, a quota
    /// and watches (`examples/extensions.rs` measures it).
    pub const MAX: Self = Self { znodes: 5_000, path_bytes: 512 << 10 };

    pub(crate) const NONE: Self = Self { znodes: 0, path_bytes: 0 };

    /// With another znode; none beyond `limit`.
    pub(crate) fn plus_path(self, bytes: usize, limit: Self) -> Option<Self> {
        let znodes = self.znodes.checked_add(1).filter(|znodes| *znodes <= limit.znodes)?;
        let path_bytes = self.path_bytes.checked_add(u32::try_from(bytes).ok()?);
        Some(Self { znodes, path_bytes: path_bytes.filter(|bytes| *bytes <= limit.path_bytes)? })
    }
}

/// Replaces the data of a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetData {
    /// Which.
    pub path: Text,
    /// Null and empty data are distinct. At most [`DATA_BYTES_MAX`].
    pub data: Option<Bytes>,
    /// Expected data version, or [`ANY_VERSION`].
    pub version: i32,
}

/// Replaces the ACL of a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAcl {
    /// Which.
    pub path: Text,
    /// Who may do what.
    pub acl: Vec<Acl>,
    /// Expected ACL version, or [`ANY_VERSION`].
    pub version: i32,
}

/// Compares the data version of a znode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub path: Text,
    /// Expected data version, or [`ANY_VERSION`].
    pub version: i32,
}

/// How long a znode lives and how it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CreateMode {
    /// Until deleted.
    Persistent,
    /// Until its session ends.
    Ephemeral,
    /// Until deleted; its name ends in the parent's counter.
    PersistentSequential,
    /// Until its session ends; its name ends in the parent's counter.
    EphemeralSequential,
    /// Until it is reaped, some time after its last child has gone.
    Container,
    /// Until it is reaped, some time after its data was not set for so long, if it has no children then.
    PersistentTtl(Ttl),
    /// As before; its name ends in the parent's counter.
    PersistentSequentialTtl(Ttl),
}

impl CreateMode {
    /// The mode of the ZooKeeper protocol's create flags, and of a time to live where they want one. None if they make no
    /// sense together.
    #[must_use]
    pub const fn from_flags(flags: i32, ttl: Option<Ttl>) -> Option<Self> {
        match (flags, ttl) {
            (0, None) => Some(Self::Persistent),
            (1, None) => Some(Self::Ephemeral),
            (2, None) => Some(Self::PersistentSequential),
            (3, None) => Some(Self::EphemeralSequential),
            (4, None) => Some(Self::Container),
            (5, Some(ttl)) => Some(Self::PersistentTtl(ttl)),
            (6, Some(ttl)) => Some(Self::PersistentSequentialTtl(ttl)),
            _ => None,
        }
    }

    /// The create flags.
    #[must_use]
    pub const fn flags(self) -> i32 {
        match self {
            Self::Persistent => 0,
            Self::Ephemeral => 1,
            Self::PersistentSequential => 2,
            Self::EphemeralSequential => 3,
            Self::Container => 4,
            Self::PersistentTtl(_) => 5,
            Self::PersistentSequentialTtl(_) => 6,
        }
    }

    /// The time to live, if the mode has one.
    #[must_use]
    pub const fn ttl(self) -> Option<Ttl> {
        match self {
            Self::PersistentTtl(ttl) | Self::PersistentSequentialTtl(ttl) => Some(ttl),
            _ => None,
        }
    }

    /// Whether the znode goes with its session.
    #[must_use]
    pub const fn is_ephemeral(self) -> bool {
        matches!(self, Self::Ephemeral | Self::EphemeralSequential)
    }

    /// Whether the parent's counter is appended to the name.
    #[must_use]
    pub const fn is_sequential(self) -> bool {
        matches!(
            self,
            Self::PersistentSequential | Self::EphemeralSequential | Self::PersistentSequentialTtl(_)
        )
    }
}
