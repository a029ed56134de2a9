//! Who belongs to the cluster, as clients see it in `/zookeeper/config`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::text::Text;
use crate::zxid::Zxid;

/// Where clients look it up.
pub(crate) const CONFIG: &str = "/zookeeper/config";

/// The highest number of a node; bounds how many addresses are kept.
const NODE_MAX: u64 = 254;
/// The longest address: a host name of 255 bytes, brackets, a port.
const ADDRESS_BYTES_MAX: usize = 263;

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnsembleMember {
    /// Its number, from 1.
    pub node: u64,
    /// Where other nodes reach it, `HOST:PORT`.
    pub address: Text,
    /// Whether it votes; otherwise it observes.
    pub is_voter: bool,
}

/// The members, and where clients reach them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ensemble {
    pub(crate) members: BTreeMap<u64, EnsembleMember>,
    /// Also of nodes that are about to become members.
    pub(crate) client_addresses: BTreeMap<u64, Text>,
    /// The transaction that changed what clients see last.
    pub(crate) version: Zxid,
}

impl Ensemble {
    /// Makes these the members; where clients reach those who left is forgotten. Whether anything changed.
    pub(crate) fn set_members(&mut self, members: &[EnsembleMember]) -> bool {
        let members: BTreeMap<_, _> = members.iter().map(|member| (member.node, member.copied())).collect();
        if members == self.members {
            return false;
        }
        for gone in self.members.keys().filter(|node| !members.contains_key(node)) {
            self.client_addresses.remove(gone);
        }
        self.members = members;
        true
    }

    /// Notes where clients reach a node; `None` if nowhere. Whether clients see a change.
    pub(crate) fn set_client_address(&mut self, node: u64, address: Option<&Text>) -> bool {
        let is_sound = |address: &&Text| {
            address.len() <= ADDRESS_BYTES_MAX
                && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
        };
        let address = address.filter(is_sound).filter(|_| (1..=NODE_MAX).contains(&node));
        let before = match address {
            Some(address) => self.client_addresses.insert(node, Text::from(address.as_str())),
            None => self.client_addresses.remove(&node),
        };
        before.as_ref() != address && self.members.contains_key(&node)
    }

    /// As ZooKeeper writes it. There is no port for elections: they are held where peers talk. It reads 0, because
    /// ZooKeeper's clients take no two ports of a server that are equal.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for EnsembleMember { node, address, is_voter } in self.members.values() {
            let role = if *is_voter { "participant" } else { "observer" };
            write!(text, "server.{node}={address}:0:{role}").expect("a String grows as needed");
            if let Some(address) = self.client_addresses.get(node) {
                write!(text, ";{address}").expect("a String grows as needed");
            }
            text.push('\n');
        }
        write!(text, "version={:x}", self.version.0).expect("a String grows as needed");
        text
    }
}

impl EnsembleMember {
    /// With an address of its own, so that it does not keep a log entry alive.
    fn copied(&self) -> Self {
        Self { address: Text::from(self.address.as_str()), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: u64, is_voter: bool) -> EnsembleMember {
        EnsembleMember { node, address: format!("host-{node}:7400").into(), is_voter }
    }

    #[test]
    fn the_text_is_that_of_zookeeper() {
        let mut ensemble = Ensemble { version: Zxid(0x1_0000_000a), ..Ensemble::default() };
        assert!(ensemble.set_members(&[member(2, false), member(1, true)]));
        assert!(ensemble.set_client_address(1, Some(&"host-1:2181".into())));
        assert_eq!(
            ensemble.text(),
            "server.1=host-1:7400:0:participant;host-1:2181\n\
             server.2=host-2:7400:0:observer\n\
             version=10000000a"
        );
    }

    #[test]
    fn an_address_may_come_before_its_member_and_goes_with_it() {
        let mut ensemble = Ensemble::default();
        ensemble.set_members(&[member(1, true)]);
        assert!(!ensemble.set_client_address(2, Some(&"host-2:2181".into())), "nobody sees it yet");
        ensemble.set_members(&[member(1, true), member(3, true)]);
        ensemble.set_members(&[member(1, true), member(2, true)]);
        assert!(ensemble.text().contains(";host-2:2181"));
        ensemble.set_members(&[member(1, true)]);
        assert!(ensemble.client_addresses.is_empty());
    }

    #[test]
    fn what_is_no_address_is_none() {
        let mut ensemble = Ensemble::default();
        ensemble.set_members(&[member(1, true)]);
        for bad in ["a b:1", "a:1\nversion=7", "a:1;b:2", &"x".repeat(ADDRESS_BYTES_MAX + 1)] {
            assert!(!ensemble.set_client_address(1, Some(&bad.into())), "{bad:?}");
        }
        assert!(!ensemble.set_client_address(NODE_MAX + 1, Some(&"a:1".into())));
        assert!(ensemble.client_addresses.is_empty());
        assert!(ensemble.set_client_address(1, Some(&"a:1".into())));
        assert!(!ensemble.set_client_address(1, Some(&"a:1".into())), "known already");
        assert!(ensemble.set_client_address(1, None));
    }
}
