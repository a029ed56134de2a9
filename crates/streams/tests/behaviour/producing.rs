//! Frames that are sent again.

use bytes::Bytes;
use streams::{Offset, Op, Outcome, Overflow, Settings, Stamp};

use crate::fixture::{QUEUE, Queue};

fn stamped(queue: &mut Queue, producer: u64, epoch: u32, sequence: u64) -> Outcome {
    append(queue, Stamp { producer, epoch, sequence, gaps: false })
}

fn append(queue: &mut Queue, stamp: Stamp) -> Outcome {
    let stamp = Some(stamp);
    let frame = Bytes::from_static(b"frame");
    queue.apply(Op::Append { partition: QUEUE, frame, priority: 0, ttl_ms: None, delay_ms: 0, stamp })
}

#[test]
fn a_sequence_is_accepted_once_and_without_gaps() {
    let mut queue = Queue::new(Settings::default());
    assert_eq!(stamped(&mut queue, 1, 0, 7), Outcome::Appended(Offset(0)));
    assert_eq!(stamped(&mut queue, 1, 0, 8), Outcome::Appended(Offset(1)));
    assert_eq!(stamped(&mut queue, 1, 0, 8), Outcome::Duplicate(Some(Offset(1))));
    assert_eq!(stamped(&mut queue, 1, 0, 7), Outcome::Duplicate(None));
    assert_eq!(stamped(&mut queue, 1, 0, 10), Outcome::Stale { epoch: 0, expected: 9 });
    assert_eq!(stamped(&mut queue, 2, 0, 0), Outcome::Appended(Offset(2)));
    assert_eq!(queue.stats().tail, Offset(3));
}

#[test]
fn a_new_epoch_locks_out_those_before_it() {
    let mut queue = Queue::new(Settings::default());
    stamped(&mut queue, 1, 3, 5);
    assert_eq!(stamped(&mut queue, 1, 4, 0), Outcome::Appended(Offset(1)));
    assert_eq!(stamped(&mut queue, 1, 3, 6), Outcome::Stale { epoch: 4, expected: 1 });
}

#[test]
fn a_refused_frame_is_expected_again() {
    let settings = Settings { length_max: Some(1), overflow: Overflow::Refuse, ..Settings::default() };
    let mut queue = Queue::new(settings);
    stamped(&mut queue, 1, 0, 0);
    assert_eq!(stamped(&mut queue, 1, 0, 1), Outcome::Refused);
    queue.apply(Op::Purge { partition: QUEUE });
    assert_eq!(stamped(&mut queue, 1, 0, 1), Outcome::Appended(Offset(1)));
}

#[test]
fn the_producer_that_was_silent_for_longest_is_forgotten() {
    let mut queue = Queue::new(Settings::default());
    for producer in 0..1024 {
        queue.time_ms = producer;
        stamped(&mut queue, producer.cast_unsigned(), 0, 0);
    }
    queue.time_ms = 5000;
    assert_eq!(stamped(&mut queue, 0, 0, 0), Outcome::Duplicate(Some(Offset(0))));
    stamped(&mut queue, 5000, 0, 0);
    assert_eq!(queue.stats().producers, 1024);
    assert_eq!(stamped(&mut queue, 0, 0, 0), Outcome::Duplicate(Some(Offset(0))));
    assert!(matches!(stamped(&mut queue, 1, 0, 0), Outcome::Appended(_)));
}

#[test]
fn with_gaps_a_sequence_needs_only_be_higher() {
    let mut queue = Queue::new(Settings::default());
    let mut stamped =
        |epoch, sequence| append(&mut queue, Stamp { producer: 1, epoch, sequence, gaps: true });
    assert_eq!(stamped(0, 3), Outcome::Appended(Offset(0)));
    assert_eq!(stamped(0, 9), Outcome::Appended(Offset(1)));
    assert_eq!(stamped(0, 9), Outcome::Duplicate(Some(Offset(1))));
    assert_eq!(stamped(0, 3), Outcome::Duplicate(None));
    assert_eq!(stamped(1, 1), Outcome::Appended(Offset(2)));
    assert_eq!(stamped(0, 10), Outcome::Stale { epoch: 1, expected: 2 });
}

#[test]
fn with_gaps_nothing_overtakes_what_was_refused() {
    let settings = Settings { length_max: Some(1), overflow: Overflow::Refuse, ..Settings::default() };
    let mut queue = Queue::new(settings);
    let stamp = |sequence| Stamp { producer: 1, epoch: 0, sequence, gaps: true };
    append(&mut queue, Stamp { producer: 2, ..stamp(1) });
    assert_eq!(append(&mut queue, stamp(4)), Outcome::Refused, "the first that is seen");
    queue.apply(Op::Purge { partition: QUEUE });
    assert_eq!(append(&mut queue, stamp(6)), Outcome::Stale { epoch: 0, expected: 4 });
    assert_eq!(append(&mut queue, stamp(4)), Outcome::Appended(Offset(1)));
    assert_eq!(append(&mut queue, stamp(9)), Outcome::Refused);
    assert_eq!(append(&mut queue, stamp(6)), Outcome::Refused);
    queue.apply(Op::Purge { partition: QUEUE });
    assert_eq!(append(&mut queue, stamp(9)), Outcome::Stale { epoch: 0, expected: 6 });
    assert_eq!(append(&mut queue, stamp(6)), Outcome::Appended(Offset(2)));
    queue.apply(Op::Purge { partition: QUEUE });
    assert_eq!(append(&mut queue, stamp(9)), Outcome::Appended(Offset(3)));
    // Another life of the producer owes nothing.
    assert_eq!(append(&mut queue, stamp(12)), Outcome::Refused);
    queue.apply(Op::Purge { partition: QUEUE });
    assert_eq!(append(&mut queue, Stamp { epoch: 1, ..stamp(20) }), Outcome::Appended(Offset(4)));
}
