//! A simulated world: machines with disks and clocks, links between them, one thread, one seed.
//!
//! turmoil runs a tokio runtime for each host and moves time and messages; this module gives the server's
//! [`Runtime`] over it, and hands to whoever plans faults. Nothing here knows what is being served.

mod gate;
mod host;
mod network;
mod node;
mod pools;
mod requests;
mod time;
mod wires;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use runtime::disk::sim::{Crash, FaultCounts, Latency};
use runtime::{Clock, Runtime, SeededEntropy, SimDisk};
use server::Sizes;
use tracing::info;
use turmoil::{Builder, Sim};

pub use gate::Gate;
pub use host::{AMQP_PORT, Host, PEER_PORT, ZOOKEEPER_PORT};
pub use network::HostNetwork;
pub use node::{DiskView, Machine, Phase, QUEUE_USER, Standing, View};
pub use requests::{Requests, Ticket};
pub use time::Skew;
pub use wires::{Down, HeldConnections, Traffic, Way, Wires};

use self::pools::HostPools;
use crate::seeded::{self, mix};

/// What a world is like before anything goes wrong.
#[derive(Clone)]
pub struct Settings {
    /// Decides everything.
    pub seed: u64,
    /// Nodes that found the cluster, numbered from 1. From 1 to 7.
    pub nodes: u64,
    /// Machines for nodes that may join it, numbered behind them.
    pub spares: u64,
    /// Hosts that clients run on, numbered from 1.
    pub client_hosts: u64,
    /// The grain of simulated time: messages travel at least this long. From 1 ms up.
    pub tick: Duration,
    /// The longest that a message travels; most are much faster.
    pub latency_max: Duration,
    /// How long calls to a disk take.
    pub disk_latency: Latency,
    /// How processes see their disk.
    pub disk_view: DiskView,
    /// Sizes of what nodes keep; small ones make rare things happen often.
    pub sizes: Sizes,
    /// Shards of queues that the nodes serve; 0: they serve none.
    pub shards: u32,
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It is killed: its peers hear of it, its disk forgets nothing.
    Kill,
    /// Its machine loses power: nobody hears, and the disk keeps what this says.
    PowerLoss(Crash),
}

/// A simulated world.
pub struct World {
    sim: Sim<'static>,
    settings: Settings,
    wires: Arc<Wires>,
    machines: BTreeMap<u64, Rc<Machine>>,
    client_gates: BTreeMap<u64, Arc<Gate>>,
    hosts: Vec<Host>,
    addresses: BTreeMap<IpAddr, Host>,
}

impl World {
    /// A world whose nodes are about to start.
    pub fn new(settings: Settings) -> Self {
        let mut sim = Builder::new()
            .epoch(SystemTime::UNIX_EPOCH + seeded::EPOCH)
            .simulation_duration(Duration::MAX)
            .tick_duration(settings.tick)
            .min_message_latency(Duration::ZERO)
            .max_message_latency(settings.latency_max)
            .tcp_capacity(65_536)
            .rng_seed(mix(settings.seed ^ 1))
            .enable_random_order()
            .build();
        let wires = Arc::<Wires>::default();
        let cluster = node::cluster(settings.nodes);
        let mut machines = BTreeMap::new();
        for number in 1..=settings.nodes + settings.spares {
            let disk = SimDisk::new(mix(settings.seed ^ mix(number << 8)));
            disk.set_latency(settings.disk_latency);
            let founds = number <= settings.nodes;
            let machine = Rc::new(Machine {
                number,
                disk: RefCell::new(disk),
                disks: Cell::new(0),
                skew: Arc::default(),
                life: RefCell::default(),
                gate: Arc::default(),
                standing: Cell::new(if founds { Standing::Member } else { Standing::Spare }),
                votes: Cell::new(founds),
                requests: Rc::default(),
                contact: Cell::new(None),
                phase: RefCell::new(if founds { Phase::Starting } else { Phase::Down }),
                stop: RefCell::default(),
                starts: Cell::new(0),
                seed: settings.seed,
                cluster: cluster.clone(),
                wires: Arc::clone(&wires),
                disk_view: settings.disk_view,
                sizes: settings.sizes.clone(),
                shards: settings.shards,
            });
            machines.insert(number, Rc::clone(&machine));
            let name = Host::Node(number).to_string();
            sim.host(name.clone(), move || node::run(Rc::clone(&machine)));
            if !founds {
                sim.crash(name);
                wires.set_down(Host::Node(number), Some(Down::Process));
            }
        }
        let hosts = machines.keys().copied().map(Host::Node).collect();
        let addresses = BTreeMap::new();
        let client_gates = BTreeMap::new();
        let mut world = Self { sim, settings, wires, machines, client_gates, hosts, addresses };
        world.learn_addresses();
        world
    }

