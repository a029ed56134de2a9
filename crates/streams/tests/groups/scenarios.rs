//! The rules of groups, one at a time.

use streams::{Op, Outcome, Owner, PartitionId, Settings};

use crate::hands::{GROUP, Group, subscriber};

fn counts(group: &Group) -> Vec<usize> {
    group.info().subscribers.iter().map(|known| known.partitions.len()).collect()
}

#[test]
fn the_first_subscriber_gets_all_partitions_and_later_ones_their_share() {
    let mut group = Group::new(7);
    group.subscribe(1, 10);
    assert_eq!(counts(&group), [7]);
    group.subscribe(2, 10);
    assert_eq!(counts(&group), [4, 3]);
    group.subscribe(3, 10);
    assert_eq!(counts(&group), [3, 2, 2]);
    group.unsubscribe(2, true);
    assert_eq!(counts(&group), [4, 3]);
}

#[test]
fn a_partition_moves_only_when_its_holder_has_settled() {
    let mut group = Group::new(2);
    group.subscribe(1, 10);
    for partition in [1, 1, 2, 2] {
        group.append(partition);
    }
    assert_eq!(group.delivered(), [(1, 1, 0), (1, 1, 1), (1, 2, 0), (1, 2, 1)]);
    group.subscribe(2, 10);
    group.append(2);
    assert_eq!(group.shares()[&subscriber(2)].iter().copied().collect::<Vec<_>>(), [PartitionId(2)]);
    group.settle(1, 2, 1);
    assert_eq!(group.delivered(), [], "the former holder gets no more, the next one nothing yet");
    group.settle(1, 2, 0);
    assert_eq!(group.delivered(), [(2, 2, 2)]);
}

#[test]
fn what_a_lost_subscriber_held_goes_in_order_to_the_next_one() {
    let mut group = Group::new(1);
    group.subscribe(11, 2);
    group.subscribe(21, 9);
    for _ in 0..3 {
        group.append(1);
    }
    group.delivered();
    group.apply(Op::Gone { owner: Owner(1) });
    assert_eq!(group.delivered(), [(21, 1, 0), (21, 1, 1), (21, 1, 2)]);
}

#[test]
fn the_window_counts_for_all_partitions_together_and_they_take_turns() {
    let mut group = Group::new(3);
    for partition in [1, 1, 2, 2, 3, 3] {
        group.append(partition);
    }
    group.subscribe(1, 2);
    assert_eq!(group.delivered(), [(1, 1, 0), (1, 2, 0)]);
    group.settle(1, 1, 0);
    group.settle(1, 2, 0);
    group.subscribe(1, 4);
    assert_eq!(group.delivered(), [(1, 3, 0), (1, 1, 1), (1, 2, 1), (1, 3, 1)]);
}

#[test]
fn partitions_of_a_group_are_consumed_and_deleted_with_it() {
    let mut group = Group::new(2);
    let (partition, consumer) = (PartitionId(1), subscriber(1));
    let attach = Op::Attach { partition, consumer, window: 1, priority: 0, exclusive: false };
    assert_eq!(group.apply(attach), Outcome::Grouped);
    assert_eq!(group.apply(Op::Take { partition, consumer, settle: true }), Outcome::SingleActive);
    assert_eq!(group.apply(Op::Delete { partition, if_unused: false, if_empty: false }), Outcome::Grouped);
    let alter = Op::Alter { partition, settings: Settings { priorities: 3, ..Settings::default() } };
    assert_eq!(group.apply(alter), Outcome::Done);
    assert!(group.shard.stats(partition).unwrap().settings.single_active, "that is how a group works");
    group.append(2);
    let delete = |if_unused, if_empty| Op::DeleteGroup { group: GROUP, if_unused, if_empty };
    assert_eq!(group.apply(delete(false, true)), Outcome::NotEmpty);
    group.subscribe(1, 0);
    assert_eq!(group.apply(delete(true, false)), Outcome::NotUnused);
    assert_eq!(group.apply(delete(false, false)), Outcome::Deleted(1));
    assert_eq!((group.shard.partitions().len(), group.shard.groups().len()), (0, 0));
    assert_eq!(group.subscribe(1, 1), Outcome::NoGroup);
}

#[test]
fn a_group_is_made_of_new_partitions() {
    let mut group = Group::new(2);
    let create = |id, partitions: &[u64]| Op::CreateGroup {
        group: streams::GroupId(id),
        partitions: partitions.iter().copied().map(PartitionId).collect(),
        settings: Settings::default(),
    };
    assert_eq!(group.apply(create(1, &[9])), Outcome::Done);
    assert_eq!(group.apply(create(2, &[2, 3])), Outcome::BadGroup);
    assert_eq!(group.apply(create(2, &[])), Outcome::BadGroup);
    assert_eq!(group.apply(create(2, &(10..1035).collect::<Vec<_>>())), Outcome::BadGroup);
    assert_eq!(group.apply(create(2, &[4, 3])), Outcome::Created);
}
