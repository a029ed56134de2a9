//! What a node is started with: from file, environment and flags to values that are checked once.

mod limits;
mod settings;
#[cfg(test)]
mod tests;
mod threads;
mod tls_files;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use consensus::{Join, Member, NodeId};
pub use limits::{AlarmLimits, ConnectionLimits};
pub use settings::FileSettings;
pub use threads::Threads;

/// Where a listener listens, or that it is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `HOST:PORT`.
    On(String),
    /// `off`.
    Off,
}

impl Listen {
    /// The address, unless it is off.
    pub fn address(&self) -> Option<&str> {
        match self {
            Listen::On(address) => Some(address),
            Listen::Off => None,
        }
    }
}

/// A node's configuration, known to make sense.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// How work is dealt out to threads; `None`: as fits the machine.
    pub threads: Option<Threads>,
    /// This node's number.
    pub node: NodeId,
    /// The voters that found the cluster, this node among them; itself alone for a single node; nobody for one that joins.
    pub founders: Vec<Member>,
    /// True if the founders were named; a single node that was never told about others belongs to a cluster of its own.
    pub clustered: bool,
    /// The cluster that this node joins.
    pub join: Option<Join>,
    /// Listener for peers.
    pub peer: Listen,
    /// What this node and others show each other; absent: they talk in the clear.
    pub peer_tls: Option<tls::PeerFiles>,
    /// Listener for ZooKeeper clients.
    pub zookeeper: Listen,
    /// Whether clients that may write `/zookeeper/config` may change the members. Default false, as ZooKeeper's
    /// `reconfigEnabled`.
    pub reconfig: bool,
    /// What reads promise on the listeners for ZooKeeper clients. Default local, as ZooKeeper's.
    pub reads: zookeeper::Reads,
    /// Listener for ZooKeeper clients whose reads are linearizable.
    pub zookeeper_linearizable: Listen,
    /// Four-letter words that are answered on all of them. Default all, as ZooKeeper's `4lw.commands.whitelist=*`.
    pub words: Vec<zookeeper::Word>,
    /// Listener for ZooKeeper clients over TLS.
    pub zookeeper_tls: Listen,
    /// What listeners over TLS show clients, and ask of them. Present if there is one.
    pub tls: Option<tls::ServerFiles>,
    /// Clients' connections that there may be.
    pub connections: ConnectionLimits,
    /// How much memory what clients put into this node may take: the tree and the watches. Default none here; a process gets
    /// its own from [`FileSettings::with_memory`].
    pub memory: control::MemoryLimits,
    /// What this node must have for those who publish to go on.
    pub alarms: AlarmLimits,
    /// The largest request of a ZooKeeper client, in bytes, 1 KiB to 32 MiB. Default 1 MiB less a byte, as ZooKeeper's
    /// `jute.maxbuffer`. Should be the same on all nodes.
    pub request_bytes_max: usize,
    /// Whether hard limits of quotas bind the writes of this node's clients. Default false, as ZooKeeper's `enforceQuota`.
    pub enforce_quotas: bool,
    /// `user:base64(sha1(user:password))` of the user who passes every check of this node's clients. None by default, as with
    /// ZooKeeper's `superDigest`.
    pub super_digest: Option<String>,
    /// Listener for AMQP 0-9-1 clients.
    pub amqp: Listen,
    /// Listener for AMQP 0-9-1 clients over TLS.
    pub amqp_tls: Listen,
    /// Which users clients' certificates are for. Default the whole subject, as RabbitMQ's `ssl_cert_login_from`.
    pub amqp_certificate_name: amqp::CertificateName,
    /// How many shards a cluster gets that has none yet, once one of its nodes serves messages. 1 to 256. Default 4.
    pub shards: u32,
    /// How many nodes vote in each shard of a cluster that gets its first, 1 to 9. Default 3. The others follow it.
    pub replication_factor: u32,
    /// How long a client of queues may keep a message before it settles it, where neither queue nor consumer says otherwise. Zero is for
    /// ever. Default 30 minutes.
    pub consumer_timeout: Duration,
    /// Admin HTTP.
    pub admin: Listen,
    /// Up to which level this node can apply commands. All that this version knows; tests have it know less, as an older one.
    pub level: u32,
    /// Listeners that were asked for and whose protocol does not exist yet, as `key=value`.
    pub unavailable: Vec<String>,
    /// Sizes that nobody should have to set.
    pub sizes: Sizes,
}

