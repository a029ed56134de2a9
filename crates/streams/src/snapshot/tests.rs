//! Snapshots: damaged ones are refused with a reason, whatever is wrong with them.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::error::RestoreError;
use crate::{
    ConsumerId, DeathReason, Delivery, Effects, Offset, OffsetSet, Op, Overflow, Owner, PartitionId,
    Settings, Shard, Stamp,
};

struct Ignore;

impl Effects for Ignore {
    fn store(&mut self, _: PartitionId, _: Offset, _: Bytes) {}
    fn released(&mut self, _: PartitionId, _: Range<Offset>) {}
    fn deliver(&mut self, _: ConsumerId, _: Delivery) {}
    fn taken(&mut self, _: ConsumerId, _: Delivery) {}
    fn cancelled(&mut self, _: ConsumerId, _: PartitionId) {}
    fn activated(&mut self, _: ConsumerId, _: PartitionId, _: u64) {}
    fn died(&mut self, _: PartitionId, _: Range<Offset>, _: DeathReason) {}
    fn dropped(&mut self, _: PartitionId) {}
    fn expired(&mut self, _: PartitionId) {}
}

/// A shard with frames in every state, several pages of some.
fn full_shard() -> Shard {
    let mut shard = Shard::new();
    let partition = PartitionId(7);
    let settings =
        Settings { bytes_max: Some(1 << 20), priorities: 5, delivery_limit: Some(0), ..Settings::default() };
    let mut apply = |op| shard.apply(1000, op, &mut Ignore);
    apply(Op::Create { partition: PartitionId(1), settings: Settings::default() });
    apply(Op::Create { partition, settings });
    for number in 0u64..900 {
        let append = Op::Append {
            partition,
            frame: Bytes::from(vec![0; usize::try_from(number % 7).unwrap()]),
            priority: u8::try_from(number % 3).unwrap(),
            ttl_ms: (number % 2 == 0).then_some(100_000 + number),
            delay_ms: if number % 5 == 0 { 1000 + number } else { 0 },
            stamp: Some(Stamp { producer: number % 200, epoch: 1, sequence: number / 200, gaps: false }),
        };
        apply(append);
    }
    let full = PartitionId(8);
    apply(Op::Create {
        partition: full,
        settings: Settings { length_max: Some(1), overflow: Overflow::Refuse, ..settings },
    });
    for sequence in 1..4 {
        let stamp = Some(Stamp { producer: 9, epoch: 1, sequence, gaps: true });
        let frame = Bytes::new();
        apply(Op::Append { partition: full, frame, priority: 0, ttl_ms: None, delay_ms: 0, stamp });
    }
    let consumer = |number| ConsumerId { owner: Owner(-3), number };
    for (number, window) in [(1, 40), (2, 30), (3, 0)] {
        apply(Op::Attach { partition, consumer: consumer(number), window, priority: 0, exclusive: false });
    }
    let some: OffsetSet = (0..900).step_by(4).map(Offset).collect();
    apply(Op::Return { partition, consumer: consumer(1), offsets: some.clone(), failed: true, delay_ms: 0 });
    apply(Op::Alter { partition, settings: Settings { dead_letters: true, ..settings } });
    apply(Op::Reject { partition, consumer: consumer(2), offsets: some });
    apply(Op::Detach { partition, consumer: consumer(2) });
    apply(Op::Take { partition, consumer: consumer(9), settle: false });
    let stats = shard.stats(partition).unwrap();
    let states = [stats.ready, stats.unsettled, stats.delayed, stats.parked, stats.dead, stats.ready_bytes];
    assert!(states.iter().all(|count| *count > 0), "{stats:?}");
    shard
}

fn chunks(bytes_max: usize) -> Vec<Bytes> {
    full_shard().freeze().chunks(bytes_max).collect()
}

fn restore(chunks: impl IntoIterator<Item = Bytes>) -> Result<Shard, RestoreError> {
    let mut restore = Restore::new();
    for chunk in chunks {
        restore.chunk(chunk)?;
    }
    restore.finish()
}

