//! Random lives of groups.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use streams::{ConsumerId, Offset, OffsetSet, Op, Outcome, Owner, PartitionId, Restore};

use crate::hands::{GROUP, Group, subscriber};

#[derive(Clone, Debug)]
enum Step {
    Append(u64),
    Subscribe(u64, u32),
    Unsubscribe(u64, bool),
    Gone(i64),
    Settle(Index),
    Return(Index, u64),
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1u64..=7).prop_map(Step::Append),
        3 => (10u64..15, 0u32..6).prop_map(|(number, window)| Step::Subscribe(number, window)),
        1 => (20u64..23, 1u32..4).prop_map(|(number, window)| Step::Subscribe(number, window)),
        2 => (10u64..15, any::<bool>()).prop_map(|(number, release)| Step::Unsubscribe(number, release)),
        1 => (1i64..3).prop_map(Step::Gone),
        8 => any::<Index>().prop_map(Step::Settle),
        2 => (any::<Index>(), 0u64..3).prop_map(|(index, delay_ms)| Step::Return(index, delay_ms)),
        1 => Just(Step::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn partitions_are_shared_and_frames_are_not(partitions in 1u64..=7, steps in prop::collection::vec(step(), 1..150)) {
        let mut group = Group::new(partitions);
        let mut windows = BTreeMap::new();
        let mut appended = 0;
        for step in steps {
            let before = group.shares();
            let op = match step {
                Step::Restore => {
                    restore(&mut group);
                    continue;
                }
                Step::Append(partition) if partition > partitions => continue,
                Step::Append(partition) => {
                    appended += 1;
                    group.append(partition);
                    continue;
                }
                Step::Subscribe(number, window) => {
                    windows.insert(subscriber(number), window);
                    Op::Subscribe { group: GROUP, consumer: subscriber(number), window }
                }
                Step::Unsubscribe(number, release) => {
                    Op::Unsubscribe { group: GROUP, consumer: subscriber(number), release }
                }
                Step::Gone(owner) => Op::Gone { owner: Owner(owner) },
                Step::Settle(index) => match pick(&group, index) {
                    Some((partition, offset, consumer)) => {
                        Op::Settle { partition, consumer, offsets: OffsetSet::from(offset) }
                    }
                    None => continue,
                },
                Step::Return(index, delay_ms) => match pick(&group, index) {
                    Some((partition, offset, consumer)) => {
                        Op::Return { partition, consumer, offsets: offset.into(), failed: true, delay_ms }
                    }
                    None => continue,
                },
            };
            group.apply(op);
            check_shares(&group, &before);
            check_windows(&group, &windows);
        }
        drain(&mut group, partitions);
        prop_assert_eq!(group.hands.released, appended, "everything is delivered and settled in the end");
    }
}

fn pick(group: &Group, index: Index) -> Option<(PartitionId, Offset, ConsumerId)> {
    let held: Vec<_> = group.hands.held.iter().collect();
    let (at, by) = held.get(index.index(held.len().max(1)))?;
    Some((at.0, at.1, **by))
}

fn restore(group: &mut Group) {
    let mut restore = Restore::new();
    group.shard.freeze().chunks(64).for_each(|chunk| restore.chunk(chunk).unwrap());
    let restored = restore.finish().unwrap();
    restored.check_invariants();
    assert_eq!(restored.digest(), group.shard.digest());
    assert_eq!(restored.group(GROUP), group.shard.group(GROUP));
    group.shard = restored;
}

/// Shares are even, and nothing moved that could have stayed.
fn check_shares(group: &Group, before: &BTreeMap<ConsumerId, BTreeSet<PartitionId>>) {
    let after = group.shares();
    let all = group.info().partitions.len();
    let counts: Vec<usize> = after.values().map(BTreeSet::len).collect();
    if after.is_empty() {
        return;
    }
    assert_eq!(counts.iter().sum::<usize>(), all, "everything is assigned");
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "evenly: {after:?}");
    let kept = |(id, share): (&ConsumerId, &BTreeSet<PartitionId>)| {
        before.get(id).map_or(0, |earlier| earlier.intersection(share).count())
    };
    let kept: usize = after.iter().map(kept).sum();
    assert_eq!(kept, could_stay(before, &after, all), "{before:?} became {after:?}");
}

/// How many partitions can stay where they were when shares must be even.
fn could_stay(
    before: &BTreeMap<ConsumerId, BTreeSet<PartitionId>>,
    after: &BTreeMap<ConsumerId, BTreeSet<PartitionId>>,
    all: usize,
) -> usize {
    let mut counts: Vec<usize> = after.keys().map(|id| before.get(id).map_or(0, BTreeSet::len)).collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let (share, rest) = (all / after.len(), all % after.len());
    counts.into_iter().enumerate().map(|(place, had)| had.min(share + usize::from(place < rest))).sum()
}

/// Nobody holds more than it may, unless its window became smaller or it left and came back with what it had.
fn check_windows(group: &Group, windows: &BTreeMap<ConsumerId, u32>) {
    for known in group.info().subscribers {
        let held = group.hands.held.values().filter(|by| **by == known.id).count() as u64;
        assert_eq!(known.unsettled, held);
        assert_eq!(known.window, windows[&known.id]);
    }
}

/// Settles all there is through a subscriber that stays.
fn drain(group: &mut Group, partitions: u64) {
    group.apply(Op::Gone { owner: Owner(1) });
    group.apply(Op::Gone { owner: Owner(2) });
    assert_eq!(group.hands.held.len(), 0);
    assert_eq!(group.subscribe(30, 3), Outcome::Done);
    // Whatever still waits is ready by then.
    group.shard.apply(1000, Op::Tick, &mut group.hands);
    while let Some(((partition, offset), _)) = group.hands.held.first_key_value() {
        assert!(group.hands.held.len() <= 3, "the window counts for all partitions together");
        group.settle(30, partition.0, offset.0);
    }
    let left: u64 = (1..=partitions).map(|id| group.shard.stats(PartitionId(id)).unwrap().ready).sum();
    assert_eq!(left, 0, "nothing is left lying");
}
