//! Frames that nobody gets.

use streams::{DeathReason, Offset, Op, Outcome, Overflow, PartitionId, Settings};

use crate::fixture::{QUEUE, Queue, consumer, set};

fn limited(overflow: Overflow) -> Settings {
    Settings { length_max: Some(2), overflow, dead_letters: true, ..Settings::default() }
}

#[test]
fn the_head_gives_way() {
    let mut queue = Queue::new(limited(Overflow::DropHead));
    queue.append_many(3);
    assert_eq!(queue.died(), [(0..1, DeathReason::MaxLen)]);
    assert_eq!((queue.stats().ready, queue.stats().dead), (2, 1));
}

#[test]
fn what_somebody_holds_does_not_count() {
    let mut queue = Queue::new(limited(Overflow::Refuse));
    queue.attach(1, 2, 0);
    queue.append_many(4);
    assert_eq!(queue.append(), Outcome::Refused);
    queue.settle(1, &[0]);
    assert_eq!(queue.append(), Outcome::Appended(Offset(4)));
}

#[test]
fn a_refused_frame_can_become_a_dead_letter() {
    let mut queue = Queue::new(limited(Overflow::RefuseAndDeadLetter));
    queue.append_many(2);
    assert_eq!(queue.append(), Outcome::Refused);
    assert_eq!(queue.died(), [(2..3, DeathReason::MaxLen)]);
    queue.attach(1, 9, 0);
    queue.append_many(1);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1), (1, 3)]);
}

#[test]
fn bytes_are_limited_too() {
    let settings = Settings { bytes_max: Some(25), overflow: Overflow::Refuse, ..Settings::default() };
    let mut queue = Queue::new(settings);
    queue.append_many(2);
    assert_eq!((queue.append(), queue.stats().ready_bytes), (Outcome::Refused, 20));
}

#[test]
fn the_dead_wait_until_they_are_buried() {
    let mut queue = Queue::new(Settings { dead_letters: true, ..Settings::default() });
    queue.append_many(4);
    queue.attach(1, 9, 0);
    queue.apply(Op::Reject { partition: QUEUE, consumer: consumer(1), offsets: set(&[0, 1, 3]) });
    let from = (PartitionId(0), Offset(0));
    let dead = queue.shard.dead(from, 10);
    let range = |start, end| (QUEUE, Offset(start)..Offset(end), DeathReason::Rejected);
    assert_eq!(dead, [range(0, 2), range(3, 4)]);
    assert_eq!(queue.shard.dead((QUEUE, Offset(1)), 1), [range(1, 2)]);
    assert_eq!(queue.seen.released, []);
    let bury = Op::Bury { partition: QUEUE, offsets: set(&[0, 2, 3]) };
    assert_eq!(queue.apply(bury), Outcome::Settled { unknown: 1 });
    assert_eq!(queue.seen.released, [0..1, 3..4]);
    assert_eq!(queue.shard.dead(from, 10), [range(1, 2)]);
}

#[test]
fn over_the_delivery_limit_a_frame_dies() {
    let mut queue =
        Queue::new(Settings { delivery_limit: Some(1), dead_letters: true, ..Settings::default() });
    queue.append_many(1);
    queue.attach(1, 1, 0);
    queue.give_back(1, &[0], true, 0);
    queue.give_back(1, &[0], false, 0);
    assert_eq!(queue.died(), []);
    queue.give_back(1, &[0], true, 0);
    assert_eq!(queue.died(), [(0..1, DeathReason::DeliveryLimit)]);
}

/// RabbitMQ drops it.
#[test]
fn without_dead_letters_it_is_parked_and_blocks_nobody() {
    let mut queue = Queue::new(Settings { delivery_limit: Some(0), ..Settings::default() });
    queue.append_many(2);
    queue.attach(1, 1, 0);
    queue.give_back(1, &[0], true, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1)]);
    assert_eq!((queue.stats().parked, queue.stats().head), (1, Offset(0)));
    assert_eq!(queue.apply(Op::Purge { partition: QUEUE }), Outcome::Purged(0));
    assert_eq!(queue.apply(Op::Unpark { partition: QUEUE }), Outcome::Unparked(1));
    queue.settle(1, &[1]);
    let last = queue.seen.deliveries.last().unwrap();
    assert_eq!((last.offset, last.redelivered, last.failed, last.acquired), (Offset(0), true, 0, 1));
}