    /// Adds a host that runs what `software` makes. To be called before the first step.
    pub fn add_client_host<F, Fut>(&mut self, number: u64, software: F)
    where
        F: Fn(ClientHost) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let host = Host::Client(number);
        let wires = Arc::clone(&self.wires);
        let gate = Arc::<Gate>::default();
        self.client_gates.insert(number, Arc::clone(&gate));
        self.sim.host(host.to_string(), move || {
            let clock = time::clock(Arc::default());
            let network = HostNetwork { host, wires: Arc::clone(&wires), clock: clock.clone() };
            let running = software(ClientHost { host, clock, network, gate: Arc::clone(&gate) });
            async move {
                running.await;
                std::future::pending().await
            }
        });
        self.hosts.push(host);
        self.learn_addresses();
    }

    fn learn_addresses(&mut self) {
        let address = |host: &Host| (self.sim.lookup(host.to_string()), *host);
        self.addresses = self.hosts.iter().map(address).collect();
    }

    /// Moves time on by a tick.
    ///
    /// # Panics
    /// When something on a host does.
    pub fn step(&mut self) {
        seeded::advance_to(self.sim.elapsed());
        self.sim.step().expect("hosts' software never returns");
        seeded::advance_to(self.sim.elapsed());
    }

    /// Time since the world began.
    pub fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// What it is like.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The machines of nodes that belong to the cluster or ask to be let in, and have not been given up.
    pub fn machines(&self) -> impl Iterator<Item = &Rc<Machine>> {
        self.machines.values().filter(|machine| machine.standing.get() == Standing::Member)
    }

    /// All machines, by number.
    pub fn all_machines(&self) -> &BTreeMap<u64, Rc<Machine>> {
        &self.machines
    }

    /// What holds the clients on one of their hosts.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn client_gate(&self, host: u64) -> &Arc<Gate> {
        &self.client_gates[&host]
    }

    /// One node's machine.
    ///
    /// # Panics
    /// When there is no such node.
    pub fn machine(&self, node: u64) -> &Rc<Machine> {
        &self.machines[&node]
    }

    /// The hosts that are in use.
    pub fn hosts(&self) -> Vec<Host> {
        let in_use = |host: &Host| match host {
            Host::Node(number) => self.machine(*number).standing.get() == Standing::Member,
            Host::Client(_) => true,
        };
        self.hosts.iter().copied().filter(in_use).collect()
    }

    /// The links.
    pub fn wires(&self) -> &Wires {
        &self.wires
    }

    /// The node that leads in the newest term that any running node knows.
    pub fn leader(&self) -> Option<u64> {
        let views = self.machines().filter_map(|machine| Some((machine.number, machine.view()?)));
        let leading = views.map(|(number, view)| (number, *view.group.leadership().borrow()));
        leading.filter(|(_, now)| now.is_self).max_by_key(|(_, now)| now.term).map(|(number, _)| number)
    }

    /// Cuts a way: nothing that is sent on it, or under way, arrives.
    pub fn cut(&mut self, way: Way) {
        let in_flight = self.in_flight(way);
        if self.wires.cut(way, in_flight) {
            info!(from = %way.from, to = %way.to, in_flight, "cut");
            self.sim.partition_oneway(way.from.to_string(), way.to.to_string());
        }
    }

    /// Takes one cut back.
    pub fn mend(&mut self, way: Way) {
        if self.wires.mend(way) {
            info!(from = %way.from, to = %way.to, "mended");
            self.sim.repair_oneway(way.from.to_string(), way.to.to_string());
        }
    }

    fn in_flight(&self, way: Way) -> u64 {
        let mut count = 0;
        self.sim.links(|links| {
            for message in links.flatten() {
                let (from, to) = message.pair();
                let is_on = self.addresses.get(&from.ip()) == Some(&way.from)
                    && self.addresses.get(&to.ip()) == Some(&way.to);
                count += u64::from(is_on);
            }
        });
        count
    }

    /// Makes messages between two hosts take up to `latency_max`, or as long as usual.
    pub fn slow(&mut self, way: Way, latency_max: Option<Duration>) {
        info!(from = %way.from, to = %way.to, ?latency_max, "slowed");
        let latency = latency_max.unwrap_or(self.settings.latency_max);
        self.sim.set_link_max_message_latency(way.from.to_string(), way.to.to_string(), latency);
        self.wires.set_slow(way, latency_max.is_some());
        self.wires.set_slow(way.back(), latency_max.is_some());
    }

    /// Resets all connections between two hosts.
    pub fn reset(&mut self, way: Way) {
        info!(from = %way.from, to = %way.to, "connections reset");
        self.wires.reset(way);
    }

    /// Ends a node's process. Nothing happens if there is none. Says what the disk lost.
    pub fn end(&mut self, node: u64, end: End) -> FaultCounts {
        let machine = Rc::clone(self.machine(node));
        info!(node, ?end, "process ends");
        let others: Vec<Host> = self.hosts.iter().copied().filter(|host| *host != Host::Node(node)).collect();
        let ways = others.into_iter().flat_map(|other| {
            let way = Way { from: Host::Node(node), to: other };
            [way, way.back()]
        });
        let silent = if matches!(end, End::PowerLoss(_)) { ways.collect() } else { Vec::new() };
        silent.iter().for_each(|way| self.cut(*way));
        self.sim.crash(Host::Node(node).to_string());
        silent.iter().for_each(|way| self.mend(*way));
        let (down, crash) = match end {
            End::Kill => (Down::Process, Crash::Process),
            End::PowerLoss(crash) => (Down::Power, crash),
        };
        self.wires.set_down(Host::Node(node), Some(down));
        machine.phase.replace(Phase::Down);
        let before = machine.disk.borrow().counts();
        let after = machine.disk.borrow().crash(crash);
        let counts = after.counts();
        machine.disk.replace(after);
        lost(before, counts)
    }

    /// Starts a process on a node's machine.
    pub fn start(&mut self, node: u64) {
        info!(node, "process starts");
        self.machine(node).phase.replace(Phase::Starting);
        self.machine(node).gate.open();
        self.wires.set_down(Host::Node(node), None);
        self.sim.bounce(Host::Node(node).to_string());
    }

    /// Starts a node that is to be let in through a member, `contact`.
    pub fn join(&mut self, node: u64, votes: bool, contact: u64) {
        info!(node, votes, contact, "joins");
        let machine = self.machine(node);
        machine.standing.set(Standing::Member);
        machine.votes.set(votes);
        machine.contact.set(Some(contact));
        self.start(node);
    }

    /// Turns a node's machine off for ever.
    pub fn turn_off(&mut self, node: u64, standing: Standing) {
        info!(node, ?standing, "is turned off");
        if !matches!(*self.machine(node).phase.borrow(), Phase::Down) {
            self.end(node, End::Kill);
        }
        self.machine(node).standing.set(standing);
    }

    /// Gives a node's machine, which is down, another disk.
    pub fn change_disk(&mut self, node: u64, disk: SimDisk) {
        info!(node, "has another disk");
        self.machine(node).disk.replace(disk);
        self.machine(node).disks.update(|count| count + 1);
    }

    /// A disk with nothing on it, for a machine of this world.
    pub fn empty_disk(&self, seed: u64) -> SimDisk {
        let disk = SimDisk::new(mix(self.settings.seed ^ mix(seed)));
        disk.set_latency(self.settings.disk_latency);
        disk
    }
}

