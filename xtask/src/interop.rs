//! `cargo xtask interop`: clients that nobody here wrote, against real processes (the folder `interop`).

mod builds;

use anyhow::Result;
use clap::ValueEnum;

pub(crate) use builds::{c, go, java, perf_test};

use crate::shell::{program, quorate_binary, root, step};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these; everything when absent
    #[arg(long, value_delimiter = ',')]
    only: Vec<Suite>,
    /// What to test: the tests must hold for ZooKeeper too
    #[arg(long, value_enum, default_value_t = Server::Quorate)]
    server: Server,
    /// Passed on to pytest
    #[arg(last = true)]
    pytest: Vec<String>,
}

impl Args {
    pub(crate) fn all() -> Self {
        Self { only: Vec::new(), server: Server::Quorate, pytest: Vec::new() }
    }

    fn includes(&self, suite: Suite) -> bool {
        self.only.is_empty() || self.only.contains(&suite)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Operations, watches, sessions and recipes with Python's kazoo
    Kazoo,
    /// ZooKeeper's own Java client and its command line
    Java,
    /// Curator's recipes while nodes are killed
    Curator,
    /// Rust's discovery, caches, counters and queues, and Curator's and kazoo's on the same paths, while nodes are killed
    SharedData,
    /// Rust's recipes, Curator's and kazoo's on the same locks and elections, while nodes are killed
    SharedLocks,
    /// Processes of `quorate rebalance join` while members and nodes are killed
    Rebalancer,
    /// Go's client, also while nodes are killed
    Go,
    /// JavaScript's client, also while nodes are killed
    Node,
    /// Killed nodes under load
    Faults,
    /// Killed and stopped nodes under publishers and consumers of queues
    QueueFaults,
    /// Bytes that are no requests
    Malformed,
    /// Certificates of clients and of nodes
    Tls,
    /// RabbitMQ's Python client
    Pika,
    /// Queues with partitions, while consumers and a node are killed
    Partitions,
    /// From ZooKeeper to Quorate and back with `quorate tree`
    Migration,
    /// Queues with Python's aio-pika, also while nodes are killed
    AioPika,
    /// Tasks of Celery while workers and nodes are killed
    Celery,
    /// Queues with JavaScript's amqplib, also while nodes are killed
    Amqplib,
    /// Queues with RabbitMQ's Java client, also while nodes are killed
    RabbitmqJava,
    /// Queues with Rust's lapin, also while nodes are killed
    Lapin,
}

impl Suite {
    fn files(self) -> &'static [&'static str] {
        match self {
            Suite::Kazoo => &[
                "test_operations.py",
                "test_watches.py",
                "test_sessions.py",
                "test_transactions.py",
                "test_acl.py",
                "test_words.py",
                "test_monitoring.py",
                "test_recipes.py",
                "test_members.py",
                "test_limits.py",
                "test_quotas.py",
                "test_config.py",
                "test_reconfig.py",
                "test_extensions.py",
                "test_backup.py",
            ],
            Suite::Java => &["test_java.py"],
            Suite::Curator => &["test_curator.py"],
            Suite::SharedData => &["test_shared_data.py"],
            Suite::SharedLocks => &["test_shared_recipes.py"],
            Suite::Rebalancer => &["test_rebalancer.py"],
            Suite::Go => &["test_go.py"],
            Suite::Node => &["test_node.py"],
            Suite::Faults => &["test_audit.py", "test_faults.py", "test_recover.py"],
            Suite::QueueFaults => &["test_queue_audit.py", "test_queue_faults.py", "test_queue_placement.py"],
            Suite::Malformed => &["test_malformed.py"],
            Suite::Tls => &["test_tls.py", "test_amqp_tls.py"],
            Suite::Pika => &[
                "test_pika.py",
                "test_queue_endings.py",
                "test_queue_limits.py",
                "test_alarms.py",
                "test_publishing_again.py",
            ],
            Suite::Partitions => &["test_partitions.py"],
            Suite::Migration => &["test_migration.py"],
            Suite::AioPika => &["test_aio_pika.py", "test_deliveries.py"],
            Suite::Celery => &["test_celery.py"],
            Suite::Amqplib => &["test_amqplib.py"],
            Suite::RabbitmqJava => &["test_rabbitmq_java.py"],
            Suite::Lapin => &["test_lapin.py"],
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    Quorate,
    Zookeeper,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let python = builds::python()?;
    let mut pytest = program(python);
    pytest.current_dir(root().join("interop")).env("PYTHONDONTWRITEBYTECODE", "1").args(["-m", "pytest"]);
    pytest.arg("--rootdir=.").arg(format!("--java={}", java()?.display()));
    if args.includes(Suite::Go) {
        pytest.arg(format!("--go={}", builds::go()?.display()));
    }
    if args.includes(Suite::SharedData) {
        pytest.arg(format!("--data-driver={}", builds::data_driver()?.display()));
    }
    if args.includes(Suite::SharedLocks) {
        pytest.arg(format!("--contender={}", builds::contender()?.display()));
    }
    if args.includes(Suite::Node) || args.includes(Suite::Amqplib) {
        pytest.arg(format!("--node={}", builds::node()?.display()));
    }
    if args.includes(Suite::Lapin) {
        pytest.arg(format!("--lapin={}", builds::lapin()?.display()));
    }
    // The rebalancer's members are processes of ours, whatever serves them.
    if args.server == Server::Quorate || args.includes(Suite::Rebalancer) {
        pytest.arg(format!("--binary={}", quorate_binary()?.display()));
    }
    if args.server == Server::Zookeeper {
        pytest.arg("--server=zookeeper");
    }
    pytest.args(args.only.iter().flat_map(|suite| suite.files()).map(|file| format!("tests/{file}")));
    pytest.args(&args.pytest);
    step("third-party clients", &mut pytest)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_test_belongs_to_a_suite() {
        let folder = std::fs::read_dir(root().join("interop/tests")).expect("the tests are there");
        let names = folder.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let found: BTreeSet<String> =
            names.filter(|name| name.starts_with("test_") && name.ends_with(".py")).collect();
        let suites = Suite::value_variants().iter().flat_map(|suite| suite.files());
        assert_eq!(found, suites.map(|file| (*file).to_owned()).collect());
    }
}
