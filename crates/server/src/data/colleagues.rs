//! How the front ends of nodes talk: notes over the peer links.

use std::sync::Arc;

use amqp::Colleagues;
use bytes::Bytes;
use consensus::{Group, NodeId, Notes};
use runtime::BoxFuture;

/// The nodes of the control plane's group.
pub(super) struct NodeColleagues {
    own: NodeId,
    group: Group,
    notes: Notes,
}

impl NodeColleagues {
    pub(super) fn new(own: NodeId, group: Group, notes: Notes) -> Self {
        Self { own, group, notes }
    }
}

impl Colleagues for NodeColleagues {
    fn own(&self) -> u64 {
        self.own.0
    }

    fn others(&self) -> Vec<u64> {
        let members = self.group.status().members.into_iter().map(|member| member.node);
        members.filter(|node| *node != self.own).map(|node| node.0).collect()
    }

    fn tell(&self, node: u64, note: Bytes) {
        self.notes.tell(NodeId(node), note);
    }

    fn ask(&self, node: u64, note: Bytes) -> BoxFuture<'static, Option<Bytes>> {
        let notes = self.notes.clone();
        Box::pin(async move { notes.ask(NodeId(node), note).await.ok() })
    }
}

/// Has the front end hear what others say.
pub(super) fn listen(notes: &Notes, amqp: &Arc<amqp::Server>) {
    // It outlives nothing that ends with the node.
    let amqp = Arc::downgrade(amqp);
    let hear = move |from: NodeId, note: Bytes| match amqp.upgrade() {
        Some(amqp) => amqp.handle_note(from.0, note),
        None => Bytes::new(),
    };
    notes.on_note(Arc::new(hear));
}
