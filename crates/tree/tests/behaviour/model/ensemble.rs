//! `/zookeeper/config` in the model.

use tree::{EnsembleMember, EventKind, Reply, Text, Zxid};

use super::naive::{Expected, Naive, Triggers};

pub fn member(node: u64, is_voter: bool) -> EnsembleMember {
    EnsembleMember { node, address: format!("node-{node}:7400").into(), is_voter }
}

impl Naive {
    pub fn set_members(&mut self, members: &[EnsembleMember]) -> Expected {
        let before = self.members.clone();
        let triple = |member: &EnsembleMember| (member.node, (member.address.to_string(), member.is_voter));
        self.members = members.iter().map(triple).collect();
        self.client_addresses.retain(|node, _| self.members.contains_key(node) || !before.contains_key(node));
        let mut triggers = Vec::new();
        if before.is_empty() {
            self.show_config(0);
        } else if before != self.members {
            self.change_config(&mut triggers);
        }
        let result = Ok(Reply::EnsembleChanged);
        Expected { zxid: self.zxid, result, triggers, ended_session: None, is_over_quota: false }
    }

    pub fn announce(&mut self, node: u64, address: Option<&Text>, triggers: &mut Triggers) {
        let before = self.client_addresses.remove(&node);
        let address = address.filter(|address| node != 0 && !address.contains(' '));
        if let Some(address) = address {
            self.client_addresses.insert(node, address.to_string());
        }
        if before != self.client_addresses.get(&node).cloned() && self.members.contains_key(&node) {
            self.change_config(triggers);
        }
    }

    fn change_config(&mut self, triggers: &mut Triggers) {
        self.zxid += 1;
        self.show_config(self.zxid);
        let time_ms = self.time_ms;
        let node = self.nodes.get_mut("/zookeeper/config").unwrap();
        (node.stat.mzxid, node.stat.mtime) = (Zxid(self.zxid), time_ms);
        triggers.push((EventKind::NodeDataChanged, "/zookeeper/config".to_owned(), node.acl.clone()));
    }

    fn show_config(&mut self, version: i64) {
        let lines = self.members.iter().map(|(node, (address, is_voter))| {
            let role = if *is_voter { "participant" } else { "observer" };
            let client = self.client_addresses.get(node).map(|address| format!(";{address}"));
            format!("server.{node}={address}:0:{role}{}\n", client.unwrap_or_default())
        });
        let text: String = lines.collect();
        let node = self.nodes.get_mut("/zookeeper/config").unwrap();
        node.data = Some(format!("{text}version={version:x}").into_bytes());
    }
}
