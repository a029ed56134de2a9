//! The sessions of the tree, in slots like the znodes, so that a snapshot can walk them.

use std::collections::BTreeSet;

use super::{Owner, Password, SessionId, SessionInfo};
use crate::index::{Index, hash_u64};
use crate::slab::{Image, Slab, SlotId};

/// The stored form of a session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) owner: Owner,
    pub(crate) generation: u64,
    pub(crate) timeout_ms: u32,
    pub(crate) password: Password,
    /// Slots of its ephemeral znodes. Derived: the znodes name their owner.
    pub(crate) ephemerals: BTreeSet<SlotId>,
}

impl Session {
    pub(crate) fn info(&self) -> SessionInfo {
        SessionInfo {
            id: self.id,
            timeout_ms: self.timeout_ms,
            owner: self.owner,
            generation: self.generation,
            ephemerals: self.ephemerals.len(),
        }
    }
}

impl Image for Session {
    fn image(&self) -> Self {
        Self { ephemerals: BTreeSet::new(), ..*self }
    }
}

/// All sessions, found by id.
#[derive(Debug, Default)]
pub(crate) struct SessionTable {
    pub(crate) slots: Slab<Session>,
    index: Index,
}

impl SessionTable {
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn find(&self, id: SessionId) -> Option<SlotId> {
        self.index
            .find(hash_u64(id.0.cast_unsigned()), |slot| self.slots.get(slot).is_some_and(|s| s.id == id))
    }

    pub(crate) fn get(&self, id: SessionId) -> Option<&Session> {
        self.slots.get(self.find(id)?)
    }

    /// For changes that a snapshot in progress must not see.
    pub(crate) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.slots.get_mut(self.find(id)?)
    }

    /// The ephemerals of a session, which snapshots do not carry.
    pub(crate) fn ephemerals_mut(&mut self, id: SessionId) -> Option<&mut BTreeSet<SlotId>> {
        let slot = self.find(id)?;
        self.slots.get_derived_mut(slot).map(|session| &mut session.ephemerals)
    }

    /// Adds a session whose id is new.
    pub(crate) fn insert(&mut self, session: Session) {
        let slot = self.slots.next_free();
        self.insert_at(slot, session);
    }

    /// Adds a session whose id is new, in a free slot.
    pub(crate) fn insert_at(&mut self, slot: SlotId, session: Session) {
        let hash = hash_u64(session.id.0.cast_unsigned());
        self.slots.insert_at(slot, session);
        let slots = &self.slots;
        self.index.insert(hash, slot, |slot| {
            slots.get(slot).map_or(0, |session| hash_u64(session.id.0.cast_unsigned()))
        });
    }

    pub(crate) fn remove(&mut self, id: SessionId) -> Option<Session> {
        let slot = self.find(id)?;
        self.index.remove(hash_u64(id.0.cast_unsigned()), slot);
        self.slots.remove(slot)
    }

    /// In slot order, which is the same on every replica.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().map(|(_, session)| session)
    }
}
