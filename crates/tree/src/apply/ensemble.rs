//! Changes of who belongs to the cluster, and of where clients reach it.

use crate::ensemble::{CONFIG, EnsembleMember};
use crate::outcome::{Outcome, Reply};
use crate::text::Text;
use crate::tree::Tree;
use crate::trigger::{EventKind, Trigger};

impl Tree {
    /// These are the members from now on: `/zookeeper/config` shows them, with a zxid of its own and for its watchers to
    /// see. The founders of a cluster are there from the start, before its first transaction. Without effect if the members
    /// are what they were.
    pub fn set_members(&mut self, members: &[EnsembleMember]) -> Outcome {
        let is_founding = self.ensemble.members.is_empty();
        match self.ensemble.set_members(members) {
            true if is_founding => {
                self.write_config();
                self.outcome(Ok(Reply::EnsembleChanged))
            }
            true => self.change_config(),
            false => self.outcome(Ok(Reply::EnsembleChanged)),
        }
    }

    /// Where clients reach a node. Without effect, and without a zxid, if they see nothing of it.
    pub(super) fn announce(&mut self, node: u64, address: Option<&Text>) -> Outcome {
        if self.ensemble.set_client_address(node, address) {
            self.change_config()
        } else {
            self.outcome(Ok(Reply::EnsembleChanged))
        }
    }

    fn change_config(&mut self) -> Outcome {
        self.zxid = self.zxid.next();
        self.ensemble.version = self.zxid;
        self.write_config();
        let slot = self.store.lookup(CONFIG).expect("system nodes are never deleted");
        let node = self.store.node_mut(slot);
        // The version stays what it was: ZooKeeper writes -1 each time.
        (node.modified, node.modified_ms) = (self.zxid, self.time_ms);
        let acl = self.store.acl(slot).clone();
        let trigger = Trigger { kind: EventKind::NodeDataChanged, path: Text::from_static(CONFIG), acl };
        Outcome { triggers: vec![trigger], ..self.outcome(Ok(Reply::EnsembleChanged)) }
    }

    fn write_config(&mut self) {
        let slot = self.store.lookup(CONFIG).expect("system nodes are never deleted");
        self.store.replace_data(slot, Some(self.ensemble.text().into_bytes().into()));
    }
}
