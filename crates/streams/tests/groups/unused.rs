//! Groups that nobody uses.

use streams::{Op, Outcome, PartitionId, Settings};

use crate::hands::{Group, create};

fn expired(group: &Group) -> usize {
    group.shard.expired().count()
}

fn expire(group: &mut Group, partition: u64) -> Outcome {
    group.apply(Op::Expire { partition: PartitionId(partition) })
}

#[test]
fn a_group_that_was_unused_for_too_long_goes_as_a_whole() {
    let settings = Settings { expires_ms: Some(100), ..Settings::default() };
    let mut group = Group::with(3, settings);
    group.apply_at(99, Op::Tick);
    assert_eq!(expire(&mut group, 1), Outcome::NotUnused);
    assert_eq!(group.apply_at(99, create(3, settings)), Outcome::Done, "which counts as use");
    group.apply_at(198, Op::Tick);
    assert_eq!(expired(&group), 0);
    group.apply_at(199, Op::Tick);
    assert_eq!(expired(&group), 3);
    assert_eq!(expire(&mut group, 2), Outcome::Deleted(0));
    assert_eq!((group.shard.partitions().len(), group.shard.groups().len()), (0, 0));
    assert_eq!(expire(&mut group, 2), Outcome::NoPartition);
}

#[test]
fn a_group_with_a_subscriber_does_not_expire() {
    let mut group = Group::with(2, Settings { expires_ms: Some(100), ..Settings::default() });
    group.subscribe(1, 1);
    group.apply_at(1000, Op::Tick);
    assert_eq!(expired(&group), 0);
    assert_eq!(expire(&mut group, 1), Outcome::NotUnused);
}

#[test]
fn a_group_goes_with_its_last_subscriber_and_not_with_one_whose_partitions_move() {
    let mut group = Group::with(2, Settings { auto_delete: true, ..Settings::default() });
    assert_eq!(expired(&group), 0, "it never had one");
    group.subscribe(1, 1);
    group.subscribe(2, 1);
    group.unsubscribe(1, true);
    assert_eq!((expired(&group), expire(&mut group, 1)), (0, Outcome::NotUnused));
    group.unsubscribe(2, true);
    assert_eq!((expired(&group), expire(&mut group, 1)), (2, Outcome::Deleted(0)));
}
