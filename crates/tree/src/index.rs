//! A hash index from a key to the slot that holds it. The keys stay in the slots.

use hashbrown::HashTable;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_micro_inline};

use crate::slab::SlotId;

/// A table that outgrows its buckets rehashes at once; split in so many, none of them stalls for a millisecond at ten
/// million entries.
const SHARDS: usize = 1024;

const SECRETS: RapidSecrets = RapidSecrets::seed(0);

/// Hashes text. The order of the index is never visible, so the hash is free to change.
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    rapidhash_v3_micro_inline::<true, false>(bytes, &SECRETS)
}

/// Hashes a number.
pub(crate) fn hash_u64(number: u64) -> u64 {
    mix(number, 0x9e37_79b9_7f4a_7c15)
}

/// Hashes a name within a parent.
pub(crate) fn hash_child(parent: SlotId, name: &[u8]) -> u64 {
    mix(hash_bytes(name) ^ u64::from(parent.0), 0x9e37_79b9_7f4a_7c15)
}

fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Slots by hash. Callers bring the equality and, where a table may grow, the hash of what is already inside.
#[derive(Debug)]
pub(crate) struct Index {
    shards: Box<[HashTable<SlotId>]>,
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| HashTable::new()).collect() }
    }
}

impl Index {
    /// Makes room for about so many slots in all, so that filling the index does not rehash over and over.
    pub(crate) fn reserve(&mut self, slots: usize, hash_of: impl Fn(SlotId) -> u64) {
        for shard in &mut self.shards {
            shard.reserve(slots / SHARDS, |slot| hash_of(*slot));
        }
    }

    pub(crate) fn find(&self, hash: u64, is_key: impl Fn(SlotId) -> bool) -> Option<SlotId> {
        self.shards[shard(hash)].find(hash, |slot| is_key(*slot)).copied()
    }

    /// Adds a slot whose key is new.
    pub(crate) fn insert(&mut self, hash: u64, slot: SlotId, hash_of: impl Fn(SlotId) -> u64) {
        self.shards[shard(hash)].insert_unique(hash, slot, |slot| hash_of(*slot));
    }

    pub(crate) fn remove(&mut self, hash: u64, slot: SlotId) {
        if let Ok(entry) = self.shards[shard(hash)].find_entry(hash, |candidate| *candidate == slot) {
            entry.remove();
        }
    }
}

/// Bits that the tables use neither for the bucket (lowest) nor for the tag (highest).
fn shard(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}
