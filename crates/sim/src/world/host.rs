//! The machines of a simulated world.

use std::fmt;

/// A simulated machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Host {
    /// The machine of a node, by the node's number.
    Node(u64),
    /// A machine that clients run on.
    Client(u64),
}

/// The port of a node's listener for peers.
pub const PEER_PORT: u16 = 7400;
/// The port of a node's listener for clients of queues.
pub const AMQP_PORT: u16 = 5672;
/// The port of a node's listener for ZooKeeper clients.
pub const ZOOKEEPER_PORT: u16 = 2181;

impl Host {
    /// The machine called `name`.
    pub fn named(name: &str) -> Option<Self> {
        let (kind, number) = name.split_once('-')?;
        let number = number.parse().ok()?;
        match kind {
            "node" => Some(Host::Node(number)),
            "client" => Some(Host::Client(number)),
            _ => None,
        }
    }
}

/// The name that the world's name service knows.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Node(number) => write!(f, "node-{number}"),
            Host::Client(number) => write!(f, "client-{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hosts_agree() {
        for host in [Host::Node(3), Host::Client(12)] {
            assert_eq!(Host::named(&host.to_string()), Some(host));
        }
        assert_eq!(Host::named("nowhere"), None);
    }
}
