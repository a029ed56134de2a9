//! `quorate serve`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use runtime::{Runtime, SystemClock, SystemDisk, SystemEntropy, SystemNetwork, TokioPools};
use server::{Config, FileSettings, Node};
use tracing::{error, info, warn};

use crate::failure::Failure;
use crate::signals;
use crate::threads::NodeThreads;

/// Flags of `quorate serve`. Each is also a key of the same name in the TOML file and a variable `QUORATE_...`;
/// flags win over variables, variables over the file.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// TOML file with the settings below.
    #[arg(long, env = "QUORATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything is kept [default: ./quorate-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// This node's number, 1 to 127; never given to another node of the cluster [default: 1].
    #[arg(long, value_name = "N")]
    node_id: Option<u64>,
    /// Peer addresses of the voters that found the cluster, the same on each; absent: a single node.
    #[arg(long, value_name = "1=HOST:PORT,2=HOST:PORT,...")]
    cluster: Option<String>,
    /// Whether this node votes.
    #[arg(long, value_name = "voter|observer")]
    role: Option<String>,
    /// Peer address of a member of the cluster that this new node joins.
    #[arg(long, value_name = "HOST:PORT")]
    join: Option<String>,
    /// Listener for other nodes [default: its address in --cluster, else 127.0.0.1:7400]; `off` for none, as below.
    #[arg(long, value_name = "ADDR")]
    peer: Option<String>,
    /// This node's certificate for other nodes and those that lead from it to an authority, in PEM; with the two files
    /// below, nodes talk over TLS and show each other certificates.
    #[arg(long, value_name = "FILE")]
    peer_tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    peer_tls_key: Option<PathBuf>,
    /// The authorities that all nodes' certificates come from, in PEM. Whoever has a certificate of theirs can be a node.
    #[arg(long, value_name = "FILE")]
    peer_tls_ca: Option<PathBuf>,
    /// Listener for ZooKeeper clients [default: 127.0.0.1:2181].
    #[arg(long, value_name = "ADDR")]
    zookeeper: Option<String>,
    /// Let ZooKeeper clients that may write /zookeeper/config, normally the superuser, change the members with reconfig
    /// [default: false].
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    reconfig: Option<bool>,
    /// What reads of ZooKeeper clients promise: local, as ZooKeeper's, a state that was and never an older one than the
    /// client has seen; linearizable, all that was written anywhere before [default: local].
    #[arg(long, value_name = "local|linearizable")]
    reads: Option<String>,
    /// Listener for ZooKeeper clients whose reads are linearizable [default: off].
    #[arg(long, value_name = "ADDR")]
    zookeeper_linearizable: Option<String>,
    /// Four-letter words that are answered, with commas between them [default: *, all].
    #[arg(long, value_name = "WORDS")]
    four_letter_words: Option<String>,
    /// Listener for ZooKeeper clients over TLS [default: off].
    #[arg(long, value_name = "ADDR")]
    zookeeper_tls: Option<String>,
    /// The certificate that clients are shown and those that lead from it to an authority, in PEM.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The authorities that clients' certificates come from, in PEM; absent: clients are asked for none. A certificate is
    /// an identity: x509:SUBJECT in access control lists.
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Whether clients without a certificate are turned away [default: need, where --tls-client-ca is given].
    #[arg(long, value_name = "need|want")]
    tls_client_auth: Option<String>,
    /// How many clients may be connected; 0 for any number [default: 0].
    #[arg(long, value_name = "N")]
    connections_max: Option<usize>,
    /// How many clients may be connected from one address; 0 for any number [default: 60].
    #[arg(long, value_name = "N")]
    connections_per_address_max: Option<usize>,
    /// How much memory the tree may take, in bytes; beyond, writes that add to it are refused with QuotaExceeded, and
    /// everything else goes on; 0 for any amount. Give it to all nodes [default: half of the memory that the machine or the
    /// process' control group has].
    #[arg(long, value_name = "BYTES")]
    tree_bytes_max: Option<u64>,
    /// How much memory the watches of this node's clients may take, in bytes; beyond, requests for more are refused with
    /// QuotaExceeded; 0 for any amount [default: an eighth of the memory].
    #[arg(long, value_name = "BYTES")]
    watch_bytes_max: Option<u64>,
    /// How much memory what queues keep there may take, in bytes; beyond, publishers to any node are held up until it is less; 0 for any
    /// amount [default: a quarter of the memory].
    #[arg(long, value_name = "BYTES")]
    queue_bytes_max: Option<u64>,
    /// How many bytes must be free on the disk; below, publishers to any node are held up, as with RabbitMQ's disk_free_limit [default:
    /// 268435456].
    #[arg(long, value_name = "BYTES")]
    disk_free_min: Option<u64>,
    /// The largest request of a ZooKeeper client, in bytes, as ZooKeeper's jute.maxbuffer; at most 33554432. Give it to all
    /// nodes, and to clients [default: 1048575].
    #[arg(long, value_name = "BYTES")]
    request_bytes_max: Option<usize>,
    /// Refuse writes of this node's clients that go beyond hard limits of quotas; give it to all nodes [default: false].
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    enforce_quotas: Option<bool>,
    /// The superuser, who passes every access check: HASH is the base64 of the SHA-1 of USER:PASSWORD; clients add
    /// the digest USER:PASSWORD. Give it to all nodes.
    #[arg(long, value_name = "USER:HASH")]
    super_digest: Option<String>,
    /// Listener for AMQP 0-9-1 clients [default: 127.0.0.1:5672].
    #[arg(long, value_name = "ADDR")]
    amqp: Option<String>,
    /// Listener for AMQP 0-9-1 clients over TLS, with --tls-cert and what belongs to it [default: off]. Clients with a certificate
    /// may log in by it: mechanism EXTERNAL.
    #[arg(long, value_name = "ADDR")]
    amqp_tls: Option<String>,
    /// What of a certificate is the name of the user that its client is [default: distinguished_name].
    #[arg(long, value_name = "distinguished_name|common_name")]
    amqp_cert_login_from: Option<String>,
    /// How many shards queues are spread over, in a cluster that has none yet: each is replicated by a group of its own, 1 to
    /// 256 [default: 4].
    #[arg(long, value_name = "N")]
    shards: Option<u32>,
    /// How many nodes vote in each shard, in a cluster that has none yet; the others follow it, 1 to 9 [default: 3].
    #[arg(long, value_name = "N")]
    replication_factor: Option<u32>,
    /// Milliseconds that a client of queues may keep a message before it settles it; then its channel is closed. Queues (`x-consumer-timeout`,
    /// policies) and consumers may say otherwise; 0: for ever [default: 1800000].
    #[arg(long, value_name = "MS")]
    consumer_timeout_ms: Option<u64>,
    /// Listener for Kafka clients.
    #[arg(long, value_name = "ADDR")]
    kafka: Option<String>,
    /// Listener for Disque clients.
    #[arg(long, value_name = "ADDR")]
    disque: Option<String>,
    /// Admin HTTP: /healthz /readyz /metrics /status [default: 127.0.0.1:7070].
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Whether consensus has a thread of its own: separate, so that no client delays a heartbeat; shared, one thread for
    /// everything but the disk, which is faster on few processors; auto, shared on up to two [default: auto].
    #[arg(long, value_name = "auto|shared|separate")]
    threads: Option<String>,
    /// When a write counts as on disk.
    #[arg(long, value_name = "always|interval")]
    fsync: Option<String>,
    /// Least severe level that is logged, or a filter such as info,consensus=debug [default: info].
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
}

