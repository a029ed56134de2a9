//! Serves clients: accepts their connections and gives each a task.

mod auth;
mod client;
mod handshake;
mod pipeline;
mod registry;
mod request;
mod security;
mod superuser;
mod wire;

pub use auth::IDENTITY_BYTES_MAX;
pub(crate) use registry::{ConnectionInfo, ConnectionState, Registry};
pub use superuser::NotSuperuser;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use control::Control;
use runtime::{BoxStream, Instant, Listener, Pool, Runtime};
use tokio::sync::Notify;

use crate::config::Config;
use crate::errors::Ending;
use crate::terms::Terms;
use registry::Limits;
use security::Handshakes;

/// After a failure to accept (no file descriptors left, most likely) the listener rests that long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The ZooKeeper front end of a node. One serves any number of listeners.
pub struct Server {
    pub(crate) runtime: Runtime,
    pub(crate) control: Arc<Control>,
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) handshakes: Handshakes,
    pub(crate) started: Instant,
    stopping: AtomicBool,
    stop: Notify,
}

impl Server {
    /// A front end for `control`, which must have been started.
    pub fn new(runtime: Runtime, control: Arc<Control>, config: Config) -> Arc<Self> {
        let started = runtime.clock.now();
        let handshakes = Handshakes::new(config.tls_handshakes_max);
        Arc::new(Self {
            runtime,
            control,
            config,
            registry: Registry::default(),
            handshakes,
            started,
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
        })
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
        let metrics = self.control.metrics();
        let limits = Limits {
            all: self.config.connections_max,
            of_an_address: self.config.connections_per_address_max,
        };
        let registration = match self.registry.register(peer, self.runtime.clock.wall_ms(), limits) {
            Ok(registration) => registration,
            Err(why) => {
                metrics.connections_rejected.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%peer, %why, "client refused");
                return;
            }
        };
        metrics.connections_accepted.fetch_add(1, Ordering::Relaxed);
        let server = Arc::clone(self);
        let client = async move {
            let ending = client::serve(&server, stream, terms, registration.info()).await;
            server.log_ending(registration.info(), &ending);
        };
        self.runtime.spawn(Pool::Clients, runtime::panics::contain(client)).detach();
    }

    /// Accepts no more, lets every connection finish what is under way, and completes when all have ended. Connections
    /// that take longer than the configuration allows are cut.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stop.notify_waiters();
        self.control.nudge_connections();
        self.registry.emptied().await;
    }

    /// Completes when the server is to stop.
    async fn stopped(&self) {
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

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// One line for every connection that ended otherwise than by its client's leave.
    fn log_ending(&self, info: &ConnectionInfo, ending: &Ending) {
        let (peer, session) = (info.peer, info.session());
        if !ending.is_usual() {
            let metrics = self.control.metrics();
            metrics.connections_dropped.fetch_add(1, Ordering::Relaxed);
            if let Ending::HandshakeTimeout = ending {
                metrics.connections_sessionless.fetch_add(1, Ordering::Relaxed);
            }
        }
        if ending.is_clients_fault() {
            tracing::warn!(%peer, %session, "client connection closed: {ending}");
        } else if ending.is_usual() {
            tracing::debug!(%peer, %session, "client connection ended: {ending}");
        } else {
            tracing::info!(%peer, %session, "client connection closed: {ending}");
        }
    }
}
