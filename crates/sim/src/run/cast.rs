//! The clients of a run, on their hosts.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::planted;
use crate::seeded::mix;
use crate::world::{ClientHost, Host, World, ZOOKEEPER_PORT};
use verify::client::{Client, Manner, Workload};
use verify::history::{ClientId, History};
use verify::workload::{Mixed, Mode, Orders, Setup, Verify};

use super::settings::Settings;

/// Numbers of clients that are not among those who work.
const SETUP: ClientId = ClientId(900);
const VERIFY: u32 = 1000;

/// Who plays, and what they share.
pub(super) struct Cast {
    settings: Rc<Settings>,
    history: Rc<RefCell<History>>,
    orders: Rc<Orders>,
}

impl Cast {
    /// Puts all clients on their hosts.
    pub(super) fn enter(
        world: &mut World,
        settings: &Rc<Settings>,
        history: &Rc<RefCell<History>>,
        orders: &Rc<Orders>,
    ) {
        let cast = Rc::new(Self {
            settings: Rc::clone(settings),
            history: Rc::clone(history),
            orders: Rc::clone(orders),
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
            tasks.push(tokio::task::spawn_local(Rc::clone(&self).set_up(Rc::clone(&machine))));
            for node in 1..=self.settings.world.nodes {
                tasks.push(tokio::task::spawn_local(Rc::clone(&self).verify(node, Rc::clone(&machine))));
            }
        }
        for (at, client) in self.settings.clients.iter().enumerate() {
            if client.host == host {
                tasks.push(tokio::task::spawn_local(Rc::clone(&self).work(at, Rc::clone(&machine))));
            }
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
        self.client(manner, &machine, Box::new(workload)).run().await;
    }

    async fn verify(self: Rc<Self>, node: u64, machine: Rc<ClientHost>) {
        self.orders.wait_for(&machine.clock, Mode::Verify).await;
        let id = ClientId(VERIFY + u32::try_from(node).expect("nodes have small numbers"));
        let workload = Verify::new(&self.settings.layout, Rc::clone(&self.orders));
        self.client(self.manner(id, vec![node], 32), &machine, Box::new(workload)).run().await;
    }

    fn all_nodes(&self) -> Vec<u64> {
        (1..=self.settings.world.nodes).collect()
    }

    fn manner(&self, id: ClientId, nodes: Vec<u64>, window: usize) -> Manner {
        let address = |node| (node, format!("{}:{ZOOKEEPER_PORT}", Host::Node(node)));
        let nodes = nodes.into_iter().map(address).collect();
        Manner { id, nodes, window, session_timeout: Duration::from_secs(6), seed: self.seed(id, 2) }
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
