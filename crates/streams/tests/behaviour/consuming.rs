//! Who is given frames, and who may settle them.

use streams::{Op, Outcome, Owner, Settings};

use crate::fixture::{QUEUE, Queue, consumer, set};

#[test]
fn equals_take_turns_and_higher_priorities_come_first_while_they_have_room() {
    let mut queue = Queue::new(Settings::default());
    queue.attach(1, 9, 0);
    queue.attach(2, 9, 0);
    queue.attach(3, 2, 5);
    queue.append_many(6);
    assert_eq!(queue.delivered(), [(3, 0), (3, 1), (1, 2), (2, 3), (1, 4), (2, 5)]);
}

#[test]
fn a_frame_is_settled_only_by_whoever_holds_it() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(2);
    queue.attach(1, 9, 0);
    assert_eq!(queue.settle(2, &[0, 1]), Outcome::Settled { unknown: 2 });
    assert_eq!(queue.give_back(2, &[0], true, 0), Outcome::Settled { unknown: 1 });
    let reject = Op::Reject { partition: QUEUE, consumer: consumer(2), offsets: set(&[1]) };
    assert_eq!(queue.apply(reject), Outcome::Settled { unknown: 1 });
    assert_eq!(queue.settle(1, &[0]), Outcome::Settled { unknown: 0 });
    assert_eq!(queue.settle(1, &[0, 1, 7]), Outcome::Settled { unknown: 2 });
    assert_eq!((queue.stats().unsettled, queue.seen.released.clone()), (0, vec![0..1, 1..2]));
}

#[test]
fn whoever_wants_to_be_alone_is() {
    let mut queue = Queue::new(Settings::default());
    let attach = |number, exclusive| Op::Attach {
        partition: QUEUE,
        consumer: consumer(number),
        window: 1,
        priority: 0,
        exclusive,
    };
    assert_eq!(queue.apply(attach(1, true)), Outcome::Attached { active: true, epoch: 0 });
    assert_eq!(queue.apply(attach(2, false)), Outcome::ExclusiveUse);
    assert_eq!(queue.apply(attach(2, true)), Outcome::ExclusiveUse);
    queue.detach(1);
    assert_eq!(queue.apply(attach(2, false)), Outcome::Attached { active: true, epoch: 0 });
    assert_eq!(queue.apply(attach(1, true)), Outcome::ExclusiveUse);
}

#[test]
fn a_cancelled_consumer_keeps_what_it_holds_and_a_released_one_does_not() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(2);
    queue.attach(1, 9, 0);
    queue.detach(1);
    queue.attach(2, 9, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1)]);
    assert_eq!(queue.settle(1, &[0]), Outcome::Settled { unknown: 0 });
    assert_eq!(queue.release(1), Outcome::Done);
    assert_eq!(queue.delivered(), [(2, 1)]);
    assert_eq!(queue.seen.deliveries.last().map(|last| (last.redelivered, last.failed)), Some((true, 1)));
    assert_eq!(queue.release(1), Outcome::NoConsumer);
}

#[test]
fn what_a_node_held_goes_to_others_when_it_is_gone_and_never_to_itself() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(3);
    for number in [11, 12, 21] {
        queue.attach(number, 1, 0);
    }
    assert_eq!(queue.delivered(), [(11, 0), (12, 1), (21, 2)]);
    queue.apply(Op::Gone { owner: Owner(1) });
    queue.settle(21, &[2]);
    assert_eq!(queue.delivered(), [(21, 0)]);
    assert_eq!(queue.stats().consumers, 1);
}

#[test]
fn a_taken_frame_belongs_to_who_took_it() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(2);
    let take = |settle| Op::Take { partition: QUEUE, consumer: consumer(5), settle };
    let Outcome::Taken(Some(first), 1) = queue.apply(take(false)) else { panic!("a frame is ready") };
    assert_eq!((first.offset.0, first.redelivered), (0, false));
    let Outcome::Taken(Some(_), 0) = queue.apply(take(true)) else { panic!("a frame is ready") };
    assert_eq!(queue.apply(take(true)), Outcome::Taken(None, 0));
    assert_eq!(queue.seen.released, vec![1..2; 1]);
    queue.release(5);
    let Outcome::Taken(Some(again), 0) = queue.apply(take(false)) else { panic!("the frame is back") };
    assert_eq!((again.offset.0, again.redelivered, again.failed, again.acquired), (0, true, 1, 1));
}

#[test]
fn deletion_can_be_conditional_and_tells_consumers() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(2);
    queue.attach(1, 1, 0);
    let delete = |if_unused, if_empty| Op::Delete { partition: QUEUE, if_unused, if_empty };
    assert_eq!(queue.apply(delete(true, false)), Outcome::NotUnused);
    assert_eq!(queue.apply(delete(false, true)), Outcome::NotEmpty);
    assert_eq!(queue.apply(delete(false, false)), Outcome::Deleted(1));
    assert_eq!(queue.seen.cancelled, [1]);
    assert_eq!(queue.settle(1, &[0]), Outcome::NoPartition);
}

#[test]
fn purging_leaves_what_somebody_holds() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(3);
    queue.attach(1, 1, 0);
    assert_eq!(queue.apply(Op::Purge { partition: QUEUE }), Outcome::Purged(2));
    assert_eq!((queue.stats().ready, queue.stats().unsettled), (0, 1));
    queue.give_back(1, &[0], false, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 0)]);
}
