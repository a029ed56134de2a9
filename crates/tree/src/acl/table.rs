//! Interned access control lists: a node names its list by a small id.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rapidhash::fast::RapidHasher;

use super::{Acl, AclList, Permissions};
use crate::index::Index;
use crate::memory;
use crate::slab::{Image, Slab, SlotId};

/// The slot of an interned list.
pub(crate) type AclId = SlotId;

impl Image for Arc<AclList> {
    fn image(&self) -> Self {
        Self::clone(self)
    }
}

/// The lists in use, each once, with a count of the nodes that use it.
#[derive(Debug, Default)]
pub(crate) struct AclTable {
    pub(crate) slots: Slab<Arc<AclList>>,
    index: Index,
    /// By slot. Derived: snapshots do not carry it.
    references: Vec<u64>,
    /// What all of it takes in memory. See `memory`.
    pub(crate) memory_bytes: usize,
}

impl AclTable {
    /// The list of most nodes, also shown for the root, which ZooKeeper stores without one.
    pub(crate) fn open() -> AclList {
        AclList::from_entries(vec![Acl::anyone(Permissions::ALL)])
    }

    pub(crate) fn list(&self, id: AclId) -> &Arc<AclList> {
        self.slots.get(id).expect("a node's list stays interned as long as the node refers to it")
    }

    /// The id of a list, with one more reference.
    pub(crate) fn acquire(&mut self, list: &AclList) -> AclId {
        let hash = hash_list(list);
        let known = self.index.find(hash, |slot| self.slots.get(slot).is_some_and(|known| **known == *list));
        let id = known.unwrap_or_else(|| {
            let slot = self.slots.next_free();
            self.insert_at(slot, list.detached());
            slot
        });
        self.retain(id);
        id
    }

    /// Adds a list that is not there yet, without references, in a free slot. False if the list is there already.
    pub(crate) fn insert_new_at(&mut self, slot: AclId, list: AclList) -> bool {
        let known = self
            .index
            .find(hash_list(&list), |slot| self.slots.get(slot).is_some_and(|known| **known == list));
        if known.is_none() {
            self.insert_at(slot, list);
        }
        known.is_none()
    }

    fn insert_at(&mut self, slot: AclId, list: AclList) {
        let hash = hash_list(&list);
        self.memory_bytes += memory::of_acl(list.entries());
        self.slots.insert_at(slot, Arc::new(list));
        let slots = &self.slots;
        self.index.insert(hash, slot, |slot| slots.get(slot).map_or(0, |list| hash_list(list)));
    }

    /// One more reference to a list that has one, or that a restore has just added.
    pub(crate) fn retain(&mut self, id: AclId) {
        let at = id.0 as usize;
        if self.references.len() <= at {
            self.references.resize(at + 1, 0);
        }
        self.references[at] += 1;
    }

    /// One reference less; the last one frees the list's id.
    pub(crate) fn release(&mut self, id: AclId) {
        let references = &mut self.references[id.0 as usize];
        *references -= 1;
        if *references == 0
            && let Some(list) = self.slots.remove(id)
        {
            self.memory_bytes -= memory::of_acl(list.entries());
            self.index.remove(hash_list(&list), id);
        }
    }

    /// Whether every list is referred to.
    pub(crate) fn all_referenced(&self) -> bool {
        self.slots
            .iter()
            .all(|(slot, _)| self.references.get(slot.0 as usize).is_some_and(|count| *count > 0))
    }
}

fn hash_list(list: &AclList) -> u64 {
    let mut hasher = RapidHasher::default_const();
    list.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(permissions: i32) -> AclList {
        AclList::from_entries(vec![Acl::anyone(Permissions(permissions))])
    }

    #[test]
    fn equal_lists_share_an_id_until_the_last_reference_goes() {
        let mut table = AclTable::default();
        let (a, b) = (table.acquire(&list(1)), table.acquire(&list(2)));
        assert_ne!(a, b);
        assert_eq!(table.acquire(&list(1)), a);
        table.release(a);
        assert_eq!(table.acquire(&list(1)), a);
        table.release(a);
        table.release(a);
        assert_eq!(table.acquire(&list(3)), a, "the lowest free id is used again");
        assert_eq!(**table.list(b), list(2));
    }
}
