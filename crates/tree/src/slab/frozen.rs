//! The part of a slab that remembers how it was when a snapshot began.

use std::collections::BTreeMap;

use super::SlotId;
use super::bitmap::Bitmap;

/// A walk over the slots that were used at the freeze, with the images of those that changed before it came by.
#[derive(Debug)]
pub(crate) struct Frozen<T> {
    used: Bitmap,
    /// Slots below were walked.
    next: u32,
    /// A tree map, because a hash map would stall when it grows.
    images: BTreeMap<SlotId, T>,
}

impl<T> Frozen<T> {
    pub(super) fn new(used: Bitmap) -> Self {
        Self { used, next: 0, images: BTreeMap::new() }
    }

    /// Whether a change of the slot must save what stands there first.
    #[inline]
    pub(super) fn wants(&self, slot: SlotId) -> bool {
        slot.0 >= self.next && self.used.contains(slot.0) && !self.images.contains_key(&slot)
    }

    pub(super) fn save(&mut self, slot: SlotId, image: T) {
        self.images.insert(slot, image);
    }

    pub(super) fn advance(&mut self) -> Option<SlotId> {
        let slot = self.used.next_set(self.next)?;
        self.next = slot + 1;
        Some(SlotId(slot))
    }

    pub(super) fn take_image(&mut self, slot: SlotId) -> Option<T> {
        self.images.remove(&slot)
    }

    #[cfg(test)]
    pub(super) fn image_count(&self) -> usize {
        self.images.len()
    }
}