impl Drop for World {
    /// Memory of disks is large and does not wait for whatever may still hold a part of a node.
    fn drop(&mut self) {
        self.machines.values().for_each(|machine| drop(machine.disk.borrow().crash(Crash::LoseUnsynced)));
    }
}

/// What a client's host has of the world.
pub struct ClientHost {
    host: Host,
    /// Its time.
    pub clock: Clock,
    /// Its network.
    pub network: HostNetwork,
    /// Holds what runs on it.
    pub gate: Arc<Gate>,
}

impl ClientHost {
    /// The world as a process on the host sees it, with randomness that `seed` decides. It has no use for a disk. To be called on the
    /// host.
    pub fn runtime(&self, seed: u64) -> Runtime {
        info!(host = %self.host, "a process begins");
        Runtime {
            network: Arc::new(self.network.clone()),
            disk: Arc::new(SimDisk::new(seed)),
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(seed)),
            pools: Arc::new(HostPools::new(Arc::clone(&self.gate), Arc::default())),
        }
    }

    /// Runs a client on the host.
    pub fn spawn(&self, client: impl Future<Output = ()> + 'static) -> tokio::task::JoinHandle<()> {
        tokio::task::spawn_local(gate::Gated::new(&self.gate, Box::pin(client)))
    }
}

/// What a crash alone did.
fn lost(before: FaultCounts, after: FaultCounts) -> FaultCounts {
    FaultCounts {
        crashes: after.crashes - before.crashes,
        sectors_kept: after.sectors_kept - before.sectors_kept,
        sectors_dropped: after.sectors_dropped - before.sectors_dropped,
        sectors_torn: after.sectors_torn - before.sectors_torn,
        lengths_lost: after.lengths_lost - before.lengths_lost,
        names_kept: after.names_kept - before.names_kept,
        names_lost: after.names_lost - before.names_lost,
        ..FaultCounts::default()
    }
}
