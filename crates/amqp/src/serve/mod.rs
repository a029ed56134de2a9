//! Serves clients: accepts their connections and gives each a task.

mod client;
mod handshake;
mod limits;
mod registry;
mod security;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use catalog::Catalog;
use runtime::{BoxStream, Listener, Pool, Runtime, Security};
use shards::Shards;
use tokio::sync::Notify;

use self::registry::Registry;
pub use self::registry::{ConnectionInfo, ConnectionState};
use self::security::Handshakes;
use crate::alarms::Alarms;
use crate::auth::Authenticator;
use crate::broker::ReplyBoxes;
use crate::colleagues::Colleagues;
use crate::config::Config;
use crate::ending::Ending;
use crate::metrics::Metrics;
use crate::note::{Note, YES};
use crate::usage::Usages;

/// After a failure to accept (no file descriptors left, most likely) the listener rests that long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What holds for the clients of one listener.
#[derive(Clone, Default)]
pub struct Terms {
    /// What a stream goes through before anything is read from it; `None`: nothing.
    pub security: Option<Arc<dyn Security>>,
}

/// The AMQP front end of a node. One serves any number of listeners.
pub struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) alarms: Alarms,
    colleagues: Arc<dyn Colleagues>,
    usages: Usages,
    pub(crate) reply_boxes: Arc<ReplyBoxes>,
    registry: Registry,
    handshakes: Handshakes,
    stopping: AtomicBool,
    stop: Notify,
    /// A connection has ended and may have left queues behind.
    pub(crate) left_over: Notify,
}

impl Server {
    /// A front end for this catalog and this data plane.
    pub fn new(
        runtime: Runtime,
        catalog: Arc<Catalog>,
        shards: Arc<Shards>,
        authenticator: Arc<dyn Authenticator>,
        colleagues: Arc<dyn Colleagues>,
        config: Config,
    ) -> Arc<Self> {
        let handshakes = Handshakes::new(config.tls_handshakes_max);
        Arc::new(Self {
            runtime,
            catalog,
            shards,
            authenticator,
            config: Arc::new(config),
            metrics: Arc::default(),
            alarms: Alarms::default(),
            reply_boxes: Arc::new(ReplyBoxes::new(Arc::clone(&colleagues))),
            colleagues,
            usages: Usages::default(),
            registry: Registry::default(),
            handshakes,
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            left_over: Notify::new(),
        })
    }

    /// Answers what another node's front end says. Nothing is the answer to what is no question.
    pub fn handle_note(&self, from: u64, note: Bytes) -> Bytes {
        match Note::decode(note) {
            Some(Note::Shortage(shortage)) => self.alarms.hear(from, shortage, self.runtime.clock.now()),
            Some(Note::Usage(usage)) => self.usages.hear(from, usage, self.runtime.clock.now()),
            Some(Note::Reply(reply)) => self.reply_boxes.put(reply),
            Some(Note::IsThere(address)) if self.reply_boxes.is_here(&address) => return YES,
            Some(Note::IsThere(_)) | None => {}
        }
        Bytes::new()
    }

    /// What it has done so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What clients are told the cluster is called.
    pub fn cluster_name(&self) -> &str {
        &self.config.cluster_name
    }

    /// Tells the other nodes what this one is short of, and forgets what they have said too long ago. To be called every second.
    pub fn share_alarms(&self) {
        if let Some(shortage) = self.alarms.pass(self.runtime.clock.now()) {
            let note = Note::Shortage(shortage).encode();
            self.colleagues.others().into_iter().for_each(|node| self.colleagues.tell(node, note.clone()));
        }
    }

    /// What the nodes are short of; this one's is to be set by whoever watches that.
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// The connections that there are, in the order in which they were accepted.
    pub fn connections(&self) -> Vec<Arc<ConnectionInfo>> {
        self.registry.all()
    }

    /// Accepts connections until [`Server::stop`].
    pub async fn serve(self: Arc<Self>, mut listener: Box<dyn Listener>, terms: Terms) {
        while !self.is_stopping() {
            let accepted = tokio::select! {
                biased;
                () = self.stopped() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer, terms.clone()),
                Err(error) => {
                    tracing::warn!(%error, "can't accept clients; raise the limit on open files if this goes on");
                    self.runtime.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Takes a connected client, whatever it came through.
    pub fn accept(self: &Arc<Self>, stream: BoxStream, peer: SocketAddr, terms: Terms) {
        if self.is_stopping() {
            return;
        }
        let now_ms = self.runtime.clock.wall_ms();
        let registration = match self.registry.register(peer, now_ms, self.config.connections_max) {
            Ok(registration) => registration,
            Err(why) => {
                self.metrics.connections_refused.add(1);
                tracing::warn!(%peer, %why, "client refused");
                return;
            }
        };
        self.metrics.connections_opened.add(1);
        let server = Arc::clone(self);
        let client = async move {
            let ending = client::serve(&server, stream, terms, registration.info()).await;
            server.metrics.connections_closed.add(1);
            log_ending(registration.info(), &ending);
            drop(registration);
            server.left_over.notify_one();
        };
        self.runtime.spawn(Pool::Clients, runtime::panics::contain(client)).detach();
    }

    /// Accepts no more, tells every client that the node stops, and completes when all connections have ended. Those that take longer than the
    /// configuration allows are cut.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify_waiters();
        self.registry.emptied().await;
    }

    /// Completes when the server is to stop.
    pub(crate) async fn stopped(&self) {
        loop {
            let stop = self.stop.notified();
            tokio::pin!(stop);
            stop.as_mut().enable();
            if self.is_stopping() {
                return;
            }
            stop.await;
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// One line for every connection that ended otherwise than by its client's leave.
fn log_ending(info: &ConnectionInfo, ending: &Ending) {
    let (peer, state) = (info.peer, info.state());
    let (user, name) = (state.user.unwrap_or_default(), state.name.unwrap_or_default());
    if ending.is_clients_fault() {
        tracing::warn!(%peer, user, name, "client connection closed: {ending}");
    } else if ending.is_usual() {
        tracing::debug!(%peer, user, name, "client connection ended: {ending}");
    } else {
        tracing::info!(%peer, user, name, "client connection closed: {ending}");
    }
}
