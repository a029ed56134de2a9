//! The data plane of a node: its shards, the catalog of what lies on them, and the front ends of queues.

mod colleagues;
pub(crate) mod leaders;
mod members;
mod owners;
pub(crate) mod placement;
mod shard_group;
pub(crate) mod shortage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::{Catalog, CatalogConfig, Founder, Founders};
use consensus::{
    Consensus, ConsensusError, Entrance, Group, GroupId, GroupSetup, GroupStatus, Join, Member, attached_dir,
};
use control::Control;
use parking_lot::Mutex;
use runtime::{Pool, Runtime, Task};
use shards::{FrameStore, Replica, Shards};
use streams::Owner;
use tokio::sync::{SetOnce, oneshot, watch};
use tracing::{info, warn};

use self::colleagues::NodeColleagues;
use self::leaders::Spreading;
use self::owners::NodeSessions;
use self::shard_group::{ShardLog, ShardMachine};
use self::shortage::Shortage;
use crate::listeners::AmqpDoor;
use crate::{Config, Sizes};

/// After the control plane could not be asked, before the next attempt.
const RETRY: std::time::Duration = std::time::Duration::from_millis(200);

/// How long the first clients of new shards wait for all members to say what they can do.
const FOUNDING_PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// How long clients wait for the replicas of a node that starts.
const CATCH_UP_PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// What the data plane stands on.
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) consensus: Arc<Consensus>,
    /// The control plane's group: whoever belongs to it has the data as well.
    pub(crate) group: Group,
    pub(crate) control: Arc<Control>,
    pub(crate) snapshot_dir: std::path::PathBuf,
    /// How other nodes know this one.
    pub(crate) own: Member,
}

/// A shard on this node, for those who look at it from inside the process.
#[derive(Clone)]
pub struct OpenShard {
    /// This node's replica.
    pub replica: Arc<Replica>,
    /// The group that replicates it.
    pub group: Group,
}

/// The data plane on this node.
pub(crate) struct DataPlane {
    ground: Ground,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) amqp: Arc<amqp::Server>,
    open: Mutex<Vec<OpenShard>>,
    sizes: Sizes,
    pub(crate) spreading: Arc<Spreading>,
    /// Whose consumers are gone.
    sessions: Arc<NodeSessions>,
    pub(crate) shortage: Arc<Shortage>,
    failure: SetOnce<String>,
    tasks: Mutex<Vec<Task>>,
}

impl DataPlane {
    /// Starts to follow the catalog. Shards and clients come with [`DataPlane::run`].
    pub(crate) fn new(ground: Ground, config: &Config) -> Arc<Self> {
        let runtime = ground.runtime.clone();
        let group = ground.group.clone();
        let founders =
            move |shards, replication_factor| founders(&group.status().members, shards, replication_factor);
        let catalog_config = CatalogConfig {
            shards: config.shards,
            replication_factor: config.replication_factor,
            founders: Founders::new(founders),
            cluster: ground.consensus.identity().cluster.to_string(),
            ..CatalogConfig::default()
        };
        let (catalog, following) = Catalog::start(runtime.clone(), ground.control.clone(), catalog_config);
        let (owner, owned) = watch::channel(None);
        let shards = Shards::new(owned);
        let users = Arc::new(amqp::CatalogUsers(catalog.clone()));
        let notes = ground.consensus.notes();
        let own = ground.own.node;
        let colleagues = Arc::new(NodeColleagues::new(own, ground.group.clone(), notes.clone()));
        let amqp = amqp::Server::new(
            runtime.clone(),
            catalog.clone(),
            shards.clone(),
            users,
            colleagues,
            amqp::Config {
                certificate_name: config.amqp_certificate_name,
                consumer_timeout: config.consumer_timeout,
                ..amqp::Config::default()
            },
        );
        colleagues::listen(notes, &amqp);
        let shortage = Arc::new(Shortage::new(config.alarms, config.data_dir.clone()));
        let owning = follow_session(catalog.session(), owner);
        let (ending, tidying) = (shards.clone(), amqp.clone());
        let (sessions, watching) = NodeSessions::new(catalog.clone());
        let tasks = vec![
            following,
            runtime.spawn(Pool::Clients, watching),
            runtime
                .spawn(Pool::Clients, shortage.clone().watch(runtime.clone(), shards.clone(), amqp.clone())),
            runtime.spawn(Pool::Clients, owning),
            runtime.spawn(Pool::Clients, tidying.tidy_up()),
            runtime.spawn(Pool::Clients, async move { ending.follow_owner().await }),
        ];
        Arc::new(Self {
            ground,
            catalog,
            shards,
            amqp,
            open: Mutex::default(),
            sizes: config.sizes.clone(),
            spreading: Arc::default(),
            sessions: Arc::new(sessions),
            shortage,
            failure: SetOnce::new(),
            tasks: Mutex::new(tasks),
        })
    }

