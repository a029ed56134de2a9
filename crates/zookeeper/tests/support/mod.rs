//! Nodes in one process over a loop-back log, and a client that speaks the protocol through the codec.
//!
//! Time is tokio's, paused: it jumps to the next timer when nothing else is to be done.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "every test file uses a part of it")]

mod client;

pub use client::{Client, Frame, Reply, children, create, delete, exists, get, open_acl, set, sync};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use control::loopback::Loopback;
use control::{Control, ControlConfig, MemoryLimits};
use runtime::{Clock, Runtime, SeededEntropy, SystemClock, SystemDisk, SystemNetwork, Task, TokioPools};
use zookeeper::{Config, Server, Terms};

/// The tick of the nodes under test.
pub const TICK: Duration = Duration::from_secs(2);

/// Nodes that share a log. The first is number 1.
pub struct Cluster {
    pub runtime: Runtime,
    pub log: Arc<Loopback>,
    pub nodes: Vec<Node>,
}

pub struct Node {
    pub id: u64,
    pub control: Arc<Control>,
    pub server: Arc<Server>,
    task: Task,
}

pub fn runtime() -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(7)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

/// Runs a test in paused time.
pub fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

/// Runs a test in real time on several threads.
pub fn run_on_threads<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.unwrap().block_on(test)
}

impl Cluster {
    pub fn start(nodes: u64) -> Self {
        Self::with(nodes, Config::with_tick(TICK))
    }

    pub fn with(nodes: u64, config: Config) -> Self {
        Self::with_memory(nodes, config, MemoryLimits::default())
    }

    pub fn with_memory(nodes: u64, config: Config, memory: MemoryLimits) -> Self {
        let runtime = runtime();
        let log = Loopback::new(runtime.clone());
        let start = |id| {
            let control_config = ControlConfig { node: id, tick: TICK, memory, ..ControlConfig::default() };
            let control = Control::new(runtime.clone(), control_config);
            let task = log.join(&control);
            let server = Server::new(runtime.clone(), Arc::clone(&control), config.clone());
            Node { id, control, server, task }
        };
        let nodes = (1..=nodes).map(start).collect();
        Self { runtime, log, nodes }
    }

    pub fn clock(&self) -> &Clock {
        &self.runtime.clock
    }

    /// A client of the node with this number, with a session.
    pub async fn client(&self, node: u64) -> Client {
        let mut client = self.connect(node);
        assert!(client.begin_session(10_000).await, "a new session is granted");
        client
    }

    /// A client that has said nothing yet.
    pub fn connect(&self, node: u64) -> Client {
        self.connect_from(node, "127.0.0.1:40000".parse().unwrap())
    }

    pub fn connect_from(&self, node: u64, peer: SocketAddr) -> Client {
        self.connect_with(node, peer, Terms::default())
    }

    pub fn connect_on(&self, node: u64, terms: Terms) -> Client {
        self.connect_with(node, "127.0.0.1:40000".parse().unwrap(), terms)
    }

    fn connect_with(&self, node: u64, peer: SocketAddr, terms: Terms) -> Client {
        let (near, far) = tokio::io::duplex(64 << 10);
        self.node(node).server.accept(Box::new(far), peer, terms);
        Client::new(Box::new(near), self.runtime.clock.clone())
    }

    pub fn node(&self, id: u64) -> &Node {
        self.nodes.iter().find(|node| node.id == id).unwrap()
    }

    /// Lets everything happen that can happen by now.
    pub async fn settle(&self) {
        self.runtime.clock.sleep(Duration::from_millis(1)).await;
    }
}
