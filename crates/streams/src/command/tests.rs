//! The log's format: what was written comes back, and bytes that were never written are errors.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::error::DecodeError;
use crate::ids::Offset;
use crate::settings::Overflow;

fn partition() -> impl Strategy<Value = PartitionId> {
    any::<u64>().prop_map(PartitionId)
}

fn consumer() -> impl Strategy<Value = ConsumerId> {
    (any::<i64>(), any::<u64>()).prop_map(|(owner, number)| ConsumerId { owner: Owner(owner), number })
}

fn offsets() -> impl Strategy<Value = OffsetSet> {
    prop::collection::vec((any::<u64>(), 0u64..100), 0..6).prop_map(|ranges| {
        let mut set = OffsetSet::new();
        for (start, length) in ranges {
            set.insert_range(Offset(start)..Offset(start.saturating_add(length)));
        }
        set
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let overflow =
        prop_oneof![Just(Overflow::DropHead), Just(Overflow::Refuse), Just(Overflow::RefuseAndDeadLetter)];
    let limits = (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<u64>>());
    let rest = (overflow, any::<u8>(), any::<bool>(), any::<Option<u32>>(), any::<bool>(), any::<bool>());
    (limits, rest).prop_map(|((length_max, bytes_max, ttl_ms, expires_ms), rest)| {
        let (overflow, priorities, single_active, delivery_limit, dead_letters, auto_delete) = rest;
        Settings {
            length_max,
            bytes_max,
            overflow,
            ttl_ms,
            expires_ms,
            priorities,
            single_active,
            delivery_limit,
            dead_letters,
            auto_delete,
        }
    })
}

fn append() -> impl Strategy<Value = Op> {
    let stamp = prop::option::of((any::<u64>(), any::<u32>(), any::<u64>(), any::<bool>()));
    let frame = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    (partition(), frame, any::<u8>(), any::<Option<u64>>(), any::<u64>(), stamp).prop_map(
        |(partition, frame, priority, ttl_ms, delay_ms, stamp)| {
            let stamp =
                stamp.map(|(producer, epoch, sequence, gaps)| Stamp { producer, epoch, sequence, gaps });
            Op::Append { partition, frame, priority, ttl_ms, delay_ms, stamp }
        },
    )
}

fn consuming() -> impl Strategy<Value = Op> {
    let of = (partition(), consumer(), offsets());
    (0..9, of, any::<u32>(), any::<i32>(), any::<bool>(), any::<u64>()).prop_map(
        |(kind, (partition, consumer, offsets), window, priority, flag, delay_ms)| match kind {
            0 => Op::Attach { partition, consumer, window, priority, exclusive: flag },
            1 => Op::Detach { partition, consumer },
            2 => Op::Window { partition, consumer, window },
            3 => Op::Settle { partition, consumer, offsets },
            4 => Op::Return { partition, consumer, offsets, failed: flag, delay_ms },
            5 => Op::Reject { partition, consumer, offsets },
            6 => Op::Take { partition, consumer, settle: flag },
            7 => Op::Release { partition, consumer },
            _ => Op::Gone { owner: consumer.owner },
        },
    )
}

fn grouping() -> impl Strategy<Value = Op> {
    let group = any::<u64>().prop_map(GroupId);
    let partitions = prop::collection::vec(partition(), 0..5);
    let flags = (any::<bool>(), any::<bool>());
    (0..4, group, (partitions, settings()), consumer(), any::<u32>(), flags).prop_map(
        |(kind, group, (partitions, settings), consumer, window, (one, other))| match kind {
            0 => Op::CreateGroup { group, partitions, settings },
            1 => Op::DeleteGroup { group, if_unused: one, if_empty: other },
            2 => Op::Subscribe { group, consumer, window },
            _ => Op::Unsubscribe { group, consumer, release: one },
        },
    )
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (partition(), settings()).prop_map(|(partition, settings)| Op::Create { partition, settings }),
        (partition(), settings()).prop_map(|(partition, settings)| Op::Alter { partition, settings }),
        (partition(), any::<bool>(), any::<bool>()).prop_map(|(partition, if_unused, if_empty)| Op::Delete {
            partition,
            if_unused,
            if_empty
        }),
        partition().prop_map(|partition| Op::Expire { partition }),
        partition().prop_map(|partition| Op::Purge { partition }),
        partition().prop_map(|partition| Op::Unpark { partition }),
        (partition(), offsets()).prop_map(|(partition, offsets)| Op::Bury { partition, offsets }),
        Just(Op::Tick),
        grouping(),
        append(),
        consuming(),
    ]
}

fn encoded(command: &Command) -> Bytes {
    let mut buffer = BytesMut::new();
    command.encode(&mut buffer);
    buffer.freeze()
}

proptest! {
    #[test]
    fn what_was_written_comes_back(ops in prop::collection::vec(op(), 0..12)) {
        let command = Command { ops };
        let bytes = encoded(&command);
        prop_assert_eq!(Command::level_of(&bytes), Ok(command.level()));
        prop_assert_eq!(Command::decode(bytes.clone()), Ok(command));
        for end in 0..bytes.len() {
            prop_assert!(Command::decode(bytes.slice(..end)).is_err(), "cut at {}", end);
        }
    }

    #[test]
    fn damaged_bytes_are_an_error_or_another_command(
        ops in prop::collection::vec(op(), 1..6), at in any::<prop::sample::Index>(), with in any::<u8>()
    ) {
        let mut bytes = BytesMut::from(encoded(&Command { ops }));
        let at = at.index(bytes.len());
        bytes[at] = with;
        if let Ok(command) = Command::decode(bytes.freeze()) {
            prop_assert_eq!(Command::decode(encoded(&command)), Ok(command));
        }
    }

    #[test]
    fn foreign_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        bytes[0] = 1;
        drop(Command::decode(Bytes::from(bytes)));
    }
}

