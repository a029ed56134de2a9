//! The children of a znode, in the order of their names.

use crate::slab::SlotId;

/// Children of a chunk. An insert into a huge directory moves one chunk, not the directory.
const CHUNK: usize = 256;

/// Where the names of children are found.
pub(crate) trait Names {
    fn name(&self, child: SlotId) -> &[u8];
}

/// Slots sorted by name, in chunks of at most 256. No chunk is empty.
#[derive(Debug, Default)]
pub(crate) struct Children {
    chunks: Vec<Vec<SlotId>>,
    len: usize,
    /// All nodes below, the children included.
    pub(crate) descendants: usize,
}

impl Children {
    /// Children that are sorted by name already.
    pub(crate) fn from_sorted(sorted: &[SlotId]) -> Self {
        Self { chunks: sorted.chunks(CHUNK).map(<[_]>::to_vec).collect(), len: sorted.len(), descendants: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = SlotId> {
        self.chunks.iter().flatten().copied()
    }

    /// Children whose name is greater than `after`, in the order of their names.
    pub(crate) fn iter_after<'a, N: Names>(
        &'a self,
        after: &[u8],
        names: &N,
    ) -> impl Iterator<Item = SlotId> + use<'a, N> {
        let chunk = self.chunk_for(after, names);
        let at = self
            .chunks
            .get(chunk)
            .map_or(0, |chunk| chunk.partition_point(|slot| names.name(*slot) <= after));
        self.chunks[chunk..].iter().flatten().copied().skip(at)
    }

    /// Adds a child whose name is new.
    pub(crate) fn insert(&mut self, child: SlotId, name: &[u8], names: &impl Names) {
        self.len += 1;
        if self.last().is_none_or(|last| names.name(last) < name) {
            self.append(child);
            return;
        }
        let at = self.chunk_for(name, names);
        let chunk = &mut self.chunks[at];
        let position = chunk.partition_point(|slot| names.name(*slot) < name);
        chunk.insert(position, child);
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, upper);
        }
    }

    pub(crate) fn remove(&mut self, child: SlotId, name: &[u8], names: &impl Names) {
        let at = self.chunk_for(name, names);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let position = chunk.partition_point(|slot| names.name(*slot) < name);
        if chunk.get(position) == Some(&child) {
            chunk.remove(position);
            self.len -= 1;
            self.merge(at);
        }
    }

    fn last(&self) -> Option<SlotId> {
        self.chunks.last()?.last().copied()
    }

    /// Names that arrive in order fill their chunks.
    fn append(&mut self, child: SlotId) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(child),
            _ => self.chunks.push(vec![child]),
        }
    }

    /// The first chunk whose last name is not less than `name`.
    fn chunk_for(&self, name: &[u8], names: &impl Names) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| names.name(*last) < name))
    }

    /// Drops a chunk that became empty, or joins it to the next one if both are small.
    fn merge(&mut self, at: usize) {
        if self.chunks[at].is_empty() {
            self.chunks.remove(at);
        } else if let [chunk, next, ..] = &mut self.chunks[at..]
            && chunk.len() + next.len() <= CHUNK / 2
        {
            chunk.append(next);
            self.chunks.remove(at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Child n has the name n as big-endian bytes.
    struct Numbers(Vec<[u8; 4]>);

    impl Numbers {
        fn up_to(count: u32) -> Self {
            Self((0..count).map(u32::to_be_bytes).collect())
        }
    }

    impl Names for Numbers {
        fn name(&self, child: SlotId) -> &[u8] {
            &self.0[child.0 as usize]
        }
    }

    fn insert(children: &mut Children, number: u32, names: &Numbers) {
        children.insert(SlotId(number), &number.to_be_bytes(), names);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn children_are_a_sorted_set(steps in prop::collection::vec((prop::bool::weighted(0.6), 0u32..2_000), 0..4_000)) {
            let names = Numbers::up_to(2_000);
            let (mut children, mut model) = (Children::default(), BTreeSet::new());
            for (add, number) in steps {
                if add && model.insert(number) {
                    insert(&mut children, number, &names);
                } else if !add && model.remove(&number) {
                    children.remove(SlotId(number), &number.to_be_bytes(), &names);
                }
                prop_assert_eq!(children.len(), model.len());
            }
            prop_assert!(children.iter().map(|slot| slot.0).eq(model.iter().copied()));
            prop_assert!(children.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
            let after = 1_000u32;
            let rest = children.iter_after(&after.to_be_bytes(), &names).map(|slot| slot.0);
            prop_assert!(rest.eq(model.range(after + 1..).copied()));
        }
    }

    #[test]
    fn names_in_order_fill_their_chunks() {
        let names = Numbers::up_to(1_024);
        let mut children = Children::default();
        for number in 0..1_024 {
            insert(&mut children, number, &names);
        }
        assert_eq!(children.chunks.iter().map(Vec::len).collect::<Vec<_>>(), [256; 4]);
    }
}
