//! The clients of queues in a run.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use verify::queues::history::QueueHistory;
use verify::queues::workload::{
    Consumer, Habits, Layout, Manner, Place, Publisher, QueueMode, QueueOrders, Rate, World, drain, set_up,
};

use crate::seeded::{self, mix};
use crate::world::{AMQP_PORT, ClientHost, Host, QUEUE_USER};

/// What clients of queues are like.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    layout: Layout,
    publishers: Vec<(Place, Rate)>,
    /// The number of a queue, and who consumes from it.
    consumers: Vec<(usize, Habits)>,
}

impl Queues {
    pub(super) fn draw(rng: &mut StdRng) -> Self {
        let layout = Layout::new(pick(rng, &[2, 3]), pick(rng, &[1, 3, 20]));
        let mut publishers = Vec::new();
        for place in [Place::Plain, Place::Spread, Place::Single, Place::Mortal] {
            for _ in 0..rng.random_range(1..=2) {
                publishers.push((place, rate(rng)));
            }
        }
        let mut consumers = Vec::new();
        for queue in 0..layout.queues.len() {
            let count = match layout.place(queue) {
                Place::Plain | Place::Single => rng.random_range(2..=3),
                Place::Mortal => 2,
                Place::Spread | Place::Dead => 1,
            };
            consumers.extend((0..count).map(|_| (queue, habits(rng, layout.place(queue)))));
        }
        Self { layout, publishers, consumers }
    }

    /// The numbers of the publishers.
    pub(super) fn publishers(&self) -> impl Iterator<Item = u32> {
        1..=u32::try_from(self.publishers.len()).expect("there are few")
    }

    /// The queues.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }
}

fn rate(rng: &mut StdRng) -> Rate {
    Rate {
        burst: pick(rng, &[1, 4, 16]),
        pause: Duration::from_millis(pick(rng, &[40, 100, 300])),
        window: pick(rng, &[1, 10, 100]),
        body_bytes_max: pick(rng, &[10, 1000, 20_000]),
    }
}

fn habits(rng: &mut StdRng, place: Place) -> Habits {
    Habits {
        prefetch: pick(rng, &[1, 2, 5, 20, 100]),
        returns: pick(rng, &[0.0, 0.02, 0.2]),
        rejects: if place == Place::Mortal { pick(rng, &[0.0, 0.05, 0.3]) } else { 0.0 },
        pauses: pick(rng, &[0.0, 0.01, 0.05]),
        breaks: pick(rng, &[0.0, 0.002, 0.02]),
        leaves: pick(rng, &[0.0, 0.002, 0.02]),
    }
}

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    *from.choose(rng).expect("there is something to pick")
}

/// Who plays with queues, and what they share.
pub(super) struct QueueCast {
    pub(super) queues: Queues,
    pub(super) history: Rc<RefCell<QueueHistory>>,
    pub(super) orders: Rc<QueueOrders>,
    layout: Rc<Layout>,
    seed: u64,
    nodes: Vec<u64>,
}

type Part = std::pin::Pin<Box<dyn Future<Output = ()>>>;

impl QueueCast {
    pub(super) fn new(queues: Queues, seed: u64, nodes: Vec<u64>) -> Self {
        Self {
            layout: Rc::new(queues.layout.clone()),
            queues,
            history: Rc::new(RefCell::new(QueueHistory::new(seeded::elapsed))),
            orders: Rc::default(),
            seed,
            nodes,
        }
    }

    /// What happens on one of several hosts.
    pub(super) fn parts(&self, host: u64, hosts: u64, machine: &ClientHost) -> Vec<Part> {
        let world = World {
            runtime: machine.runtime(mix(self.seed ^ 0x9e0f ^ host)),
            history: Rc::clone(&self.history),
            orders: Rc::clone(&self.orders),
            layout: Rc::clone(&self.layout),
        };
        let mut parts: Vec<Part> = Vec::new();
        let is_here = |number: usize| number as u64 % hosts + 1 == host;
        if host == 1 {
            parts.push(Box::pin(set_up(world.clone(), self.manner("setup", 0))));
        }
        for (at, (place, rate)) in self.queues.publishers.iter().enumerate().filter(|(at, _)| is_here(*at)) {
            let number = u32::try_from(at + 1).expect("there are few");
            let manner = self.manner(&format!("publisher-{number}"), 100 + u64::from(number));
            let publisher = Publisher::new(world.clone(), manner, number, *place, *rate);
            parts.push(after(&world, QueueMode::Work, publisher.run()));
        }
        for (at, (queue, habits)) in self.queues.consumers.iter().enumerate().filter(|(at, _)| is_here(*at)) {
            let manner = self.manner(&format!("consumer-{at}"), 200 + at as u64);
            let consumer = Consumer::new(world.clone(), manner, *queue, *habits);
            parts.push(after(&world, QueueMode::Work, consumer.run()));
        }
        for queue in (0..self.layout.queues.len()).filter(|queue| is_here(*queue)) {
            let manner = self.manner(&format!("drainer-{queue}"), 300 + queue as u64);
            let (world, orders) = (world.clone(), Rc::clone(&self.orders));
            parts.push(Box::pin(async move {
                orders.wait_for(&world.runtime.clock, QueueMode::Drain).await;
                while orders.consumers() > 0 {
                    world.runtime.clock.sleep(Duration::from_millis(20)).await;
                }
                drain(world, manner, queue).await;
            }));
        }
        parts
    }

    fn manner(&self, name: &str, number: u64) -> Manner {
        let address = |node: &u64| (*node, format!("{}:{AMQP_PORT}", Host::Node(*node)));
        let (user, password) = QUEUE_USER;
        Manner {
            name: name.to_owned(),
            nodes: self.nodes.iter().map(address).collect(),
            user: (user.to_owned(), password.to_owned()),
            seed: mix(self.seed ^ mix(0x9e10 ^ number)),
        }
    }
}

fn after(world: &World, mode: QueueMode, part: impl Future<Output = ()> + 'static) -> Part {
    let (orders, clock) = (Rc::clone(&world.orders), world.runtime.clock.clone());
    Box::pin(async move {
        orders.wait_for(&clock, mode).await;
        part.await;
    })
}
