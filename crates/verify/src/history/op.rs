//! What can be asked, and what can be answered.

use std::fmt;
use std::rc::Rc;

use zookeeper::codec::ErrorCode;

use super::ClientId;

/// The mark of a write, in the data that it writes: no two writes of a run have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tag {
    /// Who writes.
    pub client: ClientId,
    /// The writer's count of its writes, from 1.
    pub count: u32,
}

impl Tag {
    /// Bytes of data that carry a tag.
    pub const BYTES: usize = 8;

    /// The data that carries it.
    pub fn encode(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.client.0.to_be_bytes());
        bytes[4..].copy_from_slice(&self.count.to_be_bytes());
        bytes
    }

    /// The tag that data begins with.
    pub fn decode(data: &[u8]) -> Option<Self> {
        let (client, rest) = data.split_first_chunk()?;
        let (count, _) = rest.split_first_chunk()?;
        Some(Self { client: ClientId(u32::from_be_bytes(*client)), count: u32::from_be_bytes(*count) })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.client.0, self.count)
    }
}

/// What kind of znode a create makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Stays.
    Persistent,
    /// Goes with its session.
    Ephemeral,
    /// Stays, with a number behind its name.
    Sequential,
    /// Goes with its session, and has a number behind its name.
    EphemeralSequential,
}

impl Kind {
    /// Whether the server puts a number behind its name.
    pub fn is_sequential(self) -> bool {
        matches!(self, Kind::Sequential | Kind::EphemeralSequential)
    }

    /// Whether it goes with its session.
    pub fn is_ephemeral(self) -> bool {
        matches!(self, Kind::Ephemeral | Kind::EphemeralSequential)
    }
}

/// A write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Creates a znode.
    Create {
        /// Where; a sequential one's number comes behind.
        path: Rc<str>,
        /// Its data.
        tag: Tag,
        /// Its kind.
        kind: Kind,
    },
    /// Replaces data.
    Set {
        /// Where.
        path: Rc<str>,
        /// The new data.
        tag: Tag,
        /// The version that must be there.
        version: Option<i32>,
    },
    /// Deletes a znode.
    Delete {
        /// Where.
        path: Rc<str>,
        /// The version that must be there.
        version: Option<i32>,
    },
    /// Fails unless the version is there. Only in a multi.
    Check {
        /// Where.
        path: Rc<str>,
        /// The version.
        version: i32,
    },
}

impl Write {
    /// Where it writes; of a sequential create, what the name begins with.
    pub fn path(&self) -> &Rc<str> {
        match self {
            Write::Create { path, .. }
            | Write::Set { path, .. }
            | Write::Delete { path, .. }
            | Write::Check { path, .. } => path,
        }
    }

    /// The mark that it leaves.
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Write::Create { tag, .. } | Write::Set { tag, .. } => Some(*tag),
            Write::Delete { .. } | Write::Check { .. } => None,
        }
    }
}

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Op {
    /// One write.
    Write(Write),
    /// Several, all or none.
    Multi(Vec<Write>),
    /// A recursive delete, as the deletes that it stands for, the root's last: all or none, like a multi. Whoever asks it knows
    /// what is there, because that came as a whole and goes as a whole.
    DeleteFamily(Vec<Write>),
    /// Data and stat; with a watch on the data if asked.
    Get {
        /// Where.
        path: Rc<str>,
        /// Whether to watch.
        watch: bool,
    },
    /// The stat, or that there is none; with a watch on either.
    Exists {
        /// Where.
        path: Rc<str>,
        /// Whether to watch.
        watch: bool,
    },
    /// Names of children; with a watch on the list.
    Children {
        /// Where.
        path: Rc<str>,
        /// Whether to watch.
        watch: bool,
    },
    /// Wait until this node has all that was committed.
    Sync,
    /// Take up watches again after a reconnect.
    SetWatches {
        /// What the client had seen when it lost the connection.
        since: i64,
    },
    /// End the session.
    Close,
}

impl Op {
    /// The writes in it.
    pub fn writes(&self) -> &[Write] {
        match self {
            Op::Write(write) => std::slice::from_ref(write),
            Op::Multi(writes) | Op::DeleteFamily(writes) => writes,
            _ => &[],
        }
    }

    /// Whether its answer tells of the state, and it changes nothing.
    pub fn is_read(&self) -> bool {
        matches!(self, Op::Get { .. } | Op::Exists { .. } | Op::Children { .. })
    }
}

/// The numbers of a znode that the checks use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// The transaction that created it.
    pub czxid: i64,
    /// The transaction that last set its data.
    pub mzxid: i64,
    /// How often its data was set.
    pub version: i32,
    /// The session it goes with, or 0.
    pub owner: i64,
    /// The transaction that last changed its list of children.
    pub pzxid: i64,
    /// How often that list was changed.
    pub cversion: i32,
}

/// An answer that is no error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// To a write.
    Part(PartAnswer),
    /// To a multi.
    Parts(Vec<PartAnswer>),
    /// To a get.
    Data {
        /// Whose write the data is; `None` if no client of the run wrote it.
        tag: Option<Tag>,
        /// The stat.
        seen: Seen,
    },
    /// To an exists.
    Stat(Seen),
    /// To a list.
    Names {
        /// The children.
        names: Vec<Rc<str>>,
        /// The parent's stat.
        seen: Seen,
    },
    /// To all else.
    Done,
}

/// The answer to a write, alone or in a multi.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartAnswer {
    /// Created, under this path.
    Created(Rc<str>, Seen),
    /// Set.
    Set(Seen),
    /// Deleted.
    Deleted,
    /// Checked.
    Checked,
}

/// An error that the server answered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The whole request failed.
    Code(ErrorCode),
    /// A multi failed at this part.
    Part {
        /// The part, from 0.
        at: usize,
        /// Its error.
        code: ErrorCode,
    },
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was done.
    Ok {
        /// The reply's transaction: a write's own, the state that a read saw.
        zxid: i64,
        /// The answer.
        answer: Answer,
    },
    /// It was refused, and changed nothing.
    Failed {
        /// The reply's transaction.
        zxid: i64,
        /// Why.
        failure: Failure,
    },
    /// The connection ended first: it was done or not.
    Unknown,
}
