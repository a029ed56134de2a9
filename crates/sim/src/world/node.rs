//! A node of the simulated cluster: its machine, and the server on it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use catalog::{Catalog, Name, PasswordHash, UserSpec};
use consensus::Group;
use control::Control;
use runtime::{Disk, Entropy, Runtime, SeededEntropy, SimDisk};
use server::{Config, FileSettings, Node, OpenShard, Sizes};
use tokio::sync::Notify;
use tracing::{error, info};

use super::gate::Gate;
use super::host::{AMQP_PORT, PEER_PORT, ZOOKEEPER_PORT};
use super::network::HostNetwork;
use super::pools::{HostPools, Life};
use super::requests::Requests;
use super::time::{self, Skew};
use super::{Host, Wires};
use crate::seeded::mix;

/// How a node's process sees its disk. The real thing is `SimDisk` itself; a planted bug puts something in between.
pub type DiskView = fn(SimDisk) -> Arc<dyn Disk>;

/// What a node's process is doing.
pub enum Phase {
    /// There is none.
    Down,
    /// It has begun and is not up yet.
    Starting,
    /// It is up.
    Running(View),
    /// It gave up, for this reason. The controller has not cleared it away yet.
    Failed(String),
    /// It was asked to stop, and has. The controller has not cleared it away yet.
    Stopped,
}

/// What can be seen of a running node from inside its process.
#[derive(Clone)]
pub struct View {
    /// Its control plane.
    pub control: Arc<Control>,
    /// Its replica of the control plane's log.
    pub group: Group,
    shards: Arc<dyn Fn() -> Vec<OpenShard> + Send + Sync>,
}

impl View {
    /// Its shards of queues that are open, shard 1 first.
    pub fn shards(&self) -> Vec<OpenShard> {
        (self.shards)()
    }

    /// All its groups, by number: the control plane's, then those of its shards.
    pub fn groups(&self) -> impl Iterator<Item = (u32, Group)> {
        let shards = self.shards().into_iter().map(|shard| shard.group);
        (0..).zip(std::iter::once(self.group.clone()).chain(shards))
    }
}

/// Whom clients of queues connect as, and the password.
pub const QUEUE_USER: (&str, &str) = ("sim", "secret");

/// What a machine is to the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Nothing yet.
    Spare,
    /// It belongs to it, or asks to be let in.
    Member,
    /// It belongs to it, and will never run again.
    Lost,
    /// It has left, and will never run again.
    Retired,
}

/// A node's machine. It outlives the node's processes.
pub struct Machine {
    /// The node's number.
    pub number: u64,
    /// Its disk. Replaced at each crash.
    pub disk: RefCell<SimDisk>,
    /// How often it was given another disk.
    pub(super) disks: Cell<u64>,
    /// How its clocks are wrong.
    pub skew: Arc<Skew>,
    /// The tasks of its process.
    pub(super) life: RefCell<Arc<Life>>,
    /// Holds its process.
    pub gate: Arc<Gate>,
    /// What it is to the cluster.
    pub standing: Cell<Standing>,
    /// Whether its configuration says that it is to vote.
    pub votes: Cell<bool>,
    /// What is asked of its process.
    pub requests: Rc<Requests>,
    /// A member that it asks to be let in; `None` for those who founded the cluster.
    pub(super) contact: Cell<Option<u64>>,
    /// What its process is doing.
    pub phase: RefCell<Phase>,
    /// Asks the process to stop as SIGTERM does.
    pub(super) stop: RefCell<Arc<Notify>>,
    pub(super) starts: Cell<u64>,
    pub(super) seed: u64,
    pub(super) cluster: String,
    pub(super) wires: Arc<Wires>,
    pub(super) disk_view: DiskView,
    pub(super) sizes: Sizes,
    pub(super) shards: u32,
}

impl Machine {
    /// What can be seen of the process, if it is up.
    pub fn view(&self) -> Option<View> {
        match &*self.phase.borrow() {
            Phase::Running(view) => Some(view.clone()),
            _ => None,
        }
    }

    /// How many processes were started.
    pub fn starts(&self) -> u64 {
        self.starts.get()
    }

    /// How often it was given another disk.
    pub fn disks(&self) -> u64 {
        self.disks.get()
    }

    /// Asks the process to stop as SIGTERM does; its phase tells when it has.
    pub fn ask_to_stop(&self) {
        self.stop.borrow().notify_one();
    }

