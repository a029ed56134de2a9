//! The list of what happened.

use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use zookeeper::codec::EventType;

use super::{Op, Outcome};

/// A client. It may have one session after another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u32);

/// A connection; no two of a run have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u32);

/// A session's id, as the server gave it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub i64);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A place in the [`History`].
pub type Moment = usize;

/// A request's number in the history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpId(pub usize);

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct OpRecord {
    /// Who asked.
    pub client: ClientId,
    /// In which session.
    pub session: SessionKey,
    /// On which connection.
    pub connection: ConnectionId,
    /// What.
    pub op: Op,
    /// When it was asked.
    pub invoked: Moment,
    /// When its outcome was known; for unknown ones, when that was clear.
    pub completed: Moment,
    /// What became of it.
    pub outcome: Outcome,
}

impl OpRecord {
    /// The transaction of the reply, if there was one.
    pub fn zxid(&self) -> Option<i64> {
        match self.outcome {
            Outcome::Ok { zxid, .. } | Outcome::Failed { zxid, .. } => Some(zxid),
            Outcome::Unknown => None,
        }
    }
}

/// What a one-shot watch looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WatchKind {
    /// Data of a znode, and its end.
    Data,
    /// The creation of a znode that is not there.
    Exist,
    /// A znode's children, and its end.
    Child,
}

/// A session has a connection.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Whose.
    pub client: ClientId,
    /// The session.
    pub session: SessionKey,
    /// The connection.
    pub connection: ConnectionId,
    /// The node that it is to.
    pub node: u64,
    /// True for a session that did not exist before.
    pub is_new: bool,
    /// The session's timeout.
    pub timeout: Duration,
    /// Whether its reads were promised to be linearizable.
    pub is_linearizable: bool,
}

/// A watch event arrived.
#[derive(Clone, Debug)]
pub struct Fired {
    /// At whom.
    pub client: ClientId,
    /// On which connection.
    pub connection: ConnectionId,
    /// The transaction that the event names; at most 0 if none.
    pub zxid: i64,
    /// What happened.
    pub kind: EventType,
    /// Where.
    pub path: Rc<str>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A connection speaks for a session.
    Attached(Attached),
    /// A session's connection ended.
    Detached(ConnectionId),
    /// A client was told that its session is over without having closed it.
    Expired {
        /// Whose.
        client: ClientId,
        /// Which.
        session: SessionKey,
        /// How long ago the client sent the newest request that was answered.
        silent_for: Duration,
        /// What the session's timeout was.
        timeout: Duration,
    },
    /// A client gave up its session without closing it.
    Abandoned(SessionKey),
    /// A request was sent.
    Invoked(OpId),
    /// Its outcome is known, or known to be unknown.
    Completed(OpId),
    /// A watch event arrived.
    Fired(Fired),
    /// The server broke the protocol's rules, in a way that one connection can see.
    Nonsense {
        /// On which connection.
        connection: ConnectionId,
        /// What.
        what: String,
    },
}

/// All that happened in a run.
#[derive(Debug)]
pub struct History {
    /// In order.
    pub events: Vec<Event>,
    /// When each event happened, to a tick.
    pub times: Vec<Duration>,
    /// All requests, by number.
    pub ops: Vec<OpRecord>,
    connections: u32,
    clock: fn() -> Duration,
}

impl Default for History {
    /// A history without times.
    fn default() -> Self {
        Self::new(|| Duration::ZERO)
    }
}

impl History {
    /// An empty history. `clock` tells the time since the run began.
    pub fn new(clock: fn() -> Duration) -> Self {
        Self { events: Vec::new(), times: Vec::new(), ops: Vec::new(), connections: 0, clock }
    }

    /// The moment that is next.
    pub fn now(&self) -> Moment {
        self.events.len()
    }

    /// A number for a new connection.
    pub fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    /// Adds an event.
    pub fn push(&mut self, event: Event) {
        tracing::debug!(target: "verify::history", at = self.events.len(), ?event);
        self.events.push(event);
        self.times.push((self.clock)());
    }

    /// A request is being sent.
    pub fn invoke(
        &mut self,
        client: ClientId,
        session: SessionKey,
        connection: ConnectionId,
        op: Op,
    ) -> OpId {
        let id = OpId(self.ops.len());
        let invoked = self.now();
        tracing::debug!(target: "verify::history", ?id, ?client, ?session, ?connection, ?op);
        let outcome = Outcome::Unknown;
        self.ops.push(OpRecord { client, session, connection, op, invoked, completed: Moment::MAX, outcome });
        self.push(Event::Invoked(id));
        id
    }

    /// A request's outcome is known.
    pub fn complete(&mut self, id: OpId, outcome: Outcome) {
        tracing::debug!(target: "verify::history", ?id, ?outcome);
        let completed = self.now();
        let record = &mut self.ops[id.0];
        record.outcome = outcome;
        record.completed = completed;
        self.push(Event::Completed(id));
    }

    /// The connections whose reads were promised to be linearizable.
    pub fn linearizable(&self) -> BTreeSet<ConnectionId> {
        let attached = self.events.iter().filter_map(|event| match event {
            Event::Attached(attached) => Some(attached),
            _ => None,
        });
        attached.filter(|attached| attached.is_linearizable).map(|attached| attached.connection).collect()
    }

    /// A request.
    pub fn op(&self, id: OpId) -> &OpRecord {
        &self.ops[id.0]
    }
}
