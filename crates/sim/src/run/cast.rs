//! The clients of a run, on their hosts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::planted;
use crate::seeded::mix;
use crate::world::{ClientHost, Host, Machine, Standing, World, ZOOKEEPER_PORT};
use verify::client::{Client, Manner, Workload};
use verify::history::{ClientId, History};
use verify::workload::{Locker, Mixed, Mode, Orders, Setup, Verify};

use super::queues::QueueCast;
use super::settings::Settings;

/// Numbers of clients that are not among those who work.
const SETUP: ClientId = ClientId(900);
const VERIFY: u32 = 1000;
const LOCKER: u32 = 500;
/// Clients on each host that take locks.
const LOCKERS_EACH: u64 = 2;

/// Who plays, and what they share.
pub(super) struct Cast {
    settings: Rc<Settings>,
    history: Rc<RefCell<History>>,
    orders: Rc<Orders>,
    machines: BTreeMap<u64, Rc<Machine>>,
    queues: Option<Rc<QueueCast>>,
}

impl Cast {
    /// Puts all clients on their hosts.
    pub(super) fn enter(
        world: &mut World,
        settings: &Rc<Settings>,
        history: &Rc<RefCell<History>>,
        orders: &Rc<Orders>,
        queues: Option<&Rc<QueueCast>>,
    ) {
        let cast = Rc::new(Self {
            settings: Rc::clone(settings),
            history: Rc::clone(history),
            orders: Rc::clone(orders),
            machines: world.all_machines().clone(),
            queues: queues.cloned(),
        });
        for host in 1..=settings.world.client_hosts {
            let cast = Rc::clone(&cast);
            world.add_client_host(host, move |machine| Rc::clone(&cast).play(host, Rc::new(machine)));
        }
    }

    /// All that happens on one host.
    async fn play(self: Rc<Self>, host: u64, machine: Rc<ClientHost>) {
        let mut tasks = Vec::new();
        if host == 1 {
            tasks.push(machine.spawn(Rc::clone(&self).set_up(Rc::clone(&machine))));
            for node in self.all_nodes() {
                tasks.push(machine.spawn(Rc::clone(&self).verify(node, Rc::clone(&machine))));
            }
        }
        for number in 0..LOCKERS_EACH {
            let number = u32::try_from(host * LOCKERS_EACH + number).expect("there are few hosts");
            tasks.push(machine.spawn(Rc::clone(&self).lock(ClientId(LOCKER + number), Rc::clone(&machine))));
        }
        for (at, client) in self.settings.clients.iter().enumerate() {
            if client.host == host {
                tasks.push(machine.spawn(Rc::clone(&self).work(at, Rc::clone(&machine))));
            }
        }
        if let Some(queues) = &self.queues {
            let parts = queues.parts(host, self.settings.world.client_hosts, &machine);
            tasks.extend(parts.into_iter().map(|part| machine.spawn(part)));
        }
        for task in tasks {
            task.await.expect("a client does not panic");
        }
    }

    async fn set_up(self: Rc<Self>, machine: Rc<ClientHost>) {
        let workload = Setup::new(SETUP, &self.settings.layout, Rc::clone(&self.orders));
        self.client(self.manner(SETUP, self.all_nodes(), 1), &machine, Box::new(workload)).run().await;
    }

    async fn work(self: Rc<Self>, at: usize, machine: Rc<ClientHost>) {
        let client = &self.settings.clients[at];
        self.orders.wait_for(&machine.clock, Mode::Work).await;
        let layout = Rc::new(self.settings.layout.clone());
        let seed = self.seed(client.id, 1);
        let workload = Mixed::new(client.id, layout, Rc::clone(&self.orders), client.habits, seed);
        let mut manner = self.manner(client.id, self.all_nodes(), client.window);
        manner.session_timeout = client.session_timeout;
        manner.is_linearizable = client.is_linearizable;
        self.client(manner, &machine, Box::new(workload)).run().await;
    }

    async fn lock(self: Rc<Self>, id: ClientId, machine: Rc<ClientHost>) {
        self.orders.wait_for(&machine.clock, Mode::Work).await;
        let workload = Locker::new(id, &self.settings.layout, Rc::clone(&self.orders), self.seed(id, 1));
        let mut manner = self.manner(id, self.all_nodes(), 1);
        manner.session_timeout = Duration::from_secs(4);
        self.client(manner, &machine, Box::new(workload)).run().await;
    }

    async fn verify(self: Rc<Self>, node: u64, machine: Rc<ClientHost>) {
        self.orders.wait_for(&machine.clock, Mode::Verify).await;
        if self.machines[&node].standing.get() != Standing::Member {
            return;
        }
        let id = ClientId(VERIFY + u32::try_from(node).expect("nodes have small numbers"));
        let workload = Verify::new(&self.settings.layout, Rc::clone(&self.orders));
        self.client(self.manner(id, vec![node], 32), &machine, Box::new(workload)).run().await;
    }

    fn all_nodes(&self) -> Vec<u64> {
        self.machines.keys().copied().collect()
    }

    fn manner(&self, id: ClientId, nodes: Vec<u64>, window: usize) -> Manner {
        let address = |node| (node, format!("{}:{ZOOKEEPER_PORT}", Host::Node(node)));
        let nodes = nodes.into_iter().map(address).collect();
        Manner {
            id,
            nodes,
            window,
            session_timeout: Duration::from_secs(6),
            is_linearizable: false,
            seed: self.seed(id, 2),
        }
    }

    fn seed(&self, client: ClientId, salt: u64) -> u64 {
        mix(self.settings.seed ^ mix(u64::from(client.0) << 8 | salt))
    }

    fn client(&self, manner: Manner, machine: &ClientHost, workload: Box<dyn Workload>) -> Client {
        let network =
            planted::client_network(self.settings.bug, machine.network.clone(), self.seed(manner.id, 3));
        Client::new(manner, network, machine.clock.clone(), Rc::clone(&self.history), workload)
    }
}