/// Sizes that have good defaults and no key; tests make them small, so that what happens rarely happens often.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Of the journal.
    pub journal: journal::Config,
    /// A snapshot is taken after so many bytes of entries. Default 64 MiB.
    pub snapshot_log_bytes: u64,
    /// Entries that are kept behind a snapshot. Default 512.
    pub log_entries_kept: u64,
    /// A shard's snapshot is taken after so many bytes of entries: as many lie in memory until then, and as many are read again
    /// when a node starts. Default 32 MiB.
    pub shard_log_bytes: u64,
    /// How a shard keeps the frames that outlive a snapshot. Whose they are, each shard says itself. By default the defaults, with
    /// 4 MiB of blocks in memory.
    pub frames: segments::Config,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            journal: journal::Config::default(),
            snapshot_log_bytes: 64 << 20,
            log_entries_kept: 512,
            shard_log_bytes: 32 << 20,
            frames: segments::Config { cache_bytes: 4 << 20, ..segments::Config::default() },
        }
    }
}

/// A value that can't be used. The message names the key, the value, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value is malformed or out of range.
    #[error("{key} = {value:?}: {problem}; {fix}")]
    Value {
        /// The key, as in the file; the flag is `--key`.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        fix: String,
    },
    /// The file, the environment or a type in them.
    #[error("{0}")]
    Read(String),
}

fn wrong(
    key: &'static str,
    value: impl Into<String>,
    problem: impl Into<String>,
    fix: impl Into<String>,
) -> ConfigError {
    ConfigError::Value { key, value: value.into(), problem: problem.into(), fix: fix.into() }
}

const NODE_ID_MAX: u64 = 127;
/// The highest level of commands that this version can apply, on both planes: see `consensus::Level`.
const LEVEL_MAX: u32 =
    if tree::LEVEL_MAX > streams::LEVEL_MAX { tree::LEVEL_MAX } else { streams::LEVEL_MAX };
const DEFAULT_PEER: &str = "127.0.0.1:7400";
const DEFAULT_ZOOKEEPER: &str = "127.0.0.1:2181";
const DEFAULT_AMQP: &str = "127.0.0.1:5672";
const DEFAULT_ADMIN: &str = "127.0.0.1:7070";
/// RabbitMQ's default.
const CONSUMER_TIMEOUT_MS: u64 = 30 * 60 * 1000;

impl Config {
    /// This node as the others know it.
    pub(crate) fn own_member(&self) -> &Member {
        let founder = self.founders.iter().find(|member| member.node == self.node);
        let own = self.join.as_ref().map(|join| &join.member).or(founder);
        own.expect("a node founds a cluster, alone or with others, or joins one")
    }

    /// The host at which clients reach this node: that of its listener or, if it listens everywhere, the one where other nodes
    /// reach it. `None` if there is no such listener.
    pub(crate) fn client_host(&self) -> Option<&str> {
        let (host, _port) = self.zookeeper.address()?.rsplit_once(':')?;
        if !matches!(host, "0.0.0.0" | "[::]") {
            return Some(host);
        }
        self.own_member().address.rsplit_once(':').map(|(host, _port)| host)
    }

