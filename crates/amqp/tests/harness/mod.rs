//! A whole node in memory: control plane and shards over logs in memory, the catalog, and the front end; and clients of its own.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test uses what it needs")]

mod client;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use amqp::{CatalogUsers, Colleagues, Config, Server, Terms};
use bytes::Bytes;
use catalog::{Catalog, CatalogConfig};
pub use client::{Channel, Client, Got, properties};
use control::{Control, ControlConfig};
use parking_lot::Mutex;
use runtime::disk::sim::SimDisk;
use runtime::{BoxFuture, Runtime, SeededEntropy, SystemClock, SystemNetwork, Task, TokioPools};
use shards::{FrameStore, Replica, Shards};
use streams::Owner;
use tokio::sync::watch;

pub const SHARDS: u32 = 2;

/// A node that serves clients.
pub struct Node {
    pub server: Arc<Server>,
    pub catalog: Arc<Catalog>,
    pub shards: Arc<Shards>,
    pub runtime: Runtime,
    tasks: Vec<Task>,
}

/// The logs that nodes share.
pub struct Cluster {
    pub control: Arc<control::loopback::Loopback>,
    pub shards: Vec<Arc<shards::Loopback>>,
    servers: Arc<Servers>,
}

/// The front ends of a cluster, by node.
type Servers = Mutex<BTreeMap<u64, Weak<Server>>>;

/// They hear each other at once.
struct Neighbours {
    own: u64,
    servers: Arc<Servers>,
}

impl Neighbours {
    fn find(&self, node: u64) -> Option<Arc<Server>> {
        self.servers.lock().get(&node)?.upgrade()
    }
}

impl Colleagues for Neighbours {
    fn own(&self) -> u64 {
        self.own
    }

    fn others(&self) -> Vec<u64> {
        self.servers.lock().keys().copied().filter(|node| *node != self.own).collect()
    }

    fn tell(&self, node: u64, note: Bytes) {
        self.find(node).map(|server| server.handle_note(self.own, note));
    }

    fn ask(&self, node: u64, note: Bytes) -> BoxFuture<'static, Option<Bytes>> {
        let answer = self.find(node).map(|server| server.handle_note(self.own, note));
        Box::pin(std::future::ready(answer))
    }
}

/// Consumers go with the sessions of their nodes.
struct Sessions(Arc<Catalog>, watch::Sender<u64>);

impl shards::Owners for Sessions {
    fn gone(&self, owners: Vec<Owner>) -> runtime::BoxFuture<'_, Vec<Owner>> {
        Box::pin(async move {
            if self.0.sync().await.is_err() {
                return Vec::new();
            }
            let sessions = self.0.sessions();
            let sessions = sessions.borrow();
            owners.into_iter().filter(|owner| !sessions.contains_key(&owner.0)).collect()
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.1.subscribe()
    }
}

fn runtime(number: u64) -> Runtime {
    let handle = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SimDisk::new(number)),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(number)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    }
}

impl Cluster {
    pub fn new() -> Self {
        let runtime = runtime(99);
        let control = control::loopback::Loopback::new(runtime.clone());
        let shards = (0..SHARDS).map(|_| shards::Loopback::new(runtime.clone())).collect();
        Self { control, shards, servers: Arc::default() }
    }

    /// A node of it.
    pub async fn node(&self, number: u64, config: Config) -> Node {
        let runtime = runtime(number);
        let control =
            Control::new(runtime.clone(), ControlConfig { node: number, ..ControlConfig::default() });
        let mut tasks = vec![self.control.join(&control)];
        let catalog_config = CatalogConfig { shards: SHARDS, ..CatalogConfig::default() };
        let (catalog, following) = Catalog::start(runtime.clone(), control, catalog_config);
        tasks.push(following);
        catalog.ready().await;
        let owners = Arc::new(Sessions(Arc::clone(&catalog), watch::Sender::new(0)));
        let mut replicas = Vec::new();
        for (shard, log) in (1..).zip(&self.shards) {
            let config = segments::Config { shard: u64::from(shard), ..Default::default() };
            let dir = format!("/frames/{shard}").into();
            let store = FrameStore::new(Arc::clone(&runtime.disk), dir, config, number << 16);
            let replica = Replica::new(shard, store);
            replica.begin_empty().await.unwrap();
            tasks.push(log.join(number, &replica));
            let keeping = Arc::clone(&replica).keep(runtime.clock.clone(), owners.clone());
            tasks.push(runtime.spawn(runtime::Pool::Consensus, keeping));
            replicas.push(replica);
        }
        let session = catalog.session().borrow().map(Owner);
        let (owner, owners) = watch::channel(session);
        // The session of a node in memory lives as long as it.
        std::mem::forget(owner);
        let plane = Shards::new(owners);
        replicas.iter().for_each(|replica| plane.add(Arc::clone(replica)));
        let ending = Arc::clone(&plane);
        tasks.push(runtime.spawn(runtime::Pool::Clients, async move { ending.follow_owner().await }));
        let users = Arc::new(CatalogUsers(Arc::clone(&catalog)));
        let neighbours = Arc::new(Neighbours { own: number, servers: Arc::clone(&self.servers) });
        let (of_catalog, of_plane) = (Arc::clone(&catalog), Arc::clone(&plane));
        let server = Server::new(runtime.clone(), of_catalog, of_plane, users, neighbours, config);
        self.servers.lock().insert(number, Arc::downgrade(&server));
        for replica in replicas {
            tasks.push(runtime.spawn(runtime::Pool::Clients, Arc::clone(&server).look_after(replica)));
        }
        tasks.push(runtime.spawn(runtime::Pool::Clients, Arc::clone(&server).tidy_up()));
        Node { server, catalog, shards: plane, runtime, tasks }
    }
}

impl Node {
    /// One alone, with the defaults.
    pub async fn start() -> Self {
        Self::with(Config::default()).await
    }

    /// One alone.
    pub async fn with(config: Config) -> Self {
        Cluster::new().node(1, config).await
    }

    /// Ends everything that the node does for others. Its clients hear nothing.
    pub fn kill(&mut self) {
        self.tasks.clear();
    }

    /// A client whose bytes pass through memory.
    pub fn dial(&self) -> Client {
        self.dial_with(1 << 20)
    }

    /// One whose bytes pass through a pipe of that size.
    pub fn dial_with(&self, pipe_bytes: usize) -> Client {
        let (near, far) = tokio::io::duplex(pipe_bytes);
        self.server.accept(Box::new(far), "127.0.0.1:5000".parse().unwrap(), Terms::default());
        Client::new(Box::new(near))
    }

    /// One that comes from there, through a listener with these terms.
    pub fn dial_from(&self, peer: &str, terms: Terms) -> Client {
        let (near, far) = tokio::io::duplex(1 << 20);
        self.server.accept(Box::new(far), peer.parse().unwrap(), terms);
        Client::new(Box::new(near))
    }

    /// A client of user guest in "/".
    pub async fn connect(&self) -> Client {
        let mut client = self.dial();
        client.open("guest", "guest", "/").await;
        client
    }

    /// A channel of a connection of its own.
    pub async fn channel(&self) -> Channel {
        self.connect().await.into_channel(1).await
    }
}
