//! The session: one task that keeps a connection, whatever happens to connections, and carries requests over it.
//!
//! It knows frames, numbers, deadlines, watches and identities. What a request means it does not know: requests come
//! encoded and answers leave encoded.

mod ask;
mod attach;
mod connection;
mod registry;
mod serve;

use std::collections::VecDeque;
use std::sync::Arc;

use jute::Credentials;
use runtime::{Instant, Pool, Runtime};
use tls::Caller;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use ask::{Answer, Ask, Registration};

use crate::address::ConnectString;
use crate::error::{ErrorKind, Failure};
use crate::life::{self, Life};
use crate::options::{Identity, Options};
use attach::Attached;
use registry::Registry;
use serve::Parting;

/// Where a client's session is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// No server has it. It may expire.
    Detached,
    /// A server has it.
    Attached {
        /// Which.
        server: Arc<str>,
        /// The session's number.
        session: i64,
    },
    /// It is over, for this reason.
    Over(ErrorKind),
}

/// What is left to the session's owner.
pub(crate) struct Handle {
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) state: watch::Receiver<State>,
    pub(crate) life: Arc<Life>,
    /// Completes when the first server has taken the session up, or none has in time.
    pub(crate) ready: oneshot::Receiver<Result<(), Failure>>,
}

pub(crate) struct Session {
    runtime: Runtime,
    options: Options,
    target: ConnectString,
    /// What makes streams secure, if they are to be.
    tls: Option<Caller>,
    /// Index of the server to try next, in an order that was drawn at the start.
    next_server: usize,
    asks: mpsc::Receiver<Ask>,
    state: watch::Sender<State>,
    life: Arc<Life>,
    ready: Option<oneshot::Sender<Result<(), Failure>>>,
    credentials: Option<Credentials>,
    last_zxid: i64,
    /// Goes on across connections: ZooKeeper takes a late commit of a request for the answer to another one of the
    /// session with the same number.
    next_xid: i32,
    identities: Vec<Identity>,
    registry: Registry,
    /// Reads whose answer was lost; they go first on the next connection.
    again: VecDeque<Ask>,
    detached_at: Instant,
    /// How many servers, one after the other, were of no use.
    failures: usize,
}

/// Starts a session with the servers of `target`.
pub(crate) fn start(
    runtime: &Runtime,
    mut target: ConnectString,
    options: Options,
    tls: Option<Caller>,
) -> Handle {
    let (sender, asks) = mpsc::channel(options.queue_max.max(1));
    let (state, state_seen) = watch::channel(State::Detached);
    let (ready, is_ready) = oneshot::channel();
    let life = Arc::new(Life::default());
    shuffle(&mut target.servers, runtime);
    let session = Session {
        runtime: runtime.clone(),
        registry: Registry::new(&target.chroot),
        identities: options.identities.clone(),
        options,
        target,
        tls,
        next_server: 0,
        asks,
        state,
        life: Arc::clone(&life),
        ready: Some(ready),
        credentials: None,
        last_zxid: 0,
        next_xid: 1,
        again: VecDeque::new(),
        detached_at: runtime.clock.now(),
        failures: 0,
    };
    runtime.spawn(Pool::Clients, session.run()).detach();
    let proofs =
        life::prove(Arc::clone(&life), runtime.clock.clone(), sender.downgrade(), state_seen.clone());
    runtime.spawn(Pool::Clients, proofs).detach();
    Handle { asks: sender, state: state_seen, life, ready: is_ready }
}

impl Session {
    async fn run(mut self) {
        let why = loop {
            let connection = match self.attach().await {
                Attached::There(connection) => connection,
                Attached::Over(why) => break why,
            };
            let attached_at = self.runtime.clock.now();
            let (parting, mut connection) = self.serve(connection).await;
            self.detached_at = self.runtime.clock.now();
            self.on_lost(self.detached_at.saturating_since(attached_at));
            match parting {
                Parting::Lost(why) => {
                    tracing::debug!(server = %connection.server(), %why, "connection lost");
                    connection.lose(&why, &mut self.again);
                    // As other clients do, to another server first.
                    self.next_server += 1;
                    self.state.send_replace(State::Detached);
                }
                Parting::Over(why) => {
                    connection.fail(&why);
                    break why;
                }
            }
        };
        self.end(&why);
    }

    /// Answers everything that waits, and all that will still be asked.
    fn end(mut self, why: &ErrorKind) {
        self.state.send_replace(State::Over(why.clone()));
        self.fail_waiting(&Failure::unsent(why.clone()));
        self.asks.close();
        self.fail_waiting(&Failure::unsent(why.clone()));
    }

    fn fail_waiting(&mut self, failure: &Failure) {
        if let Some(ready) = self.ready.take() {
            // Nobody may wait for it any more.
            let _ = ready.send(Err(failure.clone()));
        }
        for ask in self.again.drain(..) {
            ask.fail(failure.clone());
        }
        while let Ok(ask) = self.asks.try_recv() {
            ask.fail(failure.clone());
        }
    }
}

fn shuffle(servers: &mut [String], runtime: &Runtime) {
    for last in (1..servers.len()).rev() {
        let other = runtime.entropy.next_u64() % (last as u64 + 1);
        servers.swap(last, usize::try_from(other).expect("it is at most the index before it"));
    }
}
