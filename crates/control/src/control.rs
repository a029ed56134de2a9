//! The control plane's parts, held together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use runtime::{BoxFuture, Runtime};
use tree::{Counters, Identity, Operation, SessionId, Text, WatchCounts, Zxid};

use crate::budget::Budget;
use crate::connection::Connection;
use crate::connections::Connections;
use crate::liveness::Leading;
use crate::log::{LogStatus, ReplicatedLog, Unavailable};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::pending::{Pending, Waiting};
use crate::reach::Reach;
use crate::replica::Replica;
use crate::room::{MemoryLimits, Refused, Room};

/// What a command costs in memory beside its bytes: its places in the queues between here and the log.
const COMMAND_OVERHEAD_BYTES: usize = 256;

/// The settings of a node's control plane.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// This node's id in the cluster.
    pub node: u64,
    /// ZooKeeper's `tickTime`: a session that is silent for its timeout expires at most one tick later. Active sessions are
    /// reported to the leader every half tick. From 10 ms up.
    pub tick: Duration,
    /// How often the leader looks for containers that are empty again and for znodes whose time to live is over. ZooKeeper's
    /// `znode.container.checkIntervalMs`, which is a minute there. From 10 ms up.
    pub reap_interval: Duration,
    /// How many bytes of commands may be under way before front ends are asked to wait. From 1 up.
    pub proposed_bytes_max: usize,
    /// How many bytes of events and answers may wait for one connection before it is closed as too slow. From 1 KiB up.
    pub outbox_bytes_max: usize,
    /// How much memory what clients put into this node may take. Should be the same on all nodes. Default: any amount.
    pub memory: MemoryLimits,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self {
            node: 1,
            tick: Duration::from_secs(2),
            reap_interval: Duration::from_secs(10),
            proposed_bytes_max: 64 << 20,
            outbox_bytes_max: 64 << 20,
            memory: MemoryLimits::default(),
        }
    }
}

/// The control plane on one node. See the crate's documentation for the rules it keeps.
pub struct Control {
    pub(crate) config: ControlConfig,
    pub(crate) runtime: Runtime,
    /// Locked before any other lock of this struct.
    pub(crate) replica: RwLock<Replica>,
    pub(crate) pending: Mutex<Pending>,
    pub(crate) connections: Mutex<Connections>,
    pub(crate) budget: Budget,
    pub(crate) room: Room,
    /// The clocks of all sessions, while this node leads.
    pub(crate) leading: Mutex<Option<Leading>>,
    pub(crate) reach: Mutex<Reach>,
    pub(crate) metrics: Metrics,
    /// When this process began, on the wall clock: what was written before is read again from the log.
    pub(crate) started_ms: i64,
    log: OnceLock<Arc<dyn ReplicatedLog>>,
    next_connection: AtomicU64,
    applied: AtomicI64,
}

impl Control {
    /// A control plane with a fresh tree. It can apply at once; [`Control::start`] makes it serve.
    pub fn new(runtime: Runtime, config: ControlConfig) -> Arc<Self> {
        // Connection ids must differ from those of earlier lives of this node: they start anywhere in 64 bits.
        let next_connection = AtomicU64::new(runtime.entropy.next_u64());
        Arc::new(Self {
            budget: Budget::new(config.proposed_bytes_max),
            room: Room::new(config.memory, runtime.clock.clone()),
            config,
            replica: RwLock::default(),
            pending: Mutex::default(),
            connections: Mutex::default(),
            leading: Mutex::default(),
            reach: Mutex::new(Reach::new(runtime.clock.now())),
            metrics: Metrics::default(),
            started_ms: runtime.clock.wall_ms(),
            log: OnceLock::new(),
            next_connection,
            applied: AtomicI64::new(0),
            runtime,
        })
    }

    /// Gives it the log to propose to, and starts the clock of the sessions and the reaper. They stop with the returned task.
    ///
    /// # Panics
    /// When called twice: there is one log.
    pub fn start(self: &Arc<Self>, log: Arc<dyn ReplicatedLog>) -> runtime::Task {
        assert!(self.log.set(log).is_ok(), "a control plane is started once");
        let control = Arc::clone(self);
        self.runtime.spawn(runtime::Pool::Clients, async move {
            tokio::join!(Arc::clone(&control).keep_sessions(), control.reap());
        })
    }

    /// Opens a connection for a client that has these identities. Its session is made or attached by proposing so.
    ///
    /// # Panics
    /// Before [`Control::start`].
    pub fn connect(self: &Arc<Self>, identities: Arc<[Identity]>) -> Connection {
        let _started = self.log();
        let id = self.next_connection.fetch_add(1, Ordering::Relaxed);
        let outbox = Arc::new(Outbox::new(id, identities, self.config.outbox_bytes_max));
        self.connections.lock().insert(Arc::clone(&outbox));
        Connection::new(Arc::clone(self), outbox)
    }

    /// This node's id.
    pub fn node(&self) -> u64 {
        self.config.node
    }

    /// The settings.
    pub fn config(&self) -> &ControlConfig {
        &self.config
    }

