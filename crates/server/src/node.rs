//! A node's life.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use consensus::{ClusterId, Consensus, Entrance, Group, GroupId, GroupSetup, Identity, Level};
use control::{Control, ControlConfig};
use journal::Journal;
use runtime::{Clock, Listener, Pool, Runtime, Task};
use tokio::sync::{Semaphore, oneshot};
use tracing::{info, warn};

use crate::control_group::{ControlMachine, GroupLog, call_handler};
use crate::data::{DataPlane, Ground, OpenShard};
use crate::data_dir::DataDir;
use crate::listeners::{Door, Listeners, Tls};
use crate::reshaping::GroupEnsemble;
use crate::{Config, admin};

/// The group of the control plane.
pub(crate) const CONTROL: GroupId = GroupId(0);
/// How long a stopping node waits for what is in flight, and for an heir to take over.
const STOP_PATIENCE: Duration = Duration::from_secs(3);
/// How long the first clients of a new cluster wait for all members to say what they can do.
const FOUNDING_PATIENCE: Duration = Duration::from_secs(1);

/// Backups that are taken at a time: each holds a file that may be removed already, and so its place on the disk.
const BACKUPS_MAX: usize = 4;

/// A node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be used.
    #[error(
        "data-dir = {dir:?}: {source}; give a folder that this process may write to and no other node uses"
    )]
    DataDir {
        /// The directory.
        dir: String,
        /// Why.
        source: std::io::Error,
    },
    /// A listener can't be opened.
    #[error("{key} = {address:?}: {source}; give an address of this machine that is free, or off")]
    Listen {
        /// Which listener.
        key: &'static str,
        /// Where it should listen.
        address: String,
        /// Why it does not.
        source: std::io::Error,
    },
    /// Certificates or keys can't be used.
    #[error("{keys}: {source}")]
    Tls {
        /// The keys of the configuration that name them.
        keys: &'static str,
        /// Why not.
        source: tls::TlsError,
    },
    /// The journal can't be opened.
    #[error("open the journal: {0}")]
    Journal(#[from] journal::OpenError),
    /// Consensus can't start.
    #[error(transparent)]
    Consensus(#[from] consensus::ConsensusError),
}

/// What the parts of a node know of each other, for those who look from outside.
pub(crate) struct Parts {
    pub(crate) identity: Identity,
    pub(crate) journal: Journal,
    pub(crate) group: Group,
    pub(crate) control: Arc<Control>,
    pub(crate) zookeeper: Arc<zookeeper::Server>,
    /// Where this node serves queues.
    pub(crate) data: Option<Arc<DataPlane>>,
    pub(crate) tls: Tls,
    pub(crate) clock: Clock,
    /// Of backups that may be taken at a time.
    pub(crate) backup_slots: Arc<Semaphore>,
    /// Set once this node has applied everything that was committed before it started.
    caught_up: AtomicBool,
}

impl Parts {
    /// The control plane's group, then those of the shards that are open here, by number.
    pub(crate) fn groups(&self) -> Vec<Group> {
        let shards = self.data.as_ref().map(|data| data.groups()).unwrap_or_default();
        std::iter::once(self.group.clone()).chain(shards).collect()
    }

    /// Why this node should get no traffic, if it should not.
    pub(crate) fn not_ready(&self) -> Option<&'static str> {
        if !self.caught_up.load(Ordering::Acquire) {
            return Some("catching up with the cluster");
        }
        let is_led = self.control.status().is_some_and(|status| status.leader.is_some());
        (self.control.is_cut_off() || !is_led).then_some("no leader can be reached")
    }
}

/// A running node. Dropping it stops its tasks at once, as a crash would; [`Node::stop`] says good-bye.
pub struct Node {
    runtime: Runtime,
    parts: Arc<Parts>,
    consensus: Arc<Consensus>,
    zookeeper: Arc<zookeeper::Server>,
    /// Listeners.
    serving: Vec<Task>,
    _sessions: Task,
    _data_dir: DataDir,
}

