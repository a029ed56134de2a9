//! In which order frames are delivered.

use streams::{Op, Settings};

use crate::fixture::{QUEUE, Queue};

#[test]
fn frames_come_in_the_order_of_their_offsets() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(4);
    queue.attach(1, 3, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1), (1, 2)]);
    queue.settle(1, &[1]);
    assert_eq!(queue.delivered(), [(1, 3)]);
}

/// RabbitMQ's quorum queues put it behind other returned ones (rabbitmq-server #10499).
#[test]
fn a_returned_frame_goes_back_to_its_place_whatever_the_order_of_returns() {
    let mut queue = Queue::new(Settings::default());
    queue.append_many(6);
    queue.attach(1, 4, 0);
    queue.apply(Op::Window { partition: QUEUE, consumer: crate::fixture::consumer(1), window: 0 });
    queue.delivered();
    queue.give_back(1, &[2], false, 0);
    queue.give_back(1, &[0], false, 0);
    queue.give_back(1, &[3], true, 0);
    queue.attach(2, 10, 0);
    assert_eq!(queue.delivered(), [(2, 0), (2, 2), (2, 3), (2, 4), (2, 5)]);
    let marks: Vec<_> =
        queue.seen.deliveries[4..].iter().map(|delivery| (delivery.redelivered, delivery.failed)).collect();
    assert_eq!(marks, [(true, 0), (true, 0), (true, 1), (false, 0), (false, 0)]);
}

#[test]
fn higher_priorities_come_first_also_after_a_return_and_too_high_ones_count_as_the_highest() {
    let mut queue = Queue::new(Settings { priorities: 3, ..Settings::default() });
    for priority in [0, 2, 3, 200, 2, 0] {
        queue.append_with(priority, None, 0);
    }
    queue.attach(1, 4, 0);
    assert_eq!(queue.delivered(), [(1, 2), (1, 3), (1, 1), (1, 4)]);
    queue.detach(1);
    queue.give_back(1, &[1, 3, 4], false, 0);
    queue.append_with(3, None, 0);
    queue.attach(2, 10, 0);
    assert_eq!(queue.delivered(), [(2, 3), (2, 6), (2, 1), (2, 4), (2, 0), (2, 5)]);
}

#[test]
fn without_priorities_all_frames_are_equal() {
    let mut queue = Queue::new(Settings::default());
    queue.append_with(0, None, 0);
    queue.append_with(9, None, 0);
    queue.attach(1, 9, 0);
    assert_eq!(queue.delivered(), [(1, 0), (1, 1)]);
}
