//! A cluster of whole nodes, one of which runs an older version for a while.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test of real nodes over real sockets")]

use std::net::TcpListener;
use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, ErrorKind, Options};
use runtime::Runtime;
use server::{Config, FileSettings, Node};
use tokio::time::{Instant, sleep};

const SOON: Duration = Duration::from_secs(20);

struct Cluster {
    folder: tempfile::TempDir,
    peers: Vec<String>,
    clients: Vec<String>,
}

fn free_addresses(count: usize) -> Vec<String> {
    // All at once, so that they differ.
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
}

impl Cluster {
    fn of(nodes: usize) -> Self {
        let mut peers = free_addresses(2 * nodes);
        let clients = peers.split_off(nodes);
        Self { folder: tempfile::tempdir().unwrap(), peers, clients }
    }

    async fn start(&self, node: usize, level: u32) -> Node {
        let members = self.peers.iter().zip(1..).map(|(address, node)| format!("{node}={address}"));
        let settings = FileSettings {
            data_dir: Some(self.folder.path().join(node.to_string())),
            node_id: Some(node as u64),
            cluster: Some(members.collect::<Vec<_>>().join(",")),
            zookeeper: Some(self.clients[node - 1].clone()),
            amqp: Some("off".into()),
            admin: Some("off".into()),
            ..FileSettings::default()
        };
        let config = Config { level, ..Config::from_settings(settings).unwrap() };
        Node::start(Runtime::system(), config).await.unwrap()
    }

    async fn client(&self, node: usize) -> Client {
        Client::connect(&Runtime::system(), &self.clients[node - 1], Options::default()).await.unwrap()
    }
}

async fn within(limit: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {limit:?}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_is_refused_while_an_older_node_is_there_and_works_when_it_is_upgraded() {
    let cluster = Cluster::of(3);
    let newest = tree::LEVEL_MAX;
    let mut nodes = Vec::new();
    for (node, level) in [(1, newest), (2, newest), (3, 1)] {
        nodes.push(cluster.start(node, level).await);
    }
    let client = cluster.client(1).await;
    for path in ["/a", "/a/b"] {
        client.create(path, None, &Acl::open(), CreateMode::Persistent).await.unwrap();
    }
    let refused = client.delete_recursive("/a", AnyVersion).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unsupported);
    assert!(client.exists("/a/b").await.unwrap().is_some());

    nodes.pop().unwrap().stop().await;
    assert_eq!(nodes[0].group().level(), 1, "an older node may come back");
    nodes.push(cluster.start(3, newest).await);
    within(SOON, || nodes.iter().all(|node| node.group().level() == newest)).await;
    assert_eq!(client.delete_recursive("/a", AnyVersion).await.unwrap(), 2);
    let digest = |node: &Node| node.control().digest();
    within(SOON, || nodes.iter().all(|node| digest(node) == digest(&nodes[0]))).await;
    for node in nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_client_of_a_new_cluster_finds_all_that_it_can_do() {
    let cluster = Cluster::of(1);
    let node = cluster.start(1, tree::LEVEL_MAX).await;
    let client = cluster.client(1).await;
    assert!(client.ensure("/a", None, &Acl::open(), client::Parents::Expect).await.unwrap().created);
    node.stop().await;
}