    /// Checks settings and fills in the defaults.
    pub fn from_settings(settings: FileSettings) -> Result<Self, ConfigError> {
        let node = settings.node_id.unwrap_or(1);
        if !(1..=NODE_ID_MAX).contains(&node) {
            return Err(wrong(
                "node-id",
                node.to_string(),
                "out of range",
                format!("give 1 to {NODE_ID_MAX}"),
            ));
        }
        reject_unbuilt(&settings)?;
        let connections = ConnectionLimits::of(&settings);
        let memory = limits::memory(&settings);
        let alarms = AlarmLimits::of(&settings);
        let request_bytes_max = limits::request_bytes_max(&settings)?;
        let super_digest = settings.super_digest.clone().map(parse_digest).transpose()?;
        let peer_tls = tls_files::peers(&settings)?;
        let tls = tls_files::server(&settings)?;
        let zookeeper_tls = parse_listen("zookeeper-tls", settings.zookeeper_tls.clone(), "off")?;
        tls_files::check_listener("zookeeper-tls", &zookeeper_tls, tls.as_ref())?;
        let amqp_tls = parse_listen("amqp-tls", settings.amqp_tls.clone(), "off")?;
        tls_files::check_listener("amqp-tls", &amqp_tls, tls.as_ref())?;
        let named = settings.cluster.as_deref().map(parse_cluster).transpose()?;
        let own_address =
            named.iter().flatten().find(|(id, _)| *id == node).map(|(_, address)| address.clone());
        if let Some(cluster) = &settings.cluster
            && own_address.is_none()
        {
            return Err(wrong(
                "cluster",
                cluster,
                format!("node {node} is not in it"),
                "add it, or set node-id to one of those named",
            ));
        }
        let joins = settings.join.is_some();
        let peer_is_given = settings.peer.is_some();
        let default_peer = own_address.unwrap_or_else(|| DEFAULT_PEER.into());
        let peer = parse_listen("peer", settings.peer, &default_peer)?;
        if (named.is_some() || joins) && peer == Listen::Off {
            return Err(wrong(
                "peer",
                "off",
                "a node of a cluster must be reached by the others",
                "give HOST:PORT",
            ));
        }
        let voter = parse_role(settings.role.as_deref(), joins)?;
        let own =
            Member { node: NodeId(node), address: peer.address().unwrap_or(&default_peer).to_owned(), voter };
        let join = settings.join.map(|contact| parse_join(contact, named.is_some(), peer_is_given, &own));
        let join = join.transpose()?;
        let member = |(id, address)| Member { node: NodeId(id), address, voter: true };
        let founders = match named {
            Some(named) => named.into_iter().map(member).collect(),
            None if joins => Vec::new(),
            None => vec![own],
        };
        Ok(Self {
            data_dir: settings.data_dir.unwrap_or_else(|| "./quorate-data".into()),
            threads: Threads::parse(settings.threads)?,
            node: NodeId(node),
            founders,
            clustered: settings.cluster.is_some(),
            join,
            peer,
            peer_tls,
            zookeeper: parse_listen("zookeeper", settings.zookeeper, DEFAULT_ZOOKEEPER)?,
            reconfig: settings.reconfig.unwrap_or(false),
            reads: parse_reads(settings.reads)?,
            zookeeper_linearizable: parse_listen(
                "zookeeper-linearizable",
                settings.zookeeper_linearizable,
                "off",
            )?,
            words: parse_words(settings.four_letter_words)?,
            zookeeper_tls,
            tls,
            connections,
            memory,
            alarms,
            request_bytes_max,
            enforce_quotas: settings.enforce_quotas.unwrap_or(false),
            super_digest,
            amqp: parse_listen("amqp", settings.amqp, DEFAULT_AMQP)?,
            amqp_tls,
            amqp_certificate_name: tls_files::certificate_name(settings.amqp_cert_login_from)?,
            shards: limits::shards(settings.shards)?,
            replication_factor: limits::replication_factor(settings.replication_factor)?,
            consumer_timeout: Duration::from_millis(
                settings.consumer_timeout_ms.unwrap_or(CONSUMER_TIMEOUT_MS),
            ),
            admin: parse_listen("admin", settings.admin, DEFAULT_ADMIN)?,
            level: LEVEL_MAX,
            unavailable: unavailable([("kafka", settings.kafka), ("disque", settings.disque)])?,
            sizes: Sizes::default(),
        })
    }
}

/// What the command line promises and this version does not do yet is refused, never ignored.
fn reject_unbuilt(settings: &FileSettings) -> Result<(), ConfigError> {
    match settings.fsync.as_deref() {
        None | Some("always") => {}
        Some("interval") => {
            return Err(wrong("fsync", "interval", "not available in this version", "use always"));
        }
        Some(other) => return Err(wrong("fsync", other, "unknown", "give always or interval")),
    }
    Ok(())
}

fn parse_reads(name: Option<String>) -> Result<zookeeper::Reads, ConfigError> {
    let Some(name) = name else { return Ok(zookeeper::Reads::default()) };
    let reads = zookeeper::Reads::parse(&name);
    reads.ok_or_else(|| wrong("reads", name, "unknown", "give local or linearizable"))
}

fn parse_words(words: Option<String>) -> Result<Vec<zookeeper::Word>, ConfigError> {
    let Some(words) = words.filter(|words| words.trim() != "*") else {
        return Ok(zookeeper::Word::ALL.to_vec());
    };
    let named = words.split(',').map(str::trim).filter(|word| !word.is_empty());
    let parsed: Result<_, zookeeper::UnknownWord> = named.map(str::parse).collect();
    parsed.map_err(|error| {
        wrong("four-letter-words", &words, error.to_string(), "give words with commas between them, or *")
    })
}