#[test]
fn frames_are_slices_of_the_entry() {
    let frame = Bytes::from(vec![7; 1000]);
    let append =
        Op::Append { partition: PartitionId(1), frame, priority: 0, ttl_ms: None, delay_ms: 0, stamp: None };
    let bytes = encoded(&Command { ops: vec![append] });
    let command = Command::decode(bytes.clone()).unwrap();
    let [Op::Append { frame, .. }] = &command.ops[..] else { panic!("{command:?}") };
    assert!(bytes.as_ptr_range().contains(&frame.as_ptr()));
}

#[test]
fn a_newer_format_and_an_unknown_operation_are_refused() {
    assert_eq!(
        Command::decode(Bytes::from_static(&[5, 1, 17])),
        Err(DecodeError::Format { found: 5, newest: LEVEL_MAX })
    );
    assert_eq!(Command::level_of(&[5, 1, 17]), Ok(5));
    assert_eq!(Command::decode(Bytes::from_static(&[1, 1, 99])), Err(DecodeError::Op { kind: 99 }));
    assert_eq!(Command::decode(Bytes::from_static(&[1, 0, 17])), Err(DecodeError::Trailing { bytes: 1 }));
}

#[test]
fn what_earlier_versions_do_not_know_needs_a_newer_format() {
    let auto_delete = Settings { auto_delete: true, ..Settings::default() };
    let create = |settings| Op::Create { partition: PartitionId(1), settings };
    let levels = [create(Settings::default()), create(auto_delete), Op::Expire { partition: PartitionId(1) }];
    assert_eq!(levels.map(|op| op.level()), [1, 2, 2]);
    let append = |gaps| Op::Append {
        partition: PartitionId(1),
        frame: Bytes::new(),
        priority: 0,
        ttl_ms: None,
        delay_ms: 0,
        stamp: Some(Stamp { producer: 1, epoch: 0, sequence: 1, gaps }),
    };
    assert_eq!([append(false), append(true)].map(|op| op.level()), [1, 4]);
}

#[test]
fn an_append_costs_few_bytes_beside_its_frame() {
    let frame = Bytes::from(vec![7; 100]);
    let append = Op::Append {
        partition: PartitionId(1000),
        frame,
        priority: 0,
        ttl_ms: None,
        delay_ms: 0,
        stamp: None,
    };
    assert!(encoded(&Command { ops: vec![append; 1000] }).len() <= 1000 * 105 + 8);
}
