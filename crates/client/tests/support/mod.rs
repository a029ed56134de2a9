//! Real server nodes in this process over a loop-back log, and a network between them and the client that tests can cut.
//!
//! Time is tokio's, paused: it jumps to the next timer when nothing else is to be done.

#![allow(dead_code, clippy::unwrap_used, reason = "tests; every file uses a part of it")]

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Client, Options};
use control::loopback::Loopback;
use control::{Control, ControlConfig};
use runtime::{
    BoxFuture, BoxStream, Listener, Network, Pool, Runtime, SeededEntropy, SystemClock, SystemDisk, Task,
    TokioPools,
};
use tokio::io::AsyncWriteExt;
use zookeeper::{Config, Server, Terms};

const TICK: Duration = Duration::from_secs(2);

/// Runs a test in paused time.
pub(crate) fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

/// Nodes `n1`, `n2`, ... and the way to them.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) wires: Arc<Wires>,
    pub(crate) log: Arc<Loopback>,
    _tasks: Vec<Task>,
}

/// What lies between clients and nodes.
#[derive(Default)]
pub(crate) struct Wires {
    nodes: Mutex<BTreeMap<String, Arc<Server>>>,
    terms: Mutex<Terms>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtime: Option<Runtime>,
    is_down: bool,
    /// What carries requests, and what carries answers.
    up: Vec<Task>,
    down: Vec<Task>,
    connects: u64,
}

impl World {
    pub(crate) fn start(nodes: u64) -> Self {
        let here = tokio::runtime::Handle::current();
        let wires = Arc::new(Wires::default());
        let runtime = Runtime {
            network: Arc::new(Wired(Arc::clone(&wires))),
            disk: Arc::new(SystemDisk),
            clock: SystemClock::clock(),
            entropy: Arc::new(SeededEntropy::new(7)),
            pools: Arc::new(TokioPools::new(here.clone(), here)),
        };
        wires.state.lock().unwrap().runtime = Some(runtime.clone());
        let log = Loopback::new(runtime.clone());
        let mut tasks = Vec::new();
        for node in 1..=nodes {
            let config = ControlConfig { node, tick: TICK, ..ControlConfig::default() };
            let control = Control::new(runtime.clone(), config);
            tasks.push(log.join(&control));
            let server = Server::new(runtime.clone(), control, Config::with_tick(TICK));
            wires.nodes.lock().unwrap().insert(format!("n{node}:2181"), server);
        }
        Self { runtime, wires, log, _tasks: tasks }
    }

    pub(crate) async fn client(&self, target: &str) -> Client {
        self.client_with(target, Options::default()).await
    }

    pub(crate) async fn client_with(&self, target: &str, options: Options) -> Client {
        Client::connect(&self.runtime, target, options).await.unwrap()
    }

    pub(crate) async fn pause(&self, seconds: u64) {
        self.runtime.clock.sleep(Duration::from_secs(seconds)).await;
    }
}

impl Wires {
    /// From now on connections are made on these terms.
    pub(crate) fn set_terms(&self, terms: Terms) {
        *self.terms.lock().unwrap() = terms;
    }

    /// Ends all connections.
    pub(crate) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.up.clear();
        state.down.clear();
    }

    /// Ends all connections, and lets no new one come about.
    pub(crate) fn take_down(&self) {
        self.state.lock().unwrap().is_down = true;
        self.cut();
    }

    pub(crate) fn bring_up(&self) {
        self.state.lock().unwrap().is_down = false;
    }

    /// From now on answers on the present connections get lost; requests arrive.
    pub(crate) fn lose_answers(&self) {
        self.state.lock().unwrap().down.clear();
    }

    /// How often a client has connected.
    pub(crate) fn connects(&self) -> u64 {
        self.state.lock().unwrap().connects
    }

    fn connect(&self, address: &str) -> io::Result<BoxStream> {
        let server = self.nodes.lock().unwrap().get(address).cloned();
        let mut state = self.state.lock().unwrap();
        let Some(server) = server.filter(|_| !state.is_down) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
        state.connects += 1;
        let runtime = state.runtime.clone().unwrap();
        let (near, near_end) = tokio::io::duplex(64 << 10);
        let (far, far_end) = tokio::io::duplex(64 << 10);
        let peer: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        server.accept(Box::new(far), peer, self.terms.lock().unwrap().clone());
        let (mut from_client, mut to_client) = tokio::io::split(near_end);
        let (mut from_server, mut to_server) = tokio::io::split(far_end);
        state.up.push(runtime.spawn(Pool::Clients, async move {
            let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        }));
        state.down.push(runtime.spawn(Pool::Clients, async move {
            let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
            // The server's end of it is told; the task's own, when a test takes it away, is not.
            let _ = to_client.shutdown().await;
        }));
        Ok(Box::new(near))
    }
}

struct Wired(Arc<Wires>);

impl Network for Wired {
    fn listen<'a>(&'a self, _address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move { self.0.connect(address) })
    }
}
