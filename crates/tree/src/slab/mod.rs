//! Slots in chunks: stable small ids, no copy on growth, and a frozen view for snapshots.

mod bitmap;
mod frozen;

use bitmap::Bitmap;
pub(crate) use frozen::Frozen;

/// Slots of a chunk; a chunk is allocated at once and never moves.
const CHUNK: usize = 4096;

/// The most slots of a slab. Bounds what a damaged snapshot can make a restore allocate.
pub(crate) const SLOTS_MAX: u32 = 1 << 28;

/// A place in a slab.
///
/// Ids are given out lowest first, so they follow from the commands alone: replicas agree on them whether or not they
/// were restored from a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotId(pub(crate) u32);

/// A value that can be copied for a snapshot.
pub(crate) trait Image {
    /// A copy of what a snapshot carries; derived state may be left out.
    fn image(&self) -> Self;
}

/// Values in slots. While a snapshot walks it, the first change of a slot that the walk has not reached saves what stood there.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    used: Bitmap,
    frozen: Option<Frozen<T>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), used: Bitmap::default(), frozen: None }
    }
}

impl<T: Image> Slab<T> {
    pub(crate) fn len(&self) -> usize {
        self.used.len()
    }

    /// The lowest free slot, where the next value goes.
    pub(crate) fn next_free(&self) -> SlotId {
        SlotId(self.used.lowest_clear())
    }

    #[inline]
    pub(crate) fn get(&self, slot: SlotId) -> Option<&T> {
        let (chunk, at) = split(slot);
        self.chunks.get(chunk)?.get(at)?.as_ref()
    }

    /// For changes that a snapshot in progress must not see.
    #[inline]
    pub(crate) fn get_mut(&mut self, slot: SlotId) -> Option<&mut T> {
        self.save_image(slot);
        self.get_derived_mut(slot)
    }

    /// For changes of derived state only, which snapshots do not carry.
    #[inline]
    pub(crate) fn get_derived_mut(&mut self, slot: SlotId) -> Option<&mut T> {
        let (chunk, at) = split(slot);
        self.chunks.get_mut(chunk)?.get_mut(at)?.as_mut()
    }

    /// Puts a value into a free slot.
    ///
    /// # Panics
    /// When the slot is taken or beyond [`SLOTS_MAX`].
    pub(crate) fn insert_at(&mut self, slot: SlotId, value: T) {
        assert!(slot.0 < SLOTS_MAX, "callers check the slot against SLOTS_MAX");
        let (chunk, at) = split(slot);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, Vec::new);
        }
        let chunk = &mut self.chunks[chunk];
        if chunk.len() <= at {
            chunk.reserve_exact(CHUNK - chunk.len());
            chunk.resize_with(at + 1, || None);
        }
        assert!(chunk[at].is_none(), "callers insert into free slots only");
        chunk[at] = Some(value);
        self.used.set(slot.0);
    }

    pub(crate) fn remove(&mut self, slot: SlotId) -> Option<T> {
        self.save_image(slot);
        let (chunk, at) = split(slot);
        let value = self.chunks.get_mut(chunk)?.get_mut(at)?.take()?;
        self.used.clear(slot.0);
        Some(value)
    }

    /// The values in slot order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        self.used.iter().filter_map(|slot| self.get(SlotId(slot)).map(|value| (SlotId(slot), value)))
    }

    /// Starts a walk over the values as they are now.
    pub(crate) fn freeze(&mut self) {
        self.frozen = Some(Frozen::new(self.used.clone()));
    }

    /// Ends the walk and gives what was saved for it.
    pub(crate) fn thaw(&mut self) -> Option<Frozen<T>> {
        self.frozen.take()
    }

    /// The next frozen value in slot order; nothing when the walk has ended or never began.
    pub(crate) fn walk<R>(&mut self, visit: impl FnOnce(SlotId, &T) -> R) -> Option<R> {
        let frozen = self.frozen.as_mut()?;
        let slot = frozen.advance()?;
        match frozen.take_image(slot) {
            Some(image) => Some(visit(slot, &image)),
            None => self.get(slot).map(|value| visit(slot, value)),
        }
    }

    #[inline]
    fn save_image(&mut self, slot: SlotId) {
        if self.frozen.as_ref().is_some_and(|frozen| frozen.wants(slot))
            && let Some(image) = self.get(slot).map(Image::image)
            && let Some(frozen) = self.frozen.as_mut()
        {
            frozen.save(slot, image);
        }
    }
}

#[inline]
fn split(slot: SlotId) -> (usize, usize) {
    (slot.0 as usize / CHUNK, slot.0 as usize % CHUNK)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Image for u64 {
        fn image(&self) -> Self {
            *self
        }
    }

    fn push(slab: &mut Slab<u64>, value: u64) -> SlotId {
        let slot = slab.next_free();
        slab.insert_at(slot, value);
        slot
    }

    fn walk_all(slab: &mut Slab<u64>) -> Vec<(u32, u64)> {
        std::iter::from_fn(|| slab.walk(|slot, value| (slot.0, *value))).collect()
    }

    #[test]
    fn the_lowest_free_slot_is_used_first() {
        let mut slab = Slab::default();
        for value in 0..10_000 {
            assert_eq!(push(&mut slab, value), SlotId(value as u32));
        }
        for slot in [9_000, 5_000, 17] {
            slab.remove(SlotId(slot));
        }
        assert_eq!(
            [push(&mut slab, 1), push(&mut slab, 2), push(&mut slab, 3)].map(|s| s.0),
            [17, 5_000, 9_000]
        );
        assert_eq!(push(&mut slab, 4), SlotId(10_000));
        assert_eq!(slab.len(), 10_001);
    }

    #[test]
    fn a_walk_sees_the_values_of_the_freeze() {
        let mut slab = Slab::default();
        for value in 0..6 {
            push(&mut slab, value);
        }
        slab.remove(SlotId(2));
        slab.freeze();
        assert_eq!(slab.walk(|slot, value| (slot.0, *value)), Some((0, 0)));
        *slab.get_mut(SlotId(0)).unwrap() = 100;
        *slab.get_mut(SlotId(1)).unwrap() = 101;
        *slab.get_mut(SlotId(1)).unwrap() = 102;
        slab.remove(SlotId(3));
        assert_eq!(push(&mut slab, 200), SlotId(2));
        assert_eq!(push(&mut slab, 300), SlotId(3));
        push(&mut slab, 600);
        assert_eq!(walk_all(&mut slab), [(1, 1), (3, 3), (4, 4), (5, 5)]);
        drop(slab.thaw());
        slab.freeze();
        let live = [(0, 100), (1, 102), (2, 200), (3, 300), (4, 4), (5, 5), (6, 600)];
        assert_eq!(walk_all(&mut slab), live);
    }

    #[test]
    fn only_the_first_change_ahead_of_the_walk_saves_an_image() {
        let mut slab = Slab::default();
        for value in 0..4 {
            push(&mut slab, value);
        }
        slab.freeze();
        slab.walk(|_, _| ());
        for slot in [0, 2, 2] {
            *slab.get_mut(SlotId(slot)).unwrap() += 1;
        }
        assert_eq!(slab.frozen.as_ref().unwrap().image_count(), 1, "slot 0 was walked, slot 2 is saved once");
        walk_all(&mut slab);
        assert_eq!(slab.frozen.as_ref().unwrap().image_count(), 0);
    }

    #[test]
    fn a_walk_that_never_began_is_empty() {
        let mut slab = Slab::default();
        push(&mut slab, 1);
        assert_eq!(walk_all(&mut slab), []);
    }
}
