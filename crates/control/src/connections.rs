//! The connections of this node, by number and by session.

use std::collections::BTreeMap;
use std::sync::Arc;

use tree::SessionId;

use crate::outbox::Outbox;

/// Ordered maps, so that whoever walks them does so in the same order in every run.
#[derive(Default)]
pub(crate) struct Connections {
    by_id: BTreeMap<u64, Arc<Outbox>>,
    by_session: BTreeMap<SessionId, Arc<Outbox>>,
}

impl Connections {
    pub(crate) fn insert(&mut self, outbox: Arc<Outbox>) {
        self.by_id.insert(outbox.id, outbox);
    }

    pub(crate) fn remove(&mut self, outbox: &Outbox) {
        self.by_id.remove(&outbox.id);
        if let Some(session) = outbox.session()
            && self.by_session.get(&session).is_some_and(|other| other.id == outbox.id)
        {
            self.by_session.remove(&session);
        }
    }

    pub(crate) fn bind(&mut self, session: SessionId, outbox: &Arc<Outbox>) {
        if self.by_id.contains_key(&outbox.id) {
            self.by_session.insert(session, Arc::clone(outbox));
        }
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Arc<Outbox>> {
        self.by_id.get(&id)
    }

    pub(crate) fn of_session(&self, session: SessionId) -> Option<&Arc<Outbox>> {
        self.by_session.get(&session)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.by_id.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}
