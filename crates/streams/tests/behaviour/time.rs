//! What happens because time passes.

use streams::{DeathReason, Op, Outcome, Settings};

use crate::fixture::{QUEUE, Queue, consumer};

fn dead_lettered() -> Settings {
    Settings { dead_letters: true, ..Settings::default() }
}

#[test]
fn frames_expire_only_at_the_head() {
    let mut queue = Queue::new(dead_lettered());
    queue.append_with(0, Some(100), 0);
    queue.append_with(0, Some(10), 0);
    assert_eq!(queue.shard.next_deadline_ms(), Some(100));
    queue.pass(50);
    assert_eq!(queue.died(), []);
    queue.pass(50);
    assert_eq!(queue.died(), [(0..2, DeathReason::Expired)]);
}

#[test]
fn an_expired_frame_is_not_delivered_to_whoever_comes_later() {
    let mut queue = Queue::new(dead_lettered());
    queue.append();
    queue.append_with(0, Some(10), 0);
    queue.append();
    queue.pass(10);
    queue.attach(1, 9, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 2)]);
    assert_eq!(queue.died(), [(1..2, DeathReason::Expired)]);
}

#[test]
fn the_shorter_time_to_live_counts() {
    let mut queue = Queue::new(Settings { ttl_ms: Some(20), ..dead_lettered() });
    queue.append_with(0, Some(30), 0);
    queue.append_with(0, Some(10), 0);
    queue.pass(19);
    assert_eq!(queue.died(), []);
    queue.pass(1);
    assert_eq!(queue.died(), [(0..2, DeathReason::Expired)]);
}

#[test]
fn a_frame_that_may_not_wait_is_delivered_at_once_or_dies() {
    let mut queue = Queue::new(dead_lettered());
    queue.append_with(0, Some(0), 0);
    assert_eq!(queue.died(), [(0..1, DeathReason::Expired)]);
    queue.attach(1, 1, 0);
    queue.append_with(0, Some(0), 0);
    queue.append_with(0, Some(0), 0);
    assert_eq!((queue.delivered(), queue.died()), (vec![(1, 1)], vec![(2..3, DeathReason::Expired)]));
}

#[test]
fn a_delayed_frame_is_ready_in_time_at_its_place() {
    let mut queue = Queue::new(Settings::default());
    queue.append_with(0, None, 10);
    queue.append_many(2);
    assert_eq!((queue.stats().ready, queue.stats().delayed), (2, 1));
    assert_eq!(queue.shard.next_deadline_ms(), Some(10));
    queue.pass(10);
    queue.attach(1, 9, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1), (1, 2)]);
    assert!(!queue.seen.deliveries[0].redelivered);
}

#[test]
fn a_returned_frame_can_wait_too() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(2);
    queue.attach(1, 9, 0);
    queue.give_back(1, &[0], true, 10);
    queue.pass(9);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1)]);
    queue.pass(1);
    assert_eq!(queue.delivered(), [(1, 0)]);
}

#[test]
fn time_never_goes_back() {
    let mut queue = Queue::new(dead_lettered());
    queue.time_ms = 1000;
    queue.append_with(0, Some(10), 0);
    queue.pass(-900);
    queue.append_with(0, Some(5), 0);
    assert_eq!((queue.shard.time_ms(), queue.shard.next_deadline_ms()), (1000, Some(1010)));
}

#[test]
fn an_unused_partition_is_reported_once_until_it_is_used_again() {
    let mut queue = Queue::new(Settings { expires_ms: Some(100), ..Settings::default() });
    queue.pass(50);
    queue.attach(1, 1, 0);
    queue.pass(1000);
    assert_eq!((queue.seen.expired, queue.shard.next_deadline_ms()), (false, None));
    queue.detach(1);
    queue.pass(99);
    assert!(!queue.seen.expired);
    queue.pass(1);
    assert!(std::mem::take(&mut queue.seen.expired));
    assert_eq!(queue.shard.expired().collect::<Vec<_>>(), [QUEUE]);
    queue.pass(500);
    assert!(!queue.seen.expired);
    queue.apply(Op::Create { partition: QUEUE, settings: Settings::default() });
    assert_eq!((queue.shard.expired().count(), queue.shard.next_deadline_ms()), (0, Some(1750)));
}

fn with_consumers() -> Queue {
    let mut queue = Queue::new(Settings { auto_delete: true, ..Settings::default() });
    queue.append();
    queue.attach(11, 1, 0);
    queue.attach(21, 1, 0);
    queue
}

#[test]
fn what_goes_with_its_last_consumer_expires_however_that_is_lost() {
    let gone = |number: u64| Op::Gone { owner: consumer(number).owner };
    let release = |number| Op::Release { partition: QUEUE, consumer: consumer(number) };
    let detach = |number| Op::Detach { partition: QUEUE, consumer: consumer(number) };
    let ways: [&dyn Fn(u64) -> Op; 3] = [&gone, &release, &detach];
    for way in ways {
        let mut queue = with_consumers();
        queue.apply(way(11));
        assert!(!queue.seen.expired, "one is left");
        assert_eq!(queue.apply(Op::Expire { partition: QUEUE }), Outcome::NotUnused);
        queue.apply(way(21));
        assert!(queue.seen.expired && queue.stats().expired);
        assert_eq!(
            queue.apply(Op::Expire { partition: QUEUE }),
            Outcome::Deleted(u64::from(way(1) != detach(1)))
        );
        assert_eq!(queue.apply(Op::Expire { partition: QUEUE }), Outcome::NoPartition);
    }
}

#[test]
fn what_goes_with_its_last_consumer_waits_for_its_first() {
    let mut queue = Queue::new(Settings { auto_delete: true, ..Settings::default() });
    queue.append();
    queue.apply(Op::Take { partition: QUEUE, consumer: consumer(1), settle: true });
    queue.release(1);
    queue.pass(1_000_000);
    assert_eq!(queue.apply(Op::Expire { partition: QUEUE }), Outcome::NotUnused);
}

#[test]
fn what_lost_its_last_consumer_stays_if_somebody_comes_in_time() {
    let create = Op::Create { partition: QUEUE, settings: Settings::default() };
    let attach =
        Op::Attach { partition: QUEUE, consumer: consumer(31), window: 1, priority: 0, exclusive: false };
    let take = Op::Take { partition: QUEUE, consumer: consumer(31), settle: true };
    for (op, stays) in [(create, true), (attach, true), (take, false)] {
        let mut queue = with_consumers();
        queue.release(11);
        queue.release(21);
        queue.apply(op);
        let stayed = queue.apply(Op::Expire { partition: QUEUE }) == Outcome::NotUnused;
        assert_eq!(stayed, stays, "looking at it is no use of it");
    }
}

#[test]
fn that_the_last_consumer_was_lost_is_not_forgotten_with_other_settings() {
    let settings = Settings { auto_delete: true, ..Settings::default() };
    let mut queue = with_consumers();
    queue.release(11);
    queue.release(21);
    queue.apply(Op::Alter { partition: QUEUE, settings: Settings { expires_ms: Some(10), ..settings } });
    assert!(queue.stats().expired);
    queue.apply(Op::Alter { partition: QUEUE, settings: Settings::default() });
    assert!(!queue.stats().expired);
}