    /// The last applied transaction.
    pub fn zxid(&self) -> Zxid {
        Zxid(self.applied.load(Ordering::Acquire))
    }

    /// Where this node stands in the replicated log, once it is started.
    pub fn status(&self) -> Option<LogStatus> {
        self.log.get().map(|log| log.status())
    }

    /// The level of operations that may be proposed here ([`Operation::level`]).
    ///
    /// # Panics
    /// Before [`Control::start`].
    pub fn level(&self) -> u32 {
        self.log().level()
    }

    /// Completes when everything that was committed anywhere before the call is applied here.
    ///
    /// # Panics
    /// Before [`Control::start`].
    pub fn barrier(self: &Arc<Self>) -> BoxFuture<'static, Result<(), Unavailable>> {
        let reached = self.log().barrier();
        let waiting = PendingSync::begin(Arc::clone(self));
        Box::pin(async move {
            let result = reached.await;
            drop(waiting);
            result
        })
    }

    /// Lets clients see in `/zookeeper/config` where they reach this node; `None` if nowhere. To be called when this node has
    /// caught up: without effect if the tree says so already.
    pub fn announce(&self, client_address: Option<String>) {
        let node = self.config.node;
        let client_address = client_address.map(Text::from);
        if self.read(|tree| tree.client_address(node) != client_address.as_ref()) {
            self.propose_for_the_cluster(Operation::Announce { node, client_address });
        }
    }

    /// Whether commands may be proposed now. To be asked before taking work from a client.
    pub fn has_room(&self) -> bool {
        self.budget.has_room()
    }

    /// Completes when commands may be proposed.
    pub async fn room(&self) {
        self.budget.room().await;
    }

    /// How much the tree holds.
    pub fn tree_counters(&self) -> Counters {
        self.replica.read().tree.counters()
    }

    /// A hash of the replicated state: equal on replicas that have applied the same. Walks the whole tree.
    pub fn digest(&self) -> u64 {
        self.replica.read().tree.digest()
    }

    /// How much memory what clients put into this node may take.
    pub fn memory_limits(&self) -> MemoryLimits {
        self.room.limits()
    }

    /// How often there was no room.
    pub fn refused_for_memory(&self) -> Refused {
        self.room.refused()
    }

    /// About how much memory the watches of this node take, in bytes.
    pub fn watch_memory_bytes(&self) -> usize {
        self.replica.read().watches.lock().memory_bytes()
    }

    /// How much the connections of this node watch.
    pub fn watch_counts(&self) -> WatchCounts {
        self.replica.read().watches.lock().counts()
    }

    /// What each session that is connected here watches, by session and path. Holds up applying while it looks: not for every
    /// second.
    pub fn watches_by_session(&self) -> BTreeMap<SessionId, BTreeSet<String>> {
        let replica = self.replica.read();
        let connections = self.connections.lock();
        let watches = replica.watches.lock();
        let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for watcher in watches.watchers() {
            let session = connections.get(watcher.0).and_then(|outbox| outbox.session());
            let paths = watches.paths_of(watcher).map(str::to_owned);
            found.entry(session.unwrap_or(SessionId::NONE)).or_default().extend(paths);
        }
        found
    }

    /// How many connections there are.
    pub fn connection_count(&self) -> usize {
        self.connections.lock().len()
    }

    /// How many commands of this node wait to be applied.
    pub fn pending_count(&self) -> usize {
        self.pending.lock().len()
    }

    /// Makes every connection take a turn, so that its front end looks around.
    pub fn nudge_connections(&self) {
        for outbox in self.connections.lock().iter() {
            outbox.nudge();
        }
    }

    /// Counters that the front ends keep up.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn log(&self) -> &dyn ReplicatedLog {
        self.log.get().expect("the control plane is started before it serves").as_ref()
    }

    pub(crate) fn set_applied(&self, zxid: Zxid) {
        self.applied.store(zxid.0, Ordering::Release);
    }

    /// Proposes an encoded command whose answer goes to `outbox`, and returns its number. `reserved` is what was set aside for
    /// it in the tree.
    pub(crate) fn propose(&self, outbox: Option<Arc<Outbox>>, command: Bytes, reserved: usize) -> u64 {
        let bytes = command.len() + COMMAND_OVERHEAD_BYTES;
        self.budget.take(bytes);
        // The lock makes numbering and queueing one step, so that the answer finds who waits for it.
        let mut pending = self.pending.lock();
        let sequence = self.log().propose(command);
        pending.push(Waiting { sequence, bytes, reserved, outbox });
        sequence
    }
}

/// A barrier that is waited for, counted until it is dropped.
struct PendingSync {
    control: Arc<Control>,
}

impl PendingSync {
    fn begin(control: Arc<Control>) -> Self {
        control.metrics.syncs_pending.fetch_add(1, Ordering::Relaxed);
        Self { control }
    }
}

impl Drop for PendingSync {
    fn drop(&mut self) {
        self.control.metrics.syncs_pending.fetch_sub(1, Ordering::Relaxed);
    }
}
