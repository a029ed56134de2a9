//! This node's znode, by which the others know its session.

use tree::{ANY_VERSION, CreateMode, Operation, SessionId};

use super::Keeper;
use crate::change::{create, delete};
use crate::node::NodeRecord;
use crate::place::{FORMAT, Place};

impl Keeper {
    /// Does what is to be done for this node to be there, one thing after the other.
    pub(super) fn keep_in_order(&mut self) {
        if self.is_busy || self.rests {
            return;
        }
        self.own = self.to_do();
        self.is_busy = self.own.is_some();
    }

    fn to_do(&self) -> Option<Operation> {
        if self.topology.shards() == 0 {
            return Some(self.founding());
        }
        let session = self.session?;
        let node = self.catalog.control.node();
        let registered = self.topology.nodes.get(&node);
        match registered {
            Some(record) if record.session == session.0 => {
                self.catalog.session.send_if_modified(|known| known.replace(session.0) != Some(session.0));
                None
            }
            Some(record) => Some(self.end_of(SessionId(record.session))),
            None => {
                let record = NodeRecord {
                    format: FORMAT,
                    session: session.0,
                    incarnation: self.incarnation,
                    addresses: self.catalog.config.addresses.clone(),
                };
                let create = create(&Place::Node(node), &record, CreateMode::Ephemeral);
                Some(Operation::Multi(vec![create]))
            }
        }
    }

    /// An earlier life of this node left a session, which nobody can take up: what belongs to it is waited for in vain.
    fn end_of(&self, session: SessionId) -> Operation {
        let found = self
            .catalog
            .control
            .read(|tree| tree.session(session).map(|info| (info.generation, tree.zxid().epoch())));
        match found {
            Some((generation, epoch)) => {
                tracing::info!(%session, "the session of this node's earlier life is ended");
                Operation::ExpireSession { session, generation, epoch }
            }
            // Its znode stayed, which no ephemeral one does: somebody has put it there.
            None => {
                let node = self.catalog.control.node();
                Operation::Multi(vec![delete(&Place::Node(node), ANY_VERSION)])
            }
        }
    }
}