    /// Opens the shards that there are, and those that come, and serves clients once all are there.
    pub(crate) async fn run(self: Arc<Self>, mut doors: Vec<AmqpDoor>) {
        self.catalog.ready().await;
        self.take_over_shards().await;
        let spread_out = self.clone();
        let clock = self.ground.runtime.clock.clone();
        let control = self.ground.group.clone();
        let groups = move || spread_out.groups();
        self.spawn(Pool::Clients, leaders::spread(clock, control, groups, self.spreading.clone()));
        let mut changes = self.catalog.changed();
        loop {
            let topology = changes.borrow_and_update().clone();
            let is_taken_over = topology.shards_cluster() == self.cluster();
            let wanted = if is_taken_over { topology.founders().clone() } else { Arc::default() };
            for (shard, founders) in (1..).zip(wanted.iter()).skip(self.shards.shard_count() as usize) {
                if let Err(error) = self.open(shard, founders).await {
                    let _earlier_failure =
                        self.failure.set(format!("shard {shard} can't be opened: {error}"));
                    return;
                }
            }
            if is_taken_over && !doors.is_empty() {
                self.catch_up().await;
                info!(shards = self.shards.shard_count(), "serving queues");
                for (listener, terms) in doors.drain(..) {
                    self.spawn(Pool::Clients, self.amqp.clone().serve(listener, terms));
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// In a cluster that was founded anew from the log or a backup of another: the shards are those of the node that has done so,
    /// and others ask it to be let in.
    async fn take_over_shards(&self) {
        if self.ground.consensus.identity().joined {
            return;
        }
        let own = Founder { node: self.ground.own.node.0, address: self.ground.own.address.clone() };
        while let Err(why) = self.catalog.take_over_shards(own.clone()).await {
            warn!(%why, "the shards can't be taken over yet");
            self.ground.runtime.clock.sleep(RETRY).await;
        }
    }

    /// Waits for the replicas that are there. One that is far behind is replaced by a snapshot, which costs its consumers their
    /// connections; and a shard that nobody leads must not keep clients from all others for ever.
    async fn catch_up(&self) {
        let groups = self.groups();
        let reached = groups.iter().map(async |group| {
            while group.barrier().await.is_err() {}
            group.new_at_level(FOUNDING_PATIENCE).await;
        });
        let all = futures::future::join_all(reached);
        if self.ground.runtime.clock.timeout(CATCH_UP_PATIENCE, all).await.is_err() {
            warn!("not all shards have a leader; queues are served without them");
        }
    }

    fn cluster(&self) -> String {
        self.ground.consensus.identity().cluster.to_string()
    }

    async fn open(self: &Arc<Self>, shard: u32, founders: &[Founder]) -> Result<(), ConsensusError> {
        let Ground { runtime, consensus, snapshot_dir, own, .. } = &self.ground;
        let identity = consensus.identity();
        let config = segments::Config { shard: u64::from(shard), ..self.sizes.frames.clone() };
        let dir = attached_dir(snapshot_dir, GroupId(shard));
        let replica = Replica::new(
            shard,
            FrameStore::new(runtime.disk.clone(), dir, config, identity.store ^ (identity.incarnation << 16)),
        );
        let setup = GroupSetup {
            entrance: self.entrance(shard, founders),
            snapshot_log_bytes: self.sizes.shard_log_bytes,
        };
        let group = self.open_group(shard, replica.clone(), setup).await?;
        let (log, leading) = ShardLog::new(group.clone());
        replica.start(Arc::new(log));
        self.spawn(Pool::Consensus, leading);
        self.spawn(Pool::Clients, replica.clone().keep(runtime.clock.clone(), self.sessions.clone()));
        let members = members::Following {
            clock: runtime.clock.clone(),
            catalog: self.catalog.clone(),
            control: self.ground.group.clone(),
            shard: group.clone(),
            own: own.node,
        };
        self.spawn(Pool::Clients, members.run());
        let (failing, failed) = (self.clone(), group.clone());
        self.spawn(Pool::Clients, async move {
            let why = failed.failed().await;
            let _earlier_failure = failing.failure.set(format!("shard {shard}: {why}"));
        });
        self.open.lock().push(OpenShard { replica: replica.clone(), group });
        self.shards.add(replica.clone());
        self.spawn(Pool::Clients, self.amqp.clone().look_after(replica));
        Ok(())
    }

    /// openraft's tasks stay where a group is opened.
    async fn open_group(
        &self,
        shard: u32,
        replica: Arc<Replica>,
        setup: GroupSetup,
    ) -> Result<Group, ConsensusError> {
        let (sender, receiver) = oneshot::channel();
        let consensus = self.ground.consensus.clone();
        let opening = self.ground.runtime.spawn(Pool::Consensus, async move {
            let machine = Arc::new(ShardMachine(replica));
            // The receiver is gone when the node stops meanwhile.
            let _ = sender.send(consensus.open_group(GroupId(shard), machine, setup).await);
        });
        let opened = receiver.await;
        opening.join().await;
        opened.expect("the task that opens a group sends what came of it")
    }

    /// Those who are to vote when the shard is made found it; others ask one of them to be let in, and observe.
    fn entrance(&self, shard: u32, founders: &[Founder]) -> Entrance {
        let own = &self.ground.own;
        let member = |it: &Founder| Member {
            node: consensus::NodeId(it.node),
            address: it.address.clone(),
            voter: true,
        };
        let mut members: Vec<Member> = founders.iter().map(member).collect();
        if members.iter().any(|member| member.node == own.node) {
            // Whoever comes first stands first: so the shards begin with different leaders.
            let first = shard as usize % members.len();
            members.rotate_left(first);
            return Entrance::Found(members);
        }
        let others =
            self.ground.group.status().members.into_iter().filter(|it| it.voter && it.node != own.node);
        let contact = others.map(|it| it.address).next().unwrap_or_default();
        Entrance::Join(Join { contact, member: Member { voter: false, ..own.clone() } })
    }

    fn spawn(&self, pool: Pool, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().push(self.ground.runtime.spawn(pool, work));
    }

    /// The world of this node.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.ground.runtime
    }

    /// The groups of the shards that are open, shard 1 first.
    pub(crate) fn groups(&self) -> Vec<Group> {
        self.open.lock().iter().map(|shard| shard.group.clone()).collect()
    }

    /// The shards that are open, shard 1 first.
    pub(crate) fn open_shards(&self) -> Vec<OpenShard> {
        self.open.lock().clone()
    }

    /// The groups of the shards that are open, and who is to vote in each.
    pub(crate) fn placed(&self) -> Vec<(GroupStatus, Option<BTreeSet<u64>>)> {
        let topology = self.catalog.topology();
        let control = self.ground.group.status().members;
        let with_wanted = |group: Group| {
            let status = group.status();
            let wanted = members::wanted_voters(&control, &status, &topology);
            (status, wanted)
        };
        self.groups().into_iter().map(with_wanted).collect()
    }

    /// Completes when the node must stop because of its data, and says why.
    pub(crate) async fn failed(&self) -> String {
        tokio::select! {
            biased;
            why = self.shards.failed() => why,
            why = self.failure.wait() => why.clone(),
        }
    }

    /// Says good-bye to clients, and finishes what is in flight.
    pub(crate) async fn stop(&self, patience: std::time::Duration) {
        self.amqp.stop().await;
        for group in self.groups() {
            if self.ground.runtime.clock.timeout(patience, group.drained()).await.is_err() {
                warn!("not everything in flight on the shards could be finished");
            }
        }
        self.tasks.lock().clear();
    }
}

/// Who founds each of so many shards, of the control plane's members.
fn founders(members: &[Member], shards: u32, replication_factor: u32) -> Vec<Vec<Founder>> {
    let voters = members.iter().filter(|member| member.voter);
    let voters: BTreeMap<u64, &str> = voters.map(|it| (it.node.0, it.address.as_str())).collect();
    let placed = placement::placement(&voters.keys().copied().collect(), shards, replication_factor);
    let founder = |node: u64| Founder { node, address: voters[&node].to_owned() };
    placed.into_iter().map(|nodes| nodes.into_iter().map(founder).collect()).collect()
}

/// Consumers belong to the node's session.
async fn follow_session(mut session: watch::Receiver<Option<i64>>, owner: watch::Sender<Option<Owner>>) {
    loop {
        owner.send_replace(session.borrow_and_update().map(Owner));
        if session.changed().await.is_err() {
            return;
        }
    }
}