    fn config(&self) -> Config {
        let peer = |number| format!("{}:{PEER_PORT}", Host::Node(number));
        let amqp = match self.shards {
            0 => "off".to_owned(),
            _ => format!("{}:{AMQP_PORT}", Host::Node(self.number)),
        };
        let common = FileSettings {
            data_dir: Some("/data".into()),
            node_id: Some(self.number),
            zookeeper: Some(format!("{}:{ZOOKEEPER_PORT}", Host::Node(self.number))),
            amqp: Some(amqp),
            shards: (self.shards > 0).then_some(self.shards),
            admin: Some("off".into()),
            ..FileSettings::default()
        };
        let settings = match self.contact.get() {
            None => FileSettings { cluster: Some(self.cluster.clone()), ..common },
            Some(contact) => FileSettings {
                join: Some(peer(contact)),
                peer: Some(peer(self.number)),
                role: Some(if self.votes.get() { "voter" } else { "observer" }.into()),
                ..common
            },
        };
        let config = Config::from_settings(settings).expect("the simulator configures its nodes well");
        Config { sizes: self.sizes.clone(), ..config }
    }

    /// The world as a new process on this machine sees it. To be called on the host.
    fn runtime(&self) -> Runtime {
        let start = self.starts.get() + 1;
        self.starts.set(start);
        let clock = time::clock(Arc::clone(&self.skew));
        let disk = self.disk.borrow().clone();
        disk.set_clock(clock.clone());
        let life = Arc::<Life>::default();
        self.life.replace(Arc::clone(&life));
        let network = HostNetwork {
            host: Host::Node(self.number),
            wires: Arc::clone(&self.wires),
            clock: clock.clone(),
        };
        Runtime {
            network: Arc::new(network),
            disk: (self.disk_view)(disk),
            clock,
            entropy: Arc::new(SeededEntropy::new(mix(self.seed ^ mix(self.number << 32 | start)))),
            pools: Arc::new(HostPools::new(Arc::clone(&self.gate), life)),
        }
    }
}

/// The peer addresses of a cluster, as `--cluster` takes them.
pub(super) fn cluster(nodes: u64) -> String {
    let member = |number| format!("{number}={}:{PEER_PORT}", Host::Node(number));
    (1..=nodes).map(member).collect::<Vec<_>>().join(",")
}

/// The whole life of a process on a machine. It never returns: the controller ends it.
pub(super) async fn run(machine: Rc<Machine>) -> turmoil::Result {
    let end = live(&machine).await;
    match &end {
        Phase::Failed(why) => error!(node = machine.number, %why, "process ended"),
        _ => info!(node = machine.number, "process ended"),
    }
    machine.life.borrow().end();
    machine.phase.replace(end);
    std::future::pending().await
}

async fn live(machine: &Machine) -> Phase {
    let stop = Arc::new(Notify::new());
    machine.stop.replace(Arc::clone(&stop));
    machine.phase.replace(Phase::Starting);
    machine.requests.clear();
    let runtime = machine.runtime();
    let entropy = Arc::clone(&runtime.entropy);
    let node = match Node::start(runtime, machine.config()).await {
        Ok(node) => node,
        Err(error) => return Phase::Failed(format!("did not start: {error}")),
    };
    let view =
        View { control: Arc::clone(node.control()), group: node.group().clone(), shards: node.shards() };
    if let Some(catalog) = node.catalog() {
        tokio::task::spawn_local(admit(Arc::clone(catalog), entropy));
    }
    tokio::task::spawn_local(Rc::clone(&machine.requests).serve(view.group.clone()));
    machine.phase.replace(Phase::Running(view));
    tokio::select! {
        biased;
        () = stop.notified() => {
            node.stop().await;
            Phase::Stopped
        }
        why = node.failed() => Phase::Failed(why),
    }
}

/// Lets the simulation's clients of queues in, unless somebody has. What fails another node does, or this one when it starts again.
async fn admit(catalog: Arc<Catalog>, entropy: Arc<dyn Entropy>) {
    catalog.ready().await;
    let (name, password) = QUEUE_USER;
    let name = Name::from(name);
    if catalog.topology().user(&name).is_some() {
        return;
    }
    let password = Some(PasswordHash::new(password.as_bytes(), &*entropy));
    let made = catalog.put_user(&name, &UserSpec { password, tags: Vec::new(), loopback_only: false }).await;
    let vhost = Name::from("/");
    let admitted = catalog.set_permission(&vhost, &name, ".*", ".*", ".*").await;
    info!(?made, ?admitted, "clients of queues are let in");
}
