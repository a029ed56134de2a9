//! Where things are in the tree.
//!
//! ```text
//! /quorate                                        the format
//! /quorate/shards                                 how many shards there are
//! /quorate/ids                                    which ids are given away
//! /quorate/nodes/NODE                             ephemeral: a node that is there, and its session
//! /quorate/users/USER                             only the cluster reads below here
//! /quorate/vhosts/VHOST                           what a virtual host is; below it
//!     exchanges/EXCHANGE                          an exchange
//!     exchanges/EXCHANGE/queue,QUEUE,ID,KEY[,..]  a binding of a queue to it; ephemeral if the queue is
//!     exchanges/EXCHANGE/exchange,EXCHANGE,ID,KEY[,..]
//!     queues/QUEUE                                a queue; ephemeral if it is one connection's alone
//!     policies/POLICY
//!     permissions/USER
//!     topics/USER,EXCHANGE                        permissions on routing keys
//! ```
//!
//! A binding stands below its source, so that an exchange that lost its last binding, or has one more than was thought, is known to the
//! transaction that deletes it: a znode with children is not deleted.

use std::fmt;

use crate::name::Name;

/// The format of all records. A record of a higher one was written by a newer version.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const ROOT: &str = "/quorate";
pub(crate) const SHARDS: &str = "/quorate/shards";
pub(crate) const IDS: &str = "/quorate/ids";
pub(crate) const NODES: &str = "/quorate/nodes";
pub(crate) const USERS: &str = "/quorate/users";
pub(crate) const VHOSTS: &str = "/quorate/vhosts";

/// The directories below a virtual host.
pub(crate) const VHOST_DIRECTORIES: [&str; 5] = ["exchanges", "queues", "policies", "permissions", "topics"];

/// A znode of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Root,
    Shards,
    Ids,
    Node(u64),
    User(Name),
    Vhost(Name),
    Exchange(Name, Name),
    /// Virtual host, exchange, name of the binding's znode.
    Binding(Name, Name, String),
    Queue(Name, Name),
    Policy(Name, Name),
    Permission(Name, Name),
    /// Virtual host, user, exchange.
    Topic(Name, Name, Name),
    /// A directory that says nothing itself.
    Directory,
}

impl Place {
    /// What a path stands for; `None` if nothing of ours.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let below = match path.strip_prefix(ROOT)? {
            "" => return Some(Place::Root),
            below => below.strip_prefix('/')?,
        };
        let parts: Vec<&str> = below.split('/').collect();
        Some(match parts[..] {
            ["shards"] => Place::Shards,
            ["ids"] => Place::Ids,
            ["nodes" | "users" | "vhosts"] => Place::Directory,
            ["nodes", node] => Place::Node(node.parse().ok()?),
            ["users", user] => Place::User(Name::decode(user)?),
            ["vhosts", vhost] => Place::Vhost(Name::decode(vhost)?),
            ["vhosts", _, directory] if VHOST_DIRECTORIES.contains(&directory) => Place::Directory,
            ["vhosts", vhost, directory, name] => {
                let vhost = Name::decode(vhost)?;
                match directory {
                    "exchanges" => Place::Exchange(vhost, Name::decode(name)?),
                    "queues" => Place::Queue(vhost, Name::decode(name)?),
                    "policies" => Place::Policy(vhost, Name::decode(name)?),
                    "permissions" => Place::Permission(vhost, Name::decode(name)?),
                    "topics" => {
                        let (user, exchange) = name.split_once(',')?;
                        Place::Topic(vhost, Name::decode(user)?, Name::decode(exchange)?)
                    }
                    _ => return None,
                }
            }
            ["vhosts", vhost, "exchanges", exchange, binding] => {
                Place::Binding(Name::decode(vhost)?, Name::decode(exchange)?, binding.to_owned())
            }
            _ => return None,
        })
    }

    /// The path of its znode.
    pub(crate) fn path(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_vhost = |f: &mut fmt::Formatter<'_>, vhost: &Name, directory: &str, name: &str| {
            write!(f, "{VHOSTS}/{}/{directory}/{name}", vhost.encode())
        };
        match self {
            Place::Root => f.write_str(ROOT),
            Place::Shards => f.write_str(SHARDS),
            Place::Ids => f.write_str(IDS),
            Place::Node(node) => write!(f, "{NODES}/{node}"),
            Place::User(user) => write!(f, "{USERS}/{}", user.encode()),
            Place::Vhost(vhost) => write!(f, "{VHOSTS}/{}", vhost.encode()),
            Place::Exchange(vhost, name) => in_vhost(f, vhost, "exchanges", &name.encode()),
            Place::Binding(vhost, exchange, binding) => {
                in_vhost(f, vhost, "exchanges", &exchange.encode())?;
                write!(f, "/{binding}")
            }
            Place::Queue(vhost, name) => in_vhost(f, vhost, "queues", &name.encode()),
            Place::Policy(vhost, name) => in_vhost(f, vhost, "policies", &name.encode()),
            Place::Permission(vhost, user) => in_vhost(f, vhost, "permissions", &user.encode()),
            Place::Topic(vhost, user, exchange) => {
                in_vhost(f, vhost, "topics", &[&user.encode(), ",", &exchange.encode()].concat())
            }
            Place::Directory => f.write_str("a directory below /quorate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_paths_are_the_same() {
        for path in [
            "/quorate",
            "/quorate/shards",
            "/quorate/ids",
            "/quorate/nodes/7",
            "/quorate/users/guest",
            "/quorate/vhosts/%2F",
            "/quorate/vhosts/%2F/exchanges/amq.topic",
            "/quorate/vhosts/%2F/exchanges/amq.topic/queue,tasks,7,*.error.#",
            "/quorate/vhosts/%2F/queues/a%20b",
            "/quorate/vhosts/%2F/policies/ttl",
            "/quorate/vhosts/%2F/permissions/guest",
            "/quorate/vhosts/%2F/topics/guest,amq.topic",
        ] {
            assert_eq!(Place::of(path).expect(path).path(), path);
        }
        assert_eq!(Place::of("/quorate/vhosts/%2F/queues"), Some(Place::Directory));
        for other in
            ["/", "/quorate2", "/quorate/other", "/quorate/vhosts/a b", "/quorate/vhosts/%2F/other/a"]
        {
            assert_eq!(Place::of(other), None, "{other}");
        }
    }
}