impl Args {
    fn into_settings(self) -> (Option<PathBuf>, FileSettings) {
        let settings = FileSettings {
            data_dir: self.data_dir,
            node_id: self.node_id,
            cluster: self.cluster,
            role: self.role,
            join: self.join,
            peer: self.peer,
            peer_tls_cert: self.peer_tls_cert,
            peer_tls_key: self.peer_tls_key,
            peer_tls_ca: self.peer_tls_ca,
            zookeeper: self.zookeeper,
            reconfig: self.reconfig,
            reads: self.reads,
            zookeeper_linearizable: self.zookeeper_linearizable,
            four_letter_words: self.four_letter_words,
            zookeeper_tls: self.zookeeper_tls,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            tls_client_ca: self.tls_client_ca,
            tls_client_auth: self.tls_client_auth,
            connections_max: self.connections_max,
            connections_per_address_max: self.connections_per_address_max,
            tree_bytes_max: self.tree_bytes_max,
            watch_bytes_max: self.watch_bytes_max,
            queue_bytes_max: self.queue_bytes_max,
            disk_free_min: self.disk_free_min,
            request_bytes_max: self.request_bytes_max,
            enforce_quotas: self.enforce_quotas,
            super_digest: self.super_digest,
            amqp: self.amqp,
            amqp_tls: self.amqp_tls,
            amqp_cert_login_from: self.amqp_cert_login_from,
            shards: self.shards,
            replication_factor: self.replication_factor,
            consumer_timeout_ms: self.consumer_timeout_ms,
            kafka: self.kafka,
            disque: self.disque,
            admin: self.admin,
            threads: self.threads,
            fsync: self.fsync,
            log: self.log,
        };
        (self.config, settings)
    }
}

/// Runs a node until it is told to stop or can't go on.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let (file, flags) = args.into_settings();
    let settings =
        FileSettings::load(file.as_deref(), &flags).map_err(|error| Failure::Usage(error.to_string()))?;
    crate::logging::start(settings.log.as_deref().unwrap_or("info")).map_err(Failure::Usage)?;
    runtime::panics::abort_on_panic();
    let settings = settings.with_memory(runtime::memory_bytes());
    let config = Config::from_settings(settings).map_err(|error| Failure::Usage(error.to_string()))?;
    info!(
        tree_bytes = config.memory.tree_bytes,
        watch_bytes = config.memory.watch_bytes,
        "memory that clients may fill"
    );
    for listener in &config.unavailable {
        warn!(%listener, "this protocol is not available in this version; nothing listens there");
    }
    let threads = NodeThreads::start(config.threads).context("start the node's threads")?;
    threads.run(|consensus| serve(config, consensus))
}

async fn serve(config: Config, consensus: tokio::runtime::Handle) -> Result<(), Failure> {
    let runtime = Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(SystemDisk),
        clock: SystemClock::clock(),
        entropy: Arc::new(SystemEntropy),
        pools: Arc::new(TokioPools::new(consensus, tokio::runtime::Handle::current())),
    };
    // Its text includes what it comes from.
    let failed = |error: server::StartError| Failure::Running(anyhow::anyhow!("{error}"));
    let node = Node::start(runtime, config).await.map_err(failed)?;
    tokio::select! {
        biased;
        signal = signals::stop() => {
            info!(signal = signal.context("listen for signals")?, "stopping");
            node.stop().await;
            info!("stopped");
            Ok(())
        }
        why = node.failed() => {
            // Nothing may be written any more, so nothing is handed over or flushed.
            error!(%why, "this node can't go on");
            Err(Failure::Running(anyhow::anyhow!("this node can't go on: {why}")))
        }
    }
}
