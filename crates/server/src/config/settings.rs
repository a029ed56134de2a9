//! Settings as people write them: all optional, all text.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What a file, the environment or flags may set. Each key is also a flag of the same name and a variable
/// `QUORATE_...`; flags win over variables, variables over the file.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileSettings {
    /// Where everything is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// This node's number, 1 to 127.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<u64>,
    /// Peer addresses of the voters that found the cluster, `1=HOST:PORT,2=HOST:PORT,...`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// `voter` or `observer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Peer address of a member of the cluster to join.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub join: Option<String>,
    /// Listener for peers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// PEM file with this node's certificate for other nodes, and those that lead from it to an authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_tls_cert: Option<PathBuf>,
    /// PEM file with its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_tls_key: Option<PathBuf>,
    /// PEM file with the authorities that all nodes' certificates come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_tls_ca: Option<PathBuf>,
    /// Listener for ZooKeeper clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper: Option<String>,
    /// Whether ZooKeeper clients may change the members with `reconfig`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconfig: Option<bool>,
    /// What reads of ZooKeeper clients promise: `local` or `linearizable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<String>,
    /// Listener for ZooKeeper clients whose reads are linearizable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper_linearizable: Option<String>,
    /// Four-letter words that are answered, with commas between them, or `*` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub four_letter_words: Option<String>,
    /// Listener for ZooKeeper clients over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zookeeper_tls: Option<String>,
    /// PEM file with the certificate that clients are shown, and those that lead from it to an authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// PEM file with the authorities that clients' certificates come from; absent: clients are asked for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_ca: Option<PathBuf>,
    /// `need` or `want`: whether clients without a certificate are turned away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth: Option<String>,
    /// Clients' connections, of all; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_max: Option<usize>,
    /// Clients' connections from one address; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections_per_address_max: Option<usize>,
    /// Bytes of memory that the tree may take; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree_bytes_max: Option<u64>,
    /// Bytes of memory that the watches of this node's clients may take; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch_bytes_max: Option<u64>,
    /// Bytes of memory that what queues keep there may take; 0: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_bytes_max: Option<u64>,
    /// Bytes that must be free where the data are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free_min: Option<u64>,
    /// Bytes of the largest request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes_max: Option<usize>,
    /// Whether hard limits of quotas bind the writes of this node's clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforce_quotas: Option<bool>,
    /// `USER:HASH` of the superuser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub super_digest: Option<String>,
    /// Listener for AMQP 0-9-1 clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqp: Option<String>,
    /// Listener for AMQP 0-9-1 clients over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqp_tls: Option<String>,
    /// Which users clients' certificates are for: `distinguished_name` or `common_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amqp_cert_login_from: Option<String>,
    /// How many shards a cluster gets that has none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// How many nodes vote in each shard of a cluster that has none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<u32>,
    /// How long a client of queues may keep a message, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer_timeout_ms: Option<u64>,
    /// Listener for Kafka clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<String>,
    /// Listener for Disque clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disque: Option<String>,
    /// Admin HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<String>,
    /// `auto`, `shared` or `separate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<String>,
    /// `always` or `interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsync: Option<String>,
    /// Least severe level that is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,consensus=debug`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// The keys that the environment may set.
const KEYS: [&str; 40] = [
    "data-dir",
    "node-id",
    "cluster",
    "role",
    "join",
    "peer",
    "peer-tls-cert",
    "peer-tls-key",
    "peer-tls-ca",
    "zookeeper",
    "reconfig",
    "reads",
    "zookeeper-linearizable",
    "four-letter-words",
    "zookeeper-tls",
    "tls-cert",
    "tls-key",
    "tls-client-ca",
    "tls-client-auth",
    "connections-max",
    "connections-per-address-max",
    "tree-bytes-max",
    "watch-bytes-max",
    "queue-bytes-max",
    "disk-free-min",
    "request-bytes-max",
    "enforce-quotas",
    "super-digest",
    "amqp",
    "amqp-tls",
    "amqp-cert-login-from",
    "shards",
    "replication-factor",
    "consumer-timeout-ms",
    "kafka",
    "disque",
    "admin",
    "threads",
    "fsync",
    "log",
];

impl FileSettings {
    /// Reads `file`, if any, then the environment, then `flags`; what comes later wins.
    pub fn load(file: Option<&Path>, flags: &FileSettings) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::Read(format!(
                    "config = {:?}: no such file; give the path of a TOML file",
                    file.display().to_string()
                )));
            }
            figment = figment.merge(Toml::file(file));
        }
        let variables = Env::prefixed("QUORATE_").map(|key| key.as_str().replace('_', "-").into());
        figment
            .merge(variables.filter(|key| KEYS.iter().any(|known| key == *known)))
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(|error| ConfigError::Read(format!("configuration: {error}")))
    }
}
