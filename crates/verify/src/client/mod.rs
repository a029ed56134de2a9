//! A ZooKeeper client over any [`Network`]: sessions that move between nodes, pipelined requests, watches.
//!
//! It decides nothing but where to connect: what to ask comes from a [`Workload`], what came of it goes into the
//! [`History`]. What the server does wrong on one connection (answers out of order, events that nobody asked for) it
//! notes there too.

mod connection;
mod line;
mod translate;
mod watches;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::{Clock, Instant, Network};

pub use watches::{Watches, answers_set_watches, set_by, used_by};

use crate::history::{Attached, ClientId, ConnectionId, Event, History, Op, OpRecord, SessionKey};
use connection::{Connection, Parting};
use line::{Credentials, Line};

/// What a client does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Sends a request. After [`Op::Close`] it starts over with a new session.
    Ask(Op),
    /// Does nothing until something has come in, or for a while.
    Idle,
    /// Sends nothing for so long, whatever comes in.
    Pause(Duration),
    /// Drops the connection and takes its session up elsewhere.
    Move,
    /// Forgets its session without closing it, and starts over.
    Abandon,
    /// Ends, without closing its session.
    Quit,
}

/// Decides what a client does.
pub trait Workload {
    /// What to do next. Asked whenever the client may send.
    fn next_step(&mut self) -> Step;
    /// The client has a new session.
    fn on_session(&mut self, _session: SessionKey) {}
    /// A watch that was set on this path has fired.
    fn on_event(&mut self, _path: &Rc<str>) {}
    /// A request was answered, or never will be.
    fn on_outcome(&mut self, _record: &OpRecord) {}
}

/// What a client is like.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Who it is.
    pub id: ClientId,
    /// Nodes that it connects to: their numbers and addresses.
    pub nodes: Vec<(u64, String)>,
    /// How many requests it has outstanding at most.
    pub window: usize,
    /// The session timeout that it asks for.
    pub session_timeout: Duration,
    /// Whether it asks for linearizable reads, which only Quorate has.
    pub is_linearizable: bool,
    /// Decides its choices.
    pub seed: u64,
}

/// A client.
pub struct Client {
    manner: Manner,
    network: Box<dyn Network>,
    clock: Clock,
    history: Rc<RefCell<History>>,
    workload: Box<dyn Workload>,
    rng: StdRng,
    session: Option<Session>,
}

/// A session as its client knows it. It outlives connections.
struct Session {
    credentials: Credentials,
    last_zxid: i64,
    watches: Watches,
    /// The number of its next request. It goes on across connections, as that of the Java and C clients: ZooKeeper takes a
    /// late commit of a request for the answer to another one of the session with the same number.
    next_xid: i32,
    /// When the newest request that was answered had been sent.
    heard_at: Instant,
    /// The client has sent nothing for so long that the session's end may be decided already, until then.
    overslept_until: Option<Instant>,
}

impl Session {
    fn key(&self) -> SessionKey {
        SessionKey(self.credentials.session)
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.credentials.timeout_ms).unwrap_or(0))
    }
}

/// How long a node may take to answer a connection, and the handshake.
const PATIENCE: Duration = Duration::from_millis(1500);

impl Client {
    /// A client that has done nothing yet.
    pub fn new(
        manner: Manner,
        network: Box<dyn Network>,
        clock: Clock,
        history: Rc<RefCell<History>>,
        workload: Box<dyn Workload>,
    ) -> Self {
        let rng = StdRng::seed_from_u64(manner.seed);
        Self { manner, network, clock, history, workload, rng, session: None }
    }

    /// Lives until the workload quits. As other clients do, it tries one node after another until one takes it.
    pub async fn run(mut self) {
        let mut next = self.any_node();
        loop {
            let (node, address) = self.manner.nodes[next].clone();
            match self.attach(node, &address).await {
                Some(connection) => {
                    let id = connection.id();
                    let parting = self.serve(connection).await;
                    self.history.borrow_mut().push(Event::Detached(id));
                    match parting {
                        Parting::Lost => {}
                        Parting::Closed => self.session = None,
                        Parting::Abandoned => self.abandon(),
                        Parting::Quit => return self.abandon(),
                    }
                    next = self.any_node();
                }
                None => {
                    next = (next + 1) % self.manner.nodes.len();
                    let pause = Duration::from_millis(self.rng.random_range(10..150));
                    self.clock.sleep(pause).await;
                }
            }
        }
    }

    fn any_node(&mut self) -> usize {
        self.rng.random_range(0..self.manner.nodes.len())
    }

    fn abandon(&mut self) {
        if let Some(session) = self.session.take() {
            self.history.borrow_mut().push(Event::Abandoned(session.key()));
        }
    }

    /// A connection to `node` that speaks for the session, or for a new one. `None` if that did not work out.
    async fn attach(&mut self, node: u64, address: &str) -> Option<Connection> {
        let began = self.clock.now();
        let connected = self.clock.timeout(PATIENCE, self.network.connect(address)).await;
        let mut line = Line::new(connected.ok()?.ok()?);
        let wanted = self.session.as_ref().map(|session| &session.credentials);
        let timeout_ms = i32::try_from(self.manner.session_timeout.as_millis()).unwrap_or(i32::MAX);
        let last_zxid = self.session.as_ref().map_or(0, |session| session.last_zxid);
        let greeting = line.shake_hands(wanted, timeout_ms, last_zxid);
        let Some(credentials) = self.clock.timeout(PATIENCE, greeting).await.ok()?.ok()? else {
            self.on_refused();
            return None;
        };
        if self.manner.is_linearizable {
            self.clock.timeout(PATIENCE, line.ask_for_linearizable_reads()).await.ok()?.ok()?;
        }
        Some(self.on_attached(node, line, credentials, began))
    }

    fn on_refused(&mut self) {
        let Some(session) = self.session.take() else { return };
        let now = self.clock.now();
        let (client, timeout) = (self.manner.id, session.timeout());
        let mut silent_for = now.saturating_since(session.heard_at);
        if session.overslept_until.is_some_and(|until| now < until) {
            silent_for = silent_for.max(timeout);
        }
        let event = Event::Expired { client, session: session.key(), silent_for, timeout };
        self.history.borrow_mut().push(event);
    }

    fn on_attached(&mut self, node: u64, line: Line, credentials: Credentials, began: Instant) -> Connection {
        let is_new = self.session.is_none();
        match &mut self.session {
            Some(session) => {
                session.credentials = credentials;
                session.heard_at = began;
                // An end that was decided before can't come any more.
                session.overslept_until = None;
            }
            None => {
                let watches = Watches::default();
                self.session = Some(Session {
                    credentials,
                    last_zxid: 0,
                    watches,
                    next_xid: 1,
                    heard_at: began,
                    overslept_until: None,
                });
            }
        }
        let session = self.session.as_ref().expect("it was just set");
        let (key, timeout) = (session.key(), session.timeout());
        let mut history = self.history.borrow_mut();
        let connection = history.next_connection();
        history.push(Event::Attached(Attached {
            client: self.manner.id,
            session: key,
            connection,
            node,
            is_new,
            timeout,
            is_linearizable: self.manner.is_linearizable,
        }));
        drop(history);
        if is_new {
            self.workload.on_session(key);
        }
        Connection::new(connection, line, began, self.clock.now())
    }

    fn note_nonsense(&self, connection: ConnectionId, what: String) {
        self.history.borrow_mut().push(Event::Nonsense { connection, what });
    }
}