impl Node {
    /// Starts a node. It serves clients as soon as it has caught up with its cluster.
    pub async fn start(runtime: Runtime, config: Config) -> Result<Self, StartError> {
        let opened = DataDir::open(&*runtime.disk, &config.data_dir).await;
        let data_dir = opened
            .map_err(|source| StartError::DataDir { dir: config.data_dir.display().to_string(), source })?;
        let tls = Tls::open(&runtime, &config).await?;
        let (security, towards_peers) = (tls.towards_clients(), tls.towards_peers(&runtime));
        let mut listeners = Listeners::open(&runtime, &towards_peers, &config).await?;
        let control_config =
            ControlConfig { node: config.node.0, memory: config.memory, ..ControlConfig::default() };
        let control = Control::new(runtime.clone(), control_config);
        let (journal, consensus, group) =
            start_consensus(&towards_peers, &config, &data_dir, listeners.peer.take(), control.clone())
                .await?;
        let sessions = control.start(Arc::new(GroupLog::new(group.clone())));
        group.on_call(call_handler(&control));
        let consensus = Arc::new(consensus);
        let amqp_doors = listeners.amqp_doors(security.clone());
        let data = (!amqp_doors.is_empty()).then(|| {
            let ground = Ground {
                runtime: runtime.clone(),
                consensus: consensus.clone(),
                group: group.clone(),
                control: control.clone(),
                snapshot_dir: data_dir.snapshots(),
                own: config.own_member().clone(),
            };
            DataPlane::new(ground, &config)
        });
        let front_config = zookeeper_config(&config, &listeners, &journal, &group);
        let front = zookeeper::Server::new(runtime.clone(), control.clone(), front_config);
        let parts = Arc::new(Parts {
            identity: *consensus.identity(),
            journal,
            group,
            control,
            zookeeper: front.clone(),
            data,
            tls,
            clock: runtime.clock.clone(),
            backup_slots: Arc::new(Semaphore::new(BACKUPS_MAX)),
            caught_up: AtomicBool::new(false),
        });
        let address = client_address(&config, &listeners);
        let elections = follow_elections(&parts.group, parts.control.clone(), runtime.clock.clone());
        let doors = listeners.doors(config.reads, security);
        let mut serving = vec![runtime.spawn(Pool::Clients, elections)];
        if let Some(listener) = listeners.admin {
            let work = admin::run(parts.clone(), listener, runtime.clock.clone());
            serving.push(runtime.spawn(Pool::Clients, work));
        }
        if let Some(data) = parts.data.clone() {
            let work = data.run(amqp_doors);
            serving.push(runtime.spawn(Pool::Clients, work));
        }
        let work = serve_clients(parts.clone(), front.clone(), doors, address);
        serving.push(runtime.spawn(Pool::Clients, work));
        Ok(Self {
            runtime,
            parts,
            consensus,
            zookeeper: front,
            serving,
            _sessions: sessions,
            _data_dir: data_dir,
        })
    }

    /// Completes when the node can't go on, and says why. Nothing may be written any more then.
    pub async fn failed(&self) -> String {
        tokio::select! {
            biased;
            error = self.parts.journal.failed() => error.to_string(),
            why = self.parts.group.failed() => why,
            why = self.data_failed() => why,
        }
    }

    async fn data_failed(&self) -> String {
        match &self.parts.data {
            Some(data) => data.failed().await,
            None => std::future::pending().await,
        }
    }

    /// Whether the node serves reads and knows a leader.
    pub fn is_ready(&self) -> bool {
        self.parts.not_ready().is_none()
    }

    /// The control plane, for those who look at it from inside the process.
    pub fn control(&self) -> &Arc<Control> {
        &self.parts.control
    }

    /// The control plane's group, for those who look at it from inside the process.
    pub fn group(&self) -> &Group {
        &self.parts.group
    }

    /// The catalog of queues, for those who look at it from inside the process, where this node serves queues.
    pub fn catalog(&self) -> Option<&Arc<catalog::Catalog>> {
        self.parts.data.as_ref().map(|data| &data.catalog)
    }

    /// What tells of the shards that are open on this node, shard 1 first.
    pub fn shards(&self) -> Arc<dyn Fn() -> Vec<OpenShard> + Send + Sync> {
        let data = self.parts.data.clone();
        Arc::new(move || data.as_ref().map(|data| data.open_shards()).unwrap_or_default())
    }

    /// Stops accepting, finishes what is in flight, hands leadership over, flushes.
    pub async fn stop(self) {
        let Self { runtime, parts, consensus, zookeeper, serving, .. } = self;
        if let Some(data) = &parts.data {
            data.stop(STOP_PATIENCE).await;
        }
        zookeeper.stop().await;
        if runtime.clock.timeout(STOP_PATIENCE, parts.group.drained()).await.is_err() {
            warn!("not everything in flight could be finished");
        }
        drop(serving);
        consensus.stop(&parts.groups(), STOP_PATIENCE).await;
        if let Err(error) = parts.journal.clone().close().await {
            warn!(%error, "the journal was not closed cleanly");
        }
    }
}

