//! How long routing takes, and what a change costs, with 10,000 queues and 100,000 bindings.
//!
//! `cargo bench -p quorate-catalog`. As a test (`cargo test --benches`), it does everything once.

#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp091::{Table, TableBuf};
use catalog::{
    BindingSpec, Catalog, CatalogConfig, ExchangeSpec, Message, Name, QueueSpec, Routed, Topology,
};
use control::loopback::Loopback;
use control::{Control, ControlConfig};
use runtime::Runtime;

const QUEUES: u32 = 10_000;

struct Scale {
    queues: u32,
    routes: u32,
    is_test: bool,
}

fn main() {
    let is_test = !std::env::args().any(|argument| argument == "--bench");
    let scale = match is_test {
        true => Scale { queues: 50, routes: 10, is_test },
        false => Scale { queues: QUEUES, routes: 1_000_000, is_test },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(all(&scale));
}

async fn all(scale: &Scale) {
    let world = Runtime::system();
    let log = Loopback::new(world.clone());
    let config = ControlConfig { tick: Duration::from_millis(200), ..ControlConfig::default() };
    let control = Control::new(world.clone(), config);
    let _log = log.join(&control);
    let (catalog, _keeper) = Catalog::start(world.clone(), Arc::clone(&control), CatalogConfig::default());
    catalog.ready().await;
    fill(&catalog, scale).await;
    let topology = catalog.topology();
    routes(&topology, scale);
    change_costs(&catalog, scale).await;

    let began = Instant::now();
    let (other, _keeper) = Catalog::start(world, Arc::clone(&control), CatalogConfig::default());
    let mut changed = other.changed();
    changed.wait_for(|topology| topology.queue_count() as u32 >= scale.queues).await.unwrap();
    println!("a node reads the whole catalog in {:?}", began.elapsed());
}

async fn fill(catalog: &Arc<Catalog>, scale: &Scale) {
    let slash = Name::from("/");
    for (named, kind) in [("hash", "x-consistent-hash"), ("small-fanout", "fanout")] {
        let spec = ExchangeSpec { kind: kind.to_owned(), durable: true, ..ExchangeSpec::default() };
        catalog.declare_exchange(&slash, &Name::from(named), &spec).await.unwrap();
    }
    let began = Instant::now();
    let mut tasks = Vec::new();
    for part in 0..10 {
        let (catalog, slash) = (Arc::clone(catalog), slash.clone());
        let numbers = (0..scale.queues).filter(move |number| number % 10 == part);
        tasks.push(async move {
            for number in numbers {
                let queue = Name::from(format!("queue-{number}").as_str());
                catalog.declare_queue(&slash, &queue, &QueueSpec::default(), 1).await.unwrap();
            }
        });
    }
    join(tasks).await;
    println!("{} queues declared, 10 at a time: {:?} each", scale.queues, began.elapsed() / scale.queues);
    let began = Instant::now();
    let mut tasks = Vec::new();
    for part in 0..10 {
        let (catalog, slash) = (Arc::clone(catalog), slash.clone());
        let numbers = (0..scale.queues).filter(move |number| number % 10 == part);
        tasks.push(async move {
            for number in numbers {
                for binding in bindings(number) {
                    catalog.bind(&slash, &binding, None).await.unwrap();
                }
            }
        });
    }
    join(tasks).await;
    let made: u32 = (0..scale.queues).map(|number| bindings(number).len() as u32).sum();
    println!("{made} bindings made, 10 at a time: {:?} each", began.elapsed() / made);
}

/// Ten of each queue.
fn bindings(number: u32) -> Vec<BindingSpec> {
    let queue = format!("queue-{number}");
    let to =
        |exchange: &str, key: &str| BindingSpec::of_queue(exchange, queue.as_str(), key, Table::default());
    let mut all = vec![to("amq.topic", &format!("site.{number}.*.error"))];
    all.extend((0..8).map(|part| to("amq.direct", &format!("key-{number}-{part}"))));
    let wanted = TableBuf::new().with("kind", "order").with("customer", i64::from(number));
    all.push(BindingSpec::of_queue("amq.headers", queue.as_str(), "", wanted.as_table()));
    if number < 20 {
        all.push(to("hash", "1"));
    }
    if number < 5 {
        all.push(to("small-fanout", ""));
        all.push(to("amq.topic", "#.error"));
    }
    all
}

async fn join(tasks: Vec<impl Future<Output = ()>>) {
    let mut tasks: Vec<_> = tasks.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
        if tasks.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn routes(topology: &Topology, scale: &Scale) {
    let queues = scale.queues;
    let key =
        |made: &dyn Fn(u32) -> String| -> Vec<String> { (0..1000).map(|at| made(at * 7 % queues)).collect() };
    measure(topology, scale, "default", "", &key(&|number| format!("queue-{number}")), &[]);
    measure(topology, scale, "direct", "amq.direct", &key(&|number| format!("key-{number}-3")), &[]);
    measure(topology, scale, "direct, no match", "amq.direct", &key(&|number| format!("none-{number}")), &[]);
    measure(
        topology,
        scale,
        "topic, 6 queues",
        "amq.topic",
        &key(&|number| format!("site.{number}.a.error")),
        &[],
    );
    measure(topology, scale, "fanout, 5 queues", "small-fanout", &key(&|_| String::new()), &[]);
    measure(topology, scale, "consistent hash", "hash", &key(&|number| format!("customer-{number}")), &[]);
    let headers: Vec<_> = (0..1000)
        .map(|at| TableBuf::new().with("kind", "order").with("customer", i64::from(at * 7 % queues)))
        .collect();
    let keys = [String::new()];
    measure(topology, scale, "headers", "amq.headers", &keys, &headers);
}

fn measure(
    topology: &Topology,
    scale: &Scale,
    what: &str,
    exchange: &str,
    keys: &[String],
    headers: &[TableBuf],
) {
    let mut routed = Routed::new();
    let (mut found, mut at) = (0, 0);
    let began = Instant::now();
    for _ in 0..scale.routes {
        let key = keys[at % keys.len()].as_bytes();
        let headers = headers.get(at % headers.len().max(1)).map(TableBuf::as_table).unwrap_or_default();
        let message = Message { key, headers, chance: at as u64, ..Message::default() };
        topology.route(b"/", exchange.as_bytes(), black_box(&message), &mut routed).unwrap();
        found += black_box(&routed).queues().len();
        at += 1;
    }
    let each = began.elapsed() / scale.routes;
    if !scale.is_test {
        println!("{what}: {each:?} for {:.1} queues", found as f64 / f64::from(scale.routes));
    }
}

async fn change_costs(catalog: &Arc<Catalog>, scale: &Scale) {
    let slash = Name::from("/");
    let rounds = if scale.is_test { 2 } else { 1000 };
    let mut costs = Vec::new();
    for (what, exchange) in [("direct", "amq.direct"), ("topic", "amq.topic"), ("consistent hash", "hash")] {
        let began = Instant::now();
        for round in 0..rounds {
            let key = if exchange == "hash" { "3".to_owned() } else { format!("x.{round}.y") };
            let binding = BindingSpec::of_queue(exchange, "queue-30", key.as_str(), Table::default());
            catalog.bind(&slash, &binding, None).await.unwrap();
            catalog.unbind(&slash, &binding, None).await.unwrap();
        }
        costs.push((what, began.elapsed() / (2 * rounds)));
    }
    for (what, cost) in costs {
        println!("one change, {what}: {cost:?}");
    }
}
