//! What lies between clients and nodes, and can be broken.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use runtime::{BoxFuture, BoxStream, Listener, Network, Pool, Runtime, Task};
use tokio::io::AsyncWriteExt;
use zookeeper::{Server, Terms};

/// Of a host of clients.
pub(crate) type HostId = u64;

#[derive(Default)]
pub(crate) struct Wires(Mutex<State>);

#[derive(Default)]
struct State {
    nodes: BTreeMap<u64, Node>,
    /// Hosts that can't connect.
    cut_off: BTreeSet<HostId>,
    connections: Vec<Connection>,
    connects: u64,
}

struct Node {
    server: Arc<Server>,
    terms: Terms,
    is_down: bool,
}

struct Connection {
    host: HostId,
    node: u64,
    up: Task,
    /// None once answers are lost.
    down: Option<Task>,
}

/// Which connections.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    All,
    OfHost(HostId),
    OfNode(u64),
}

impl Which {
    fn matches(self, connection: &Connection) -> bool {
        match self {
            Which::All => true,
            Which::OfHost(host) => connection.host == host,
            Which::OfNode(node) => connection.node == node,
        }
    }
}

/// What buffers of a socket hold.
const WIRE_BYTES: usize = 64 << 10;

impl Wires {
    pub(crate) fn add_node(&self, node: u64, server: Arc<Server>) {
        self.0.lock().nodes.insert(node, Node { server, terms: Terms::default(), is_down: false });
    }

    pub(crate) fn set_terms(&self, terms: &Terms) {
        for node in self.0.lock().nodes.values_mut() {
            node.terms = terms.clone();
        }
    }

    pub(crate) fn cut(&self, which: Which) {
        self.0.lock().connections.retain(|connection| !which.matches(connection));
    }

    pub(crate) fn lose_answers(&self, which: Which) {
        for connection in self.0.lock().connections.iter_mut().filter(|connection| which.matches(connection))
        {
            connection.down = None;
        }
    }

    pub(crate) fn set_down(&self, which: Which, is_down: bool) {
        let mut state = self.0.lock();
        match which {
            Which::All => state.nodes.values_mut().for_each(|node| node.is_down = is_down),
            Which::OfNode(id) => {
                if let Some(node) = state.nodes.get_mut(&id) {
                    node.is_down = is_down;
                }
            }
            Which::OfHost(host) if is_down => {
                state.cut_off.insert(host);
            }
            Which::OfHost(host) => {
                state.cut_off.remove(&host);
            }
        }
        if is_down {
            state.connections.retain(|connection| !which.matches(connection));
        }
    }

    pub(crate) fn connects(&self) -> u64 {
        self.0.lock().connects
    }

    fn connect(&self, runtime: &Runtime, host: HostId, address: &str) -> io::Result<BoxStream> {
        let number = address.strip_prefix('n').and_then(|rest| rest.strip_suffix(":2181"));
        let node = number.and_then(|number| number.parse().ok());
        let mut state = self.0.lock();
        state.connections.retain(|connection| !connection.up.is_finished());
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let node: u64 = node.filter(|_| !state.cut_off.contains(&host)).ok_or_else(refused)?;
        let there = state.nodes.get(&node).filter(|there| !there.is_down).ok_or_else(refused)?;
        let (near, near_end) = tokio::io::duplex(WIRE_BYTES);
        let (far, far_end) = tokio::io::duplex(WIRE_BYTES);
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        there.server.accept(Box::new(far), peer, there.terms.clone());
        let (mut from_client, mut to_client) = tokio::io::split(near_end);
        let (mut from_server, mut to_server) = tokio::io::split(far_end);
        let up = runtime.spawn(Pool::Clients, async move {
            let _ended = tokio::io::copy(&mut from_client, &mut to_server).await;
            let _gone = to_server.shutdown().await;
        });
        let down = runtime.spawn(Pool::Clients, async move {
            let _ended = tokio::io::copy(&mut from_server, &mut to_client).await;
            // The server's end of it is told; the task's own, when a test takes it away, is not.
            let _gone = to_client.shutdown().await;
        });
        state.connects += 1;
        state.connections.push(Connection { host, node, up, down: Some(down) });
        Ok(Box::new(near))
    }
}

/// The network as one host of clients has it.
pub(crate) struct Wired {
    pub(crate) wires: Arc<Wires>,
    /// What carries bytes runs here.
    pub(crate) runtime: Runtime,
    pub(crate) host: HostId,
}

impl Network for Wired {
    fn listen<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move { self.wires.connect(&self.runtime, self.host, address) })
    }
}
