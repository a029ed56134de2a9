//! What a node is started with: from file, environment and flags to values that are checked once.

mod settings;

use std::collections::BTreeSet;
use std::path::PathBuf;

use consensus::{Member, NodeId};
pub use settings::FileSettings;

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
    /// This node's number.
    pub node: NodeId,
    /// The voters that found the cluster, this node among them; itself alone for a single node.
    pub founders: Vec<Member>,
    /// True if the founders were named; a single node that was never told about others belongs to a cluster of its own.
    pub clustered: bool,
    /// Listener for peers.
    pub peer: Listen,
    /// Listener for ZooKeeper clients.
    pub zookeeper: Listen,
    /// Admin HTTP.
    pub admin: Listen,
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
}

impl Default for Sizes {
    fn default() -> Self {
        Self { journal: journal::Config::default(), snapshot_log_bytes: 64 << 20, log_entries_kept: 512 }
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
const DEFAULT_PEER: &str = "127.0.0.1:7400";
const DEFAULT_ZOOKEEPER: &str = "127.0.0.1:2181";
const DEFAULT_ADMIN: &str = "127.0.0.1:7070";

impl Config {
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
        let default_peer = own_address.unwrap_or_else(|| DEFAULT_PEER.into());
        let peer = parse_listen("peer", settings.peer, &default_peer)?;
        if named.is_some() && peer == Listen::Off {
            return Err(wrong(
                "peer",
                "off",
                "a node of a cluster must be reached by the others",
                "give HOST:PORT",
            ));
        }
        let member = |(id, address)| Member { node: NodeId(id), address, voter: true };
        let founders = named.unwrap_or_else(|| vec![(node, default_peer)]).into_iter().map(member).collect();
        Ok(Self {
            data_dir: settings.data_dir.unwrap_or_else(|| "./quorate-data".into()),
            node: NodeId(node),
            founders,
            clustered: settings.cluster.is_some(),
            peer,
            zookeeper: parse_listen("zookeeper", settings.zookeeper, DEFAULT_ZOOKEEPER)?,
            admin: parse_listen("admin", settings.admin, DEFAULT_ADMIN)?,
            unavailable: unavailable([
                ("amqp", settings.amqp),
                ("kafka", settings.kafka),
                ("disque", settings.disque),
            ])?,
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
    match settings.role.as_deref() {
        None | Some("voter") => {}
        Some("observer") => {
            return Err(wrong("role", "observer", "not available in this version", "use voter"));
        }
        Some(other) => return Err(wrong("role", other, "unknown", "give voter or observer")),
    }
    match &settings.join {
        Some(join) => Err(wrong(
            "join",
            join,
            "not available in this version",
            "name all voters in cluster on every node",
        )),
        None => Ok(()),
    }
}

fn unavailable(listeners: [(&'static str, Option<String>); 3]) -> Result<Vec<String>, ConfigError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut FileSettings)) -> Result<Config, ConfigError> {
        let mut settings = FileSettings::default();
        change(&mut settings);
        Config::from_settings(settings)
    }

    #[test]
    fn defaults_are_a_single_node_on_loopback() {
        let config = settings(|_| {}).unwrap();
        assert_eq!(config.founders.len(), 1);
        for listen in [&config.peer, &config.zookeeper, &config.admin] {
            assert!(listen.address().unwrap().starts_with("127.0.0.1:"));
        }
    }

    #[test]
    fn the_peer_listener_follows_the_cluster() {
        let config = settings(|s| {
            s.node_id = Some(2);
            s.cluster = Some("1=a:7401, 2=b:7402".into());
        });
        let config = config.unwrap();
        assert_eq!(config.peer, Listen::On("b:7402".into()));
        assert_eq!(config.founders.len(), 2);
    }

    #[test]
    fn errors_name_the_key_the_value_and_the_fix() {
        type Case = (&'static str, fn(&mut FileSettings));
        let cases: [Case; 9] = [
            ("node-id", |s| s.node_id = Some(0)),
            ("node-id", |s| s.node_id = Some(128)),
            ("cluster", |s| s.cluster = Some("1=a:1,1=b:2".into())),
            ("cluster", |s| s.cluster = Some("1=a:1,2=a:1".into())),
            ("cluster", |s| s.cluster = Some("1=a".into())),
            ("cluster", |s| s.cluster = Some("2=a:1".into())),
            ("zookeeper", |s| s.zookeeper = Some("nowhere".into())),
            ("fsync", |s| s.fsync = Some("never".into())),
            ("join", |s| s.join = Some("a:1".into())),
        ];
        for (key, change) in cases {
            let text = settings(change).unwrap_err().to_string();
            assert!(text.starts_with(key), "{text}");
            assert!(text.contains(';'), "no fix in: {text}");
        }
    }

    #[test]
    fn listeners_of_protocols_to_come_are_accepted_and_reported() {
        let config = settings(|s| {
            s.amqp = Some("127.0.0.1:5672".into());
            s.kafka = Some("off".into());
        });
        assert_eq!(config.unwrap().unavailable, ["amqp=127.0.0.1:5672"]);
    }
}
