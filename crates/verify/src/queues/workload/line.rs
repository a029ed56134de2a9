//! What clients of queues have in common: they connect again and again, to one node after another.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use amqp_client::{Connection, Error, Options};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::Runtime;

use super::super::history::QueueHistory;
use super::{Layout, QueueOrders};

/// What clients of a run share.
#[derive(Clone)]
pub struct World {
    /// The client's own way to the world.
    pub runtime: Runtime,
    /// Where it notes what it sees.
    pub history: Rc<RefCell<QueueHistory>>,
    /// What it is told.
    pub orders: Rc<QueueOrders>,
    /// The queues.
    pub layout: Rc<Layout>,
}

/// What a client is like.
#[derive(Clone, Debug)]
pub struct Manner {
    /// How it is called in the history.
    pub name: String,
    /// Nodes that it connects to: their numbers and addresses.
    pub nodes: Vec<(u64, String)>,
    /// Whom it connects as, and the password.
    pub user: (String, String),
    /// Decides its choices.
    pub seed: u64,
}

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_millis(1500);
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The way of one client to the nodes.
pub(super) struct Line {
    pub(super) world: World,
    pub(super) manner: Manner,
    pub(super) rng: StdRng,
    /// Connections so far.
    pub(super) count: u32,
    next: usize,
}

impl Line {
    pub(super) fn new(world: World, manner: Manner) -> Self {
        let mut rng = StdRng::seed_from_u64(manner.seed);
        let next = rng.random_range(0..manner.nodes.len());
        Self { world, manner, rng, count: 0, next }
    }

    /// Tries the next node: its number, and the connection.
    pub(super) async fn connect(&mut self) -> Option<(u64, Connection)> {
        let (node, address) = self.manner.nodes[self.next].clone();
        let (user, password) = self.manner.user.clone();
        let name = self.manner.name.clone();
        let options = Options {
            user,
            password,
            name,
            connect_timeout: PATIENCE,
            heartbeat: HEARTBEAT,
            ..Options::default()
        };
        match Connection::open(&self.world.runtime, &address, &options).await {
            Ok(connection) => {
                self.count += 1;
                // Most come back to where they were.
                if self.rng.random_bool(0.3) {
                    self.next = self.rng.random_range(0..self.manner.nodes.len());
                }
                Some((node, connection))
            }
            Err(error) => {
                tracing::debug!(client = self.manner.name, node, %error, "not connected");
                self.next = (self.next + 1) % self.manner.nodes.len();
                self.pause().await;
                None
            }
        }
    }

    /// A connection has ended.
    pub(super) async fn on_lost(&mut self, error: &Error) {
        tracing::debug!(client = self.manner.name, %error, "connection ended");
        self.pause().await;
    }

    async fn pause(&mut self) {
        let pause = Duration::from_millis(self.rng.random_range(10..150));
        self.world.runtime.clock.sleep(pause).await;
    }
}
