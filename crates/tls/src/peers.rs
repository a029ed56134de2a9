//! The side towards other nodes: a network whose every stream is TLS with certificates on both ends.
//!
//! What is checked: the called node's certificate comes from the cluster's authorities and is made out to the host in the
//! address that was called (a name or an IP address among its subject's alternative names); the calling node's comes from
//! the same authorities. None is on a list of revoked ones that is in the file with the authorities. Which node it is, the greeting tells, and the random number in its data directory proves.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::{BoxFuture, BoxStream, Clock, Complaints, Listener, Network, Pool, Runtime, Task};
use rustls::client::Resumption;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::{debug, warn};

use crate::caller::host_of;
use crate::crowd::{self, Crowd};
use crate::explain::explain;
use crate::kept::Kept;
use crate::material::{self, WallClock};
use crate::{PeerFiles, TlsError, cpu};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS over a node's network.
pub struct PeerNetwork {
    runtime: Runtime,
    kept: Arc<Kept<Sides>>,
    _following: Task,
}

struct Sides {
    called: Arc<ServerConfig>,
    calling: Arc<ClientConfig>,
    expires_at: i64,
}

impl PeerNetwork {
    /// Reads the files and begins to follow them. Streams come from the network of `runtime`.
    pub async fn open(runtime: &Runtime, files: PeerFiles) -> Result<Self, TlsError> {
        cpu::check()?;
        let clock = Arc::new(WallClock(runtime.clock.clone()));
        let paths = files.paths();
        let make = move |contents: &[Bytes]| sides(&files, contents, clock.clone());
        let (kept, followed) = Kept::open(runtime, paths, Box::new(make)).await?;
        let following = runtime.spawn(Pool::Clients, kept.clone().follow(runtime.clone(), followed));
        Ok(Self { runtime: runtime.clone(), kept, _following: following })
    }

    /// When the certificate that other nodes are shown expires, in seconds since the Unix epoch.
    pub fn certificate_expires_at(&self) -> i64 {
        self.kept.current().expires_at
    }
}

/// Nothing is resumed: every connection is judged by the authorities of the day.
fn sides(files: &PeerFiles, contents: &[Bytes], clock: Arc<WallClock>) -> Result<Sides, TlsError> {
    const OFFERED: &str = "the provider has suites for TLS 1.3";
    let own = material::own(&files.own, &contents[0], &contents[1])?;
    let judge_of_callers = material::judge_of_callers(&files.authorities, &contents[2], true)?;
    let judge_of_called = material::judge_of_called(&files.authorities, &contents[2])?;
    let mut called = ServerConfig::builder_with_details(material::provider(), clock.clone())
        .with_protocol_versions(&[&TLS13])
        .expect(OFFERED)
        .with_client_cert_verifier(judge_of_callers)
        .with_cert_resolver(own.pair.clone());
    called.send_tls13_tickets = 0;
    let mut calling = ClientConfig::builder_with_details(material::provider(), clock)
        .with_protocol_versions(&[&TLS13])
        .expect(OFFERED)
        .with_webpki_verifier(judge_of_called)
        .with_client_cert_resolver(own.pair);
    calling.resumption = Resumption::disabled();
    Ok(Sides { called: Arc::new(called), calling: Arc::new(calling), expires_at: own.expires_at })
}

impl Network for PeerNetwork {
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = self.runtime.network.listen(address).await?;
            let (sender, finished) = mpsc::channel(crowd::MAX);
            let handshakes = Handshakes {
                runtime: self.runtime.clone(),
                kept: self.kept.clone(),
                crowd: Arc::default(),
                complaints: Arc::default(),
                finished: sender,
            };
            Ok(Box::new(PeerListener { listener, handshakes, finished }) as Box<dyn Listener>)
        })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            let name = host_of(address)?;
            // How it fails is told as it is: a refused connection means more than one that ends later.
            let stream = self.runtime.network.connect(address).await?;
            let connector = TlsConnector::from(self.kept.current().calling.clone());
            let (sender, receiver) = oneshot::channel();
            // Consensus waits for it, and does not compute it.
            let _handshake = self.runtime.spawn(Pool::Clients, async move {
                // The receiver is gone when the caller has lost patience.
                let _ = sender.send(connector.connect(name, stream).await);
            });
            let connected = receiver.await.map_err(|_| io::Error::other("this node is stopping"))?;
            Ok(Box::new(connected.map_err(explain)?) as BoxStream)
        })
    }
}

/// Gives out streams whose handshakes are done. Those that fail are logged and forgotten.
struct PeerListener {
    listener: Box<dyn Listener>,
    handshakes: Handshakes,
    finished: mpsc::Receiver<(BoxStream, SocketAddr)>,
}

impl Listener for PeerListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            loop {
                tokio::select! {
                    biased;
                    Some(finished) = self.finished.recv() => return Ok(finished),
                    accepted = self.listener.accept() => {
                        let (stream, address) = accepted?;
                        self.handshakes.begin(stream, address);
                    }
                }
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct Handshakes {
    runtime: Runtime,
    kept: Arc<Kept<Sides>>,
    crowd: Arc<Crowd>,
    complaints: Arc<Complaints<IpAddr>>,
    finished: mpsc::Sender<(BoxStream, SocketAddr)>,
}

impl Handshakes {
    fn begin(&self, stream: BoxStream, address: SocketAddr) {
        let Some(place) = Crowd::enter(&self.crowd, address.ip()) else {
            complain(
                &self.complaints,
                &self.runtime.clock,
                address,
                "there are too many TLS handshakes at a time",
            );
            return;
        };
        let acceptor = TlsAcceptor::from(self.kept.current().called.clone());
        let (clock, finished) = (self.runtime.clock.clone(), self.finished.clone());
        let complaints = self.complaints.clone();
        let handshake = async move {
            let _place = place;
            match clock.timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                // The receiver is gone when the listener is closed.
                Ok(Ok(stream)) => drop(finished.send((Box::new(stream) as BoxStream, address)).await),
                Ok(Err(error)) => complain(&complaints, &clock, address, &explain(error).to_string()),
                Err(_elapsed) => complain(&complaints, &clock, address, "its TLS handshake took too long"),
            }
        };
        self.runtime.spawn(Pool::Clients, runtime::panics::contain(handshake)).detach();
    }
}

/// Logs why a peer was refused, aloud if nothing was said of its address lately.
fn complain(complaints: &Complaints<IpAddr>, clock: &Clock, address: SocketAddr, why: &str) {
    if complaints.is_due(address.ip(), clock.now()) {
        warn!(%address, why, "a peer was refused by TLS");
    } else {
        debug!(%address, why, "a peer was refused by TLS");
    }
}
