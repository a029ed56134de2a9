//! The nodes, and what a test can do to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use control::loopback::Loopback;
use control::{Control, ControlConfig};
use runtime::{Entropy, Runtime, SeededEntropy, SystemDisk, SystemNetwork, Task, TokioPools};
use tree::SessionId;
use zookeeper::{Config, Server, Terms};

use crate::clock::clock;
use crate::wires::{HostId, Which, Wired, Wires};

/// The nodes' tick, as that of ZooKeeper's example configuration: sessions last 4 s to 40 s.
pub const TICK: Duration = Duration::from_secs(2);

/// Nodes `n1`, `n2`, ..., on port 2181. They end when it is dropped.
pub struct Ensemble {
    wires: Arc<Wires>,
    log: Arc<Loopback>,
    size: u64,
    /// The nodes' own.
    runtime: Runtime,
    /// That of clients which are not told apart.
    common: Host,
    next_host: AtomicU64,
    _tasks: Vec<Task>,
}

/// A machine that clients run on, whose network can be broken without that of others.
pub struct Host {
    runtime: Runtime,
    wires: Arc<Wires>,
    id: HostId,
}

impl Ensemble {
    /// Starts so many nodes, 1 or more, on the tokio runtime that this is called in.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(nodes: u64) -> Self {
        Self::start_with(nodes, Arc::new(SeededEntropy::new(7)))
    }

    /// The same, with this randomness for nodes and clients: a test that is run in paused time repeats itself exactly if this
    /// does.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start_with(nodes: u64, entropy: Arc<dyn Entropy>) -> Self {
        let here = tokio::runtime::Handle::current();
        let runtime = Runtime {
            network: Arc::new(SystemNetwork),
            disk: Arc::new(SystemDisk),
            clock: clock(),
            entropy,
            pools: Arc::new(TokioPools::new(here.clone(), here)),
        };
        let wires = Arc::new(Wires::default());
        let log = Loopback::new(runtime.clone());
        let mut tasks = Vec::new();
        for node in 1..=nodes.max(1) {
            let config = ControlConfig { node, tick: TICK, ..ControlConfig::default() };
            let control = Control::new(runtime.clone(), config);
            tasks.push(log.join(&control));
            wires.add_node(node, Server::new(runtime.clone(), control, Config::with_tick(TICK)));
        }
        let common = Host::new(&wires, &runtime, 0);
        Self { wires, log, size: nodes.max(1), runtime, common, next_host: AtomicU64::new(1), _tasks: tasks }
    }

    /// The world of clients that need not be told apart.
    pub fn runtime(&self) -> &Runtime {
        self.common.runtime()
    }

    /// A new machine for clients.
    pub fn host(&self) -> Host {
        Host::new(&self.wires, &self.runtime, self.next_host.fetch_add(1, Ordering::Relaxed))
    }

    /// The connect string of all nodes.
    pub fn target(&self) -> String {
        let nodes: Vec<String> = (1..=self.size).map(|node| format!("n{node}:2181")).collect();
        nodes.join(",")
    }

    /// The log that the nodes share: it can be held back for a node.
    pub fn log(&self) -> &Arc<Loopback> {
        &self.log
    }

    /// From now on connections are taken on these terms.
    pub fn set_terms(&self, terms: &Terms) {
        self.wires.set_terms(terms);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.wires.cut(Which::All);
    }

    /// Ends all connections, and lets no new one come about.
    pub fn take_down(&self) {
        self.wires.set_down(Which::All, true);
    }

    /// Lets connections come about again.
    pub fn bring_up(&self) {
        self.wires.set_down(Which::All, false);
    }

    /// Ends all connections to one node and takes no more. It goes on: what its clients had asked takes effect.
    pub fn take_down_node(&self, node: u64) {
        self.wires.set_down(Which::OfNode(node), true);
    }

    /// Lets one node take connections again.
    pub fn bring_up_node(&self, node: u64) {
        self.wires.set_down(Which::OfNode(node), false);
    }

    /// Cuts one node off from the others, which its clients find out in time. Node 1 leads; without it nothing is changed any
    /// more but sessions do not end either.
    pub fn isolate_node(&self, node: u64) {
        self.log.isolate(node);
    }

    /// Ends [`Ensemble::isolate_node`]: the node catches up.
    pub fn rejoin_node(&self, node: u64) {
        self.log.rejoin(node);
    }

    /// From now on answers on the present connections are lost; requests arrive.
    pub fn lose_answers(&self) {
        self.wires.lose_answers(Which::All);
    }

    /// How often a client has connected.
    pub fn connects(&self) -> u64 {
        self.wires.connects()
    }

    /// Ends a session as if its client had been silent for too long; tells whether there was one.
    pub fn expire(&self, session: i64) -> bool {
        self.log.expire(SessionId(session))
    }
}

impl Host {
    fn new(wires: &Arc<Wires>, runtime: &Runtime, id: HostId) -> Self {
        let wired = Wired { wires: Arc::clone(wires), runtime: runtime.clone(), host: id };
        let runtime = Runtime { network: Arc::new(wired), ..runtime.clone() };
        Self { runtime, wires: Arc::clone(wires), id }
    }

    /// The world of the clients on this machine.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Ends its connections.
    pub fn cut(&self) {
        self.wires.cut(Which::OfHost(self.id));
    }

    /// Ends its connections, and lets no new one come about.
    pub fn take_down(&self) {
        self.wires.set_down(Which::OfHost(self.id), true);
    }

    /// Lets it connect again.
    pub fn bring_up(&self) {
        self.wires.set_down(Which::OfHost(self.id), false);
    }

    /// From now on answers on its present connections are lost; requests arrive.
    pub fn lose_answers(&self) {
        self.wires.lose_answers(Which::OfHost(self.id));
    }
}
