//! One consumer at a time.

use streams::{Op, Outcome, Settings};

use crate::fixture::{QUEUE, Queue, consumer};

fn queue() -> Queue {
    Queue::new(Settings { single_active: true, ..Settings::default() })
}

#[test]
fn the_first_one_gets_everything() {
    let mut queue = queue();
    assert_eq!(queue.attach(1, 2, 0), Outcome::Attached { active: true, epoch: 1 });
    assert_eq!(queue.attach(2, 9, 0), Outcome::Attached { active: false, epoch: 1 });
    queue.append_many(3);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1)]);
    assert!(queue.seen.deliveries.iter().all(|delivery| delivery.epoch == 1));
}

#[test]
fn when_its_channel_ends_its_frames_are_back_in_place_before_the_next_one_starts() {
    let mut queue = queue();
    queue.attach(1, 3, 0);
    queue.attach(2, 9, 0);
    queue.append_many(4);
    queue.delivered();
    queue.settle(1, &[1]);
    queue.delivered();
    queue.release(1);
    assert_eq!(queue.delivered(), [(2, 0), (2, 2), (2, 3)]);
    assert_eq!(queue.activated(), [(1, 1), (2, 2)]);
}

#[test]
fn when_it_is_cancelled_the_next_one_waits_until_nothing_is_held() {
    let mut queue = queue();
    queue.attach(1, 2, 0);
    queue.attach(2, 9, 0);
    queue.append_many(3);
    queue.delivered();
    queue.detach(1);
    assert_eq!((queue.delivered(), queue.activated()), (vec![], vec![(1, 1)]));
    queue.settle(1, &[0]);
    assert_eq!((queue.delivered(), queue.stats().active), (vec![], None));
    queue.give_back(1, &[1], false, 0);
    assert_eq!((queue.delivered(), queue.activated()), (vec![(2, 1), (2, 2)], vec![(2, 2)]));
}

#[test]
fn a_higher_priority_takes_over_once_the_former_holds_nothing() {
    let mut queue = queue();
    queue.attach(1, 1, 0);
    queue.append_many(3);
    assert_eq!(queue.attach(2, 1, 1), Outcome::Attached { active: false, epoch: 1 });
    assert_eq!((queue.delivered(), queue.activated()), (vec![(1, 0)], vec![(1, 1)]));
    queue.settle(1, &[0]);
    assert_eq!((queue.delivered(), queue.activated()), (vec![(2, 1)], vec![(2, 2)]));
}

#[test]
fn if_the_higher_priority_leaves_before_the_former_goes_on() {
    let mut queue = queue();
    queue.attach(1, 1, 0);
    queue.append_many(2);
    queue.attach(2, 1, 1);
    queue.detach(2);
    queue.settle(1, &[0]);
    assert_eq!((queue.delivered(), queue.activated()), (vec![(1, 0), (1, 1)], vec![(1, 1)]));
}

#[test]
fn single_frames_are_not_handed_out() {
    let mut queue = queue();
    queue.append_many(1);
    let take = Op::Take { partition: QUEUE, consumer: consumer(1), settle: true };
    assert_eq!(queue.apply(take), Outcome::SingleActive);
}
