//! What a node is started with: from file, environment and flags to values that are checked once.

mod settings;

use std::collections::BTreeSet;
use std::path::PathBuf;

use consensus::{Join, Member, NodeId};
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
    /// The voters that found the cluster, this node among them; itself alone for a single node; nobody for one that joins.
    pub founders: Vec<Member>,
    /// True if the founders were named; a single node that was never told about others belongs to a cluster of its own.
    pub clustered: bool,
    /// The cluster that this node joins.
    pub join: Option<Join>,
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
            node: NodeId(node),
            founders,
            clustered: settings.cluster.is_some(),
            join,
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
    Ok(())
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
        let cases: [Case; 14] = [
            ("node-id", |s| s.node_id = Some(0)),
            ("node-id", |s| s.node_id = Some(128)),
            ("cluster", |s| s.cluster = Some("1=a:1,1=b:2".into())),
            ("cluster", |s| s.cluster = Some("1=a:1,2=a:1".into())),
            ("cluster", |s| s.cluster = Some("1=a".into())),
            ("cluster", |s| s.cluster = Some("2=a:1".into())),
            ("zookeeper", |s| s.zookeeper = Some("nowhere".into())),
            ("fsync", |s| s.fsync = Some("never".into())),
            ("join", |s| s.join = Some("a:1".into())),
            ("join", |s| (s.join, s.peer) = (Some("a".into()), Some("b:1".into()))),
            ("join", |s| (s.join, s.peer) = (Some("a:1".into()), Some("a:1".into()))),
            ("join", |s| (s.join, s.cluster) = (Some("b:1".into()), Some("1=a:1".into()))),
            ("role", |s| s.role = Some("observer".into())),
            ("role", |s| s.role = Some("leader".into())),
        ];
        for (key, change) in cases {
            let text = settings(change).unwrap_err().to_string();
            assert!(text.starts_with(key), "{text}");
            assert!(text.contains(';'), "no fix in: {text}");
        }
    }

    #[test]
    fn a_node_that_joins_founds_nothing() {
        let config = settings(|s| {
            (s.node_id, s.join, s.peer) = (Some(4), Some("a:7401".into()), Some("d:7404".into()));
            s.role = Some("observer".into());
        });
        let config = config.unwrap();
        assert!(config.founders.is_empty());
        let member = Member { node: NodeId(4), address: "d:7404".into(), voter: false };
        assert_eq!(config.join, Some(Join { contact: "a:7401".into(), member }));
    }

    #[test]
    fn a_single_node_can_be_joined_where_it_listens() {
        let config = settings(|s| s.peer = Some("127.0.0.1:7555".into())).unwrap();
        assert_eq!(config.founders[0].address, "127.0.0.1:7555");
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