/// A SHA-1 takes 28 characters of base64, the last of them padding.
fn parse_digest(text: String) -> Result<String, ConfigError> {
    let is_hash = |hash: &str| hash.len() == 28 && hash.ends_with('=');
    match text.split_once(':') {
        Some((user, hash)) if !user.is_empty() && is_hash(hash) => Ok(text),
        _ => Err(wrong(
            "super-digest",
            text,
            "not a user and a hash",
            "give USER:HASH, where HASH is the base64 of the SHA-1 of USER:PASSWORD",
        )),
    }
}

/// Whether the node is to vote.
fn parse_role(role: Option<&str>, joins: bool) -> Result<bool, ConfigError> {
    match role {
        None | Some("voter") => Ok(true),
        Some("observer") if joins => Ok(false),
        Some("observer") => Err(wrong(
            "role",
            "observer",
            "an observer joins a cluster that others have founded",
            "give join = HOST:PORT, the peer address of any member",
        )),
        Some(other) => Err(wrong("role", other, "unknown", "give voter or observer")),
    }
}

fn parse_join(
    contact: String,
    has_cluster: bool,
    peer_is_given: bool,
    own: &Member,
) -> Result<Join, ConfigError> {
    check_address("join", &contact, &contact)?;
    if has_cluster {
        return Err(wrong(
            "join",
            contact,
            "cluster is for the nodes that found it",
            "leave cluster out: a node that joins learns the members from the one it asks",
        ));
    }
    if !peer_is_given {
        return Err(wrong(
            "join",
            contact,
            "peer is not set, and the others must know where this node is reached",
            "give peer = HOST:PORT",
        ));
    }
    if contact == own.address {
        return Err(wrong("join", contact, "that is this node itself", "give the peer address of a member"));
    }
    Ok(Join { contact, member: own.clone() })
}

fn unavailable(listeners: [(&'static str, Option<String>); 2]) -> Result<Vec<String>, ConfigError> {
    let mut found = Vec::new();
    for (key, value) in listeners {
        let Some(value) = value else { continue };
        if let Listen::On(address) = parse_listen(key, Some(value), "off")? {
            found.push(format!("{key}={address}"));
        }
    }
    Ok(found)
}

fn parse_listen(key: &'static str, value: Option<String>, default: &str) -> Result<Listen, ConfigError> {
    let value = value.unwrap_or_else(|| default.into());
    if value == "off" {
        return Ok(Listen::Off);
    }
    check_address(key, &value, &value)?;
    Ok(Listen::On(value))
}

fn check_address(key: &'static str, value: &str, address: &str) -> Result<(), ConfigError> {
    let well_formed = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
    });
    if well_formed {
        return Ok(());
    }
    Err(wrong(key, value, format!("{address:?} is no address"), "give HOST:PORT, such as 127.0.0.1:7400"))
}

fn parse_cluster(cluster: &str) -> Result<Vec<(u64, String)>, ConfigError> {
    const FIX: &str = "give 1=HOST:PORT,2=HOST:PORT,...";
    let mut members = Vec::new();
    let mut seen = BTreeSet::new();
    for part in cluster.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (id, address) = part
            .split_once('=')
            .ok_or_else(|| wrong("cluster", cluster, format!("{part:?} has no '='"), FIX))?;
        let id: u64 =
            id.trim().parse().ok().filter(|id| (1..=NODE_ID_MAX).contains(id)).ok_or_else(|| {
                wrong("cluster", cluster, format!("{id:?} is no node id from 1 to {NODE_ID_MAX}"), FIX)
            })?;
        let address = address.trim();
        check_address("cluster", cluster, address)?;
        if !seen.insert(id) {
            return Err(wrong("cluster", cluster, format!("node {id} is there twice"), FIX));
        }
        if members.iter().any(|(_, known)| known == address) {
            return Err(wrong("cluster", cluster, format!("{address} is there twice"), FIX));
        }
        members.push((id, address.to_owned()));
    }
    if members.is_empty() {
        return Err(wrong("cluster", cluster, "it names no node", FIX));
    }
    Ok(members)
}