/// Starts consensus on its own pool, where openraft's tasks then stay.
async fn start_consensus(
    runtime: &Runtime,
    config: &Config,
    data_dir: &DataDir,
    listener: Option<Box<dyn Listener>>,
    control: Arc<Control>,
) -> Result<(Journal, Consensus, Group), StartError> {
    let (sender, receiver) = oneshot::channel();
    let inner = runtime.clone();
    let journal_dir = data_dir.journal();
    let entrance = match config.join.clone() {
        Some(join) => Entrance::Join(join),
        None => Entrance::Found(config.founders.clone()),
    };
    let voters = config.founders.iter().map(|member| (member.node, member.address.as_str()));
    let cluster = config.clustered.then(|| ClusterId::of_initial_voters(voters));
    let sizes = config.sizes.clone();
    let consensus_config = consensus::Config {
        log_entries_kept: sizes.log_entries_kept,
        join: config.join.clone(),
        level: Level { number: config.level, version: env!("CARGO_PKG_VERSION").into() },
        ..consensus::Config::new(config.node, cluster, data_dir.snapshots())
    };
    let work = async move {
        let started = async {
            let journal = Journal::open(&inner, &journal_dir, sizes.journal).await?;
            let consensus = Consensus::start(inner, journal.clone(), consensus_config, listener).await?;
            let machine = Arc::new(ControlMachine { control });
            let setup = GroupSetup { entrance, snapshot_log_bytes: sizes.snapshot_log_bytes };
            let group = consensus.open_group(CONTROL, machine, setup).await?;
            Ok((journal, consensus, group))
        };
        // The receiver is gone when the start was given up.
        let _ = sender.send(started.await);
    };
    let task = runtime.spawn(Pool::Consensus, work);
    let started = receiver.await;
    task.join().await;
    started.expect("the task that starts consensus sends what came of it")
}

/// Waits until this node has applied all that was committed before it started, then serves.
async fn serve_clients(
    parts: Arc<Parts>,
    front: Arc<zookeeper::Server>,
    doors: Vec<Door>,
    address: Option<String>,
) {
    while parts.group.barrier().await.is_err() {
        info!("waiting for a leader");
    }
    parts.group.new_at_level(FOUNDING_PATIENCE).await;
    parts.caught_up.store(true, Ordering::Release);
    info!(zxid = %parts.control.zxid(), "serving");
    parts.control.announce(address);
    let serving = doors.into_iter().map(|(listener, terms)| front.clone().serve(listener, terms));
    futures::future::join_all(serving).await;
}

/// Notes every change of leader.
fn follow_elections(group: &Group, control: Arc<Control>, clock: Clock) -> impl Future<Output = ()> + use<> {
    let mut leadership = group.leadership();
    async move {
        loop {
            let now = *leadership.borrow_and_update();
            let leader = now.leader.map(|leader| leader.0);
            control.metrics().elections.note(control.node(), leader, now.term, clock.now());
            if leadership.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Where clients reach this node.
fn client_address(config: &Config, listeners: &Listeners) -> Option<String> {
    let port = listeners.zookeeper.as_ref()?.local_addr().ok()?.port();
    Some(format!("{}:{port}", config.client_host()?))
}

fn zookeeper_config(
    config: &Config,
    listeners: &Listeners,
    journal: &Journal,
    group: &Group,
) -> zookeeper::Config {
    let port = |listener: &Option<Box<dyn Listener>>| Some(listener.as_ref()?.local_addr().ok()?.port());
    let journal = journal.clone();
    let ensemble = || Arc::new(GroupEnsemble(group.clone())) as Arc<dyn zookeeper::Ensemble>;
    zookeeper::Config {
        client_port: port(&listeners.zookeeper).unwrap_or(0),
        secure_client_port: port(&listeners.zookeeper_tls),
        frame_bytes_max: config.request_bytes_max,
        connections_max: config.connections.all,
        connections_per_address_max: config.connections.of_an_address,
        enforce_quotas: config.enforce_quotas,
        super_digest: config.super_digest.clone(),
        ensemble: config.reconfig.then(ensemble),
        words: config.words.clone(),
        data_dir: config.data_dir.display().to_string(),
        disk: Arc::new(move || {
            let stats = journal.stats();
            zookeeper::DiskUse {
                data_bytes: stats.live_bytes,
                batch_us: journal.batch_times_us(),
                slow_batches: stats.slow_batches,
            }
        }),
        ..zookeeper::Config::with_tick(ControlConfig::default().tick)
    }
}
