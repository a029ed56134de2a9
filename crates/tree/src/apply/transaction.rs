//! One transaction on the tree: its context, the changes it makes, and how to take them back.

use super::undo::{self, Undo};
use crate::acl::Identity;
use crate::session::SessionId;
use crate::slab::SlotId;
use crate::store::Store;
use crate::text::Text;
use crate::tree::Tree;
use crate::trigger::{EventKind, Trigger};
use crate::zxid::Zxid;

/// Changes of one zxid. Each is journalled before it is made, so that a multi can be taken back.
pub(super) struct Transaction<'a> {
    pub(super) store: &'a mut Store,
    pub(super) undo: &'a mut Vec<Undo>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) zxid: Zxid,
    pub(super) time_ms: i64,
    pub(super) session: SessionId,
    pub(super) identities: &'a [Identity],
    pub(super) enforce_quotas: bool,
    /// Whether a limit of a quota was in the way, be it a soft one.
    pub(super) is_over_quota: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(tree: &'a mut Tree, session: SessionId, identities: &'a [Identity]) -> Self {
        let Tree { store, undo, zxid, time_ms, .. } = tree;
        Self {
            store,
            undo,
            triggers: Vec::new(),
            zxid: *zxid,
            time_ms: *time_ms,
            session,
            identities,
            enforce_quotas: false,
            is_over_quota: false,
        }
    }

    /// Keeps the changes; gives what watchers must learn.
    pub(super) fn commit(self) -> Vec<Trigger> {
        undo::forget(self.undo, self.store);
        self.triggers
    }

    /// Takes every change back, in reverse.
    pub(super) fn roll_back(&mut self) {
        undo::roll_back(self.undo, self.store);
        self.triggers.clear();
    }

    /// Notes a change of a node, with its ACL as it is now.
    pub(super) fn trigger(&mut self, kind: EventKind, path: Text, slot: SlotId) {
        let acl = self.store.acl(slot).clone();
        self.triggers.push(Trigger { kind, path, acl });
    }
}
