//! Nodes that share a log.

use std::sync::Arc;
use std::time::Duration;

use amqp091::TableBuf;
use catalog::{
    Arguments, BindingSpec, Catalog, CatalogConfig, CatalogError, ExchangeSpec, ExclusiveOwner, Message,
    Name, Queue, QueueSpec, Routed,
};
use control::loopback::Loopback;
use control::{Control, ControlConfig};
use runtime::{Runtime, SeededEntropy, SystemClock, SystemDisk, SystemNetwork, TokioPools};

/// The connection that asks, unless another one does.
pub(crate) const CONNECTION: u64 = 1;

pub(crate) fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

pub(crate) struct Node {
    pub(crate) control: Arc<Control>,
    pub(crate) catalog: Arc<Catalog>,
    _log: runtime::Task,
    _catalog: runtime::Task,
}

pub(crate) struct Cluster {
    pub(crate) log: Arc<Loopback>,
    pub(crate) nodes: Vec<Node>,
}

fn world(seed: u64) -> Runtime {
    let here = tokio::runtime::Handle::current();
    Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(seed)),
        pools: Arc::new(TokioPools::new(here.clone(), here)),
    }
}

impl Cluster {
    /// So many nodes, all ready.
    pub(crate) async fn of(count: u64) -> Self {
        let log = Loopback::new(world(0));
        let mut cluster = Self { log, nodes: Vec::new() };
        for number in 1..=count {
            cluster.join(number);
        }
        for node in &cluster.nodes {
            node.catalog.ready().await;
        }
        cluster
    }

    /// Adds a node; also one that was there before, in its next life.
    pub(crate) fn join(&mut self, number: u64) {
        let world = world(number + 100 * self.nodes.len() as u64);
        let config =
            ControlConfig { node: number, tick: Duration::from_millis(500), ..ControlConfig::default() };
        let control = Control::new(world.clone(), config);
        let _log = self.log.join(&control);
        let config = CatalogConfig { shards: 4, ..CatalogConfig::default() };
        let (catalog, _catalog) = Catalog::start(world, Arc::clone(&control), config);
        self.nodes.push(Node { control, catalog, _log, _catalog });
    }

    pub(crate) fn catalog(&self, at: usize) -> &Catalog {
        &self.nodes[at].catalog
    }
}

pub(crate) fn slash() -> Name {
    Name::from("/")
}

pub(crate) fn name(text: &str) -> Name {
    Name::from(text)
}

pub(crate) fn durable() -> QueueSpec {
    QueueSpec { durable: true, ..QueueSpec::default() }
}

pub(crate) fn exclusive() -> QueueSpec {
    QueueSpec { exclusive: true, ..QueueSpec::default() }
}

pub(crate) fn exchange(kind: &str) -> ExchangeSpec {
    ExchangeSpec { kind: kind.to_owned(), durable: true, ..ExchangeSpec::default() }
}

pub(crate) fn with(table: TableBuf) -> Arguments {
    table.into()
}

/// The asking connection, as the owner of queues.
pub(crate) fn owner(catalog: &Catalog) -> ExclusiveOwner {
    let session = catalog.session().borrow().expect("the node has a session");
    ExclusiveOwner { session, connection: CONNECTION }
}

pub(crate) async fn queue(catalog: &Catalog, named: &str) -> Arc<Queue> {
    catalog.declare_queue(&slash(), &name(named), &durable(), CONNECTION).await.unwrap().value
}

pub(crate) async fn bind(
    catalog: &Catalog,
    exchange: &str,
    queue: &str,
    key: &str,
) -> Result<(), CatalogError> {
    let spec = BindingSpec::of_queue(exchange, queue, key, amqp091::Table::default());
    catalog.bind(&slash(), &spec, Some(owner(catalog))).await
}

pub(crate) async fn unbind(
    catalog: &Catalog,
    exchange: &str,
    queue: &str,
    key: &str,
) -> Result<(), CatalogError> {
    let spec = BindingSpec::of_queue(exchange, queue, key, amqp091::Table::default());
    catalog.unbind(&slash(), &spec, Some(owner(catalog))).await
}

/// Where a message goes, sorted.
pub(crate) fn route(catalog: &Catalog, exchange: &str, key: &str) -> Vec<String> {
    let message = Message { key: key.as_bytes(), ..Message::default() };
    let mut routed = Routed::new();
    catalog.topology().route(b"/", exchange.as_bytes(), &message, &mut routed).unwrap();
    let mut queues: Vec<_> = routed.queues().iter().map(|queue| queue.name.to_string()).collect();
    queues.sort();
    queues
}

/// Completes when what the catalog shows is so.
pub(crate) async fn until(catalog: &Catalog, is_so: impl Fn(&catalog::Topology) -> bool) {
    let mut changed = catalog.changed();
    tokio::select! {
        biased;
        seen = changed.wait_for(|topology| is_so(topology)) => drop(seen.unwrap()),
        () = runtime::SystemClock::clock().sleep(Duration::from_secs(60)) => panic!("it never comes to be so"),
    }
}