/// The chunk with its checksum made right again.
fn sealed(mut chunk: BytesMut) -> Bytes {
    let end = chunk.len() - 4;
    let checksum = crc32c::crc32c(&chunk[..end]);
    chunk[end..].copy_from_slice(&checksum.to_le_bytes());
    chunk.freeze()
}

#[test]
fn what_was_written_comes_back_whatever_the_size_of_chunks() {
    let shard = full_shard();
    for bytes_max in [0, 1000, 10_000, 1 << 20] {
        let restored = restore(shard.freeze().chunks(bytes_max)).unwrap();
        restored.check_invariants();
        assert_eq!(restored.digest(), shard.digest());
        assert_eq!(restored.stats(PartitionId(7)), shard.stats(PartitionId(7)));
    }
}

#[test]
fn chunks_are_bounded() {
    assert!(chunks(10_000).iter().all(|chunk| chunk.len() <= 10_000));
    assert!(chunks(0).iter().all(|chunk| chunk.len() <= 4096));
    assert_eq!(chunks(1 << 20).len(), 1);
}

#[test]
fn lost_repeated_and_exchanged_chunks_are_refused() {
    let chunks = chunks(2000);
    let last = chunks.len() - 1;
    let without_last = restore(chunks[..last].iter().cloned());
    assert_eq!(without_last.err(), Some(RestoreError::Truncated { chunks: last as u64 }));
    assert_eq!(
        restore(chunks[1..].iter().cloned()).err(),
        Some(RestoreError::Order { found: 1, expected: 0 })
    );
    let twice = [&chunks[0], &chunks[0]].into_iter().cloned();
    assert_eq!(restore(twice).err(), Some(RestoreError::Order { found: 0, expected: 1 }));
    assert_eq!(restore([]).err(), Some(RestoreError::Truncated { chunks: 0 }));
}

#[test]
fn a_newer_format_is_refused() {
    let mut chunk = BytesMut::from(chunks(1 << 20)[0].clone());
    chunk[0] = FORMAT + 1;
    assert_eq!(restore([sealed(chunk)]).err(), Some(RestoreError::Format { found: 2, newest: 1 }));
}

#[test]
fn a_claim_of_endless_lists_is_refused_before_they_are_made() {
    let mut buffer = BytesMut::from(&[FORMAT, 0, kind::SHARD, 0, kind::PARTITION, 1][..]);
    crate::command::put_settings(&mut buffer, &Settings::default());
    buffer.extend_from_slice(&[0]);
    for number in [u64::MAX, u64::MAX, 0, 0, 0, 0] {
        crate::wire::put_number(&mut buffer, number);
    }
    buffer.extend_from_slice(&[kind::LANE, 0, 1, 0]);
    crate::wire::put_number(&mut buffer, u64::MAX - 2);
    buffer.extend_from_slice(&[0; 4]);
    let refused = restore([sealed(buffer)]).err();
    assert_eq!(refused, Some(RestoreError::Inconsistent { number: 0, what: "too many frames are listed" }));
}

proptest! {
    #[test]
    fn damage_is_noticed(at in any::<prop::sample::Index>(), with in 1u8..=255) {
        let mut chunk = BytesMut::from(chunks(1 << 20)[0].clone());
        let at = at.index(chunk.len());
        chunk[at] ^= with;
        let refused = restore([chunk.freeze()]).err();
        prop_assert!(matches!(refused, Some(RestoreError::Damaged { .. } | RestoreError::Format { .. })), "{:?}", refused);
    }

    /// As if it were damaged before its checksum was made: the contents must stand on their own.
    #[test]
    fn wrong_contents_never_panic_and_never_break_an_invariant(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
    ) {
        let mut chunk = BytesMut::from(chunks(1 << 20)[0].clone());
        for (at, with) in damage {
            let at = at.index(chunk.len());
            chunk[at] = with;
        }
        if let Some(cut) = cut {
            chunk.truncate(cut.index(chunk.len()).max(5));
        }
        if let Ok(mut restored) = restore([sealed(chunk)]) {
            restored.check_invariants();
            restored.apply(50_000, Op::Gone { owner: Owner(-3) }, &mut Ignore);
            restored.apply(1 << 40, Op::Tick, &mut Ignore);
            restored.check_invariants();
        }
    }
}
