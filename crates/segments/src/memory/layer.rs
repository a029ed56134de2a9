//! Frames of all partitions that were appended between two checkpoints.

use std::hash::BuildHasherDefault;
use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashMap;
use rapidhash::fast::RapidHasher;

use super::partition::{Held, Partition};

/// What was taken out, to be dropped.
#[derive(Default)]
pub(crate) struct Freed {
    frames: Vec<Bytes>,
    partitions: Vec<Partition>,
}

/// What a frame takes in memory besides its bytes.
const FRAME_BYTES: u64 = size_of::<Option<Bytes>>() as u64;

type Hasher = BuildHasherDefault<RapidHasher<'static>>;

#[derive(Default)]
pub(crate) struct Layer {
    partitions: HashMap<u64, Partition, Hasher>,
    held: Held,
}

impl Layer {
    pub(crate) fn held(&self) -> Held {
        self.held
    }

    /// Bytes in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.held.bytes + self.held.frames * FRAME_BYTES
    }

    pub(crate) fn append(&mut self, partition: u64, offset: u64, frame: Bytes) {
        let partition = self.partitions.entry(partition).or_default();
        self.held.subtract(partition.held());
        partition.put(offset, frame);
        self.held.add(partition.held());
    }

    pub(crate) fn get(&self, partition: u64, offset: u64) -> Option<Bytes> {
        self.partitions.get(&partition)?.get(offset).cloned()
    }

    /// Takes frames out, into `freed`: whoever has the lock of the layer does not also free memory.
    pub(crate) fn release(&mut self, id: u64, range: Range<u64>, freed: &mut Freed) {
        let Some(partition) = self.partitions.get_mut(&id) else { return };
        self.held.subtract(partition.held());
        if partition.is_large() && partition.is_within(&range) {
            freed.partitions.push(std::mem::take(partition));
        } else {
            partition.take(range, &mut freed.frames);
        }
        self.held.add(partition.held());
    }

    /// Puts the frames of `newer` among its own.
    pub(crate) fn absorb(&mut self, newer: Self) {
        for (id, frames) in newer.partitions {
            let partition = self.partitions.entry(id).or_default();
            self.held.subtract(partition.held());
            if partition.is_empty() {
                *partition = frames;
            } else {
                partition.absorb(frames);
            }
            self.held.add(partition.held());
        }
    }

    pub(crate) fn partition(&self, partition: u64) -> Option<&Partition> {
        self.partitions.get(&partition)
    }

    /// The partitions that have frames, ascending.
    pub(crate) fn sorted(&self) -> Vec<u64> {
        let used = self.partitions.iter().filter(|(_, frames)| !frames.is_empty());
        let mut partitions: Vec<u64> = used.map(|(&partition, _)| partition).collect();
        partitions.sort_unstable();
        partitions
    }

    /// Frees it, in pieces, so that others get their turn.
    pub(crate) async fn dispose(self) {
        const PIECE: usize = 4096;
        let mut freed = 0;
        for (_, mut partition) in self.partitions {
            freed += 1;
            while !partition.is_empty() {
                freed += partition.drop_front(PIECE);
                if freed >= PIECE {
                    tokio::task::yield_now().await;
                    freed = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn what_is_held_is_counted() {
        let mut layer = Layer::default();
        for (partition, offset, text) in [(1, 5, "12345"), (1, 6, "123"), (2, 0, "1"), (1, 6, "12")] {
            layer.append(partition, offset, frame(text));
        }
        assert_eq!((layer.held(), layer.memory_bytes()), (Held { frames: 3, bytes: 8 }, 8 + 3 * FRAME_BYTES));
        let mut freed = Freed::default();
        layer.release(1, 0..6, &mut freed);
        layer.release(3, 0..6, &mut freed);
        assert_eq!((freed.frames, layer.held()), (vec![frame("12345")], Held { frames: 2, bytes: 3 }));
        assert_eq!(layer.sorted(), [1, 2]);
        layer.release(1, 0..u64::MAX, &mut Freed::default());
        assert_eq!((layer.held(), layer.sorted()), (Held { frames: 1, bytes: 1 }, vec![2]));
    }

    #[test]
    fn a_large_partition_goes_as_a_whole() {
        let mut layer = Layer::default();
        for offset in 10..5000 {
            layer.append(1, offset, frame("1"));
        }
        let mut freed = Freed::default();
        layer.release(1, 0..4999, &mut freed);
        assert_eq!((freed.partitions.len(), freed.frames.len(), layer.held().frames), (0, 4989, 1));
        for offset in 5000..9000 {
            layer.append(1, offset, frame("1"));
        }
        layer.release(1, 0..9000, &mut freed);
        assert_eq!((freed.partitions.len(), freed.frames.len(), layer.held()), (1, 4989, Held::default()));
        layer.append(1, 9000, frame("1"));
        assert_eq!(layer.get(1, 9000), Some(frame("1")));
    }

    #[test]
    fn a_newer_layer_is_absorbed() {
        let (mut older, mut newer) = (Layer::default(), Layer::default());
        older.append(1, 0, frame("a"));
        older.append(2, 0, frame("b"));
        newer.append(2, 1, frame("cc"));
        newer.append(3, 7, frame("dd"));
        older.absorb(newer);
        assert_eq!((older.held(), older.sorted()), (Held { frames: 4, bytes: 6 }, vec![1, 2, 3]));
        assert_eq!(
            (older.get(2, 0), older.get(2, 1), older.get(3, 7)),
            (Some(frame("b")), Some(frame("cc")), Some(frame("dd")))
        );
    }
}
