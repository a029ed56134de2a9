//! Random operations that hit something: which frames and sequences they name is chosen from what is there.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use streams::{ConsumerId, Offset, OffsetSet, Op, Overflow, Owner, PartitionId, Settings, Stamp};

use crate::naive::{Model, State};

#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// How much later than the step before, milliseconds; may be negative.
    pub(crate) later_ms: i64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Plain(Op),
    /// A frame with a stamp that is this far from what comes next.
    Stamped {
        partition: PartitionId,
        producer: u64,
        epoch: u32,
        ahead: i64,
        gaps: bool,
    },
    /// One of those who hold something gives some of it back, or somebody else's.
    GiveBack {
        partition: PartitionId,
        how: How,
        holder: Index,
        frames: Vec<Index>,
        foreign: bool,
    },
    Bury {
        partition: PartitionId,
        frames: Vec<Index>,
    },
    /// The shard is written and read.
    Restore,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    Settle,
    Reject,
    Return { failed: bool, delay_ms: u64 },
    Release,
}

pub(crate) fn partition() -> impl Strategy<Value = PartitionId> {
    prop_oneof![4 => Just(PartitionId(1)), 2 => Just(PartitionId(2)), 1 => Just(PartitionId(3))]
}

fn consumer() -> impl Strategy<Value = ConsumerId> {
    (1i64..3, 0u64..3).prop_map(|(owner, number)| ConsumerId { owner: Owner(owner), number })
}

pub(crate) fn settings() -> impl Strategy<Value = Settings> {
    let rarely = |values: std::ops::Range<u64>| prop_oneof![2 => Just(None), 1 => values.prop_map(Some)];
    let overflow =
        prop_oneof![Just(Overflow::DropHead), Just(Overflow::Refuse), Just(Overflow::RefuseAndDeadLetter)];
    let limits = (rarely(0..6), rarely(0..40), overflow, rarely(0..20), rarely(1..30));
    let rest = (
        prop_oneof![Just(0u8), 1u8..4],
        any::<bool>(),
        prop::option::of(0u32..3),
        any::<bool>(),
        any::<bool>(),
    );
    (limits, rest).prop_map(|((length_max, bytes_max, overflow, ttl_ms, expires_ms), rest)| {
        let (priorities, single_active, delivery_limit, dead_letters, auto_delete) = rest;
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
    let delay_ms = prop_oneof![4 => Just(0u64), 1 => 1u64..15];
    let ttl_ms = prop_oneof![3 => Just(None), 1 => (0u64..15).prop_map(Some)];
    (partition(), 0usize..12, 0u8..6, ttl_ms, delay_ms).prop_map(
        |(partition, bytes, priority, ttl_ms, delay_ms)| {
            let frame = Bytes::from(vec![0; bytes]);
            Op::Append { partition, frame, priority, ttl_ms, delay_ms, stamp: None }
        },
    )
}

fn consuming() -> impl Strategy<Value = Op> {
    let attach = (partition(), consumer(), 0u32..5, -1i32..2, prop::bool::weighted(0.1)).prop_map(
        |(partition, consumer, window, priority, exclusive)| Op::Attach {
            partition,
            consumer,
            window,
            priority,
            exclusive,
        },
    );
    prop_oneof![
        4 => attach,
        1 => (partition(), consumer()).prop_map(|(partition, consumer)| Op::Detach { partition, consumer }),
        1 => (partition(), consumer(), 0u32..5)
            .prop_map(|(partition, consumer, window)| Op::Window { partition, consumer, window }),
        2 => (partition(), consumer(), any::<bool>())
            .prop_map(|(partition, consumer, settle)| Op::Take { partition, consumer, settle }),
        1 => (1i64..3).prop_map(|owner| Op::Gone { owner: Owner(owner) }),
    ]
}

fn administration() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (partition(), settings()).prop_map(|(partition, settings)| Op::Create { partition, settings }),
        2 => (partition(), settings()).prop_map(|(partition, settings)| Op::Alter { partition, settings }),
        1 => (partition(), any::<bool>(), any::<bool>())
            .prop_map(|(partition, if_unused, if_empty)| Op::Delete { partition, if_unused, if_empty }),
        1 => partition().prop_map(|partition| Op::Expire { partition }),
        1 => partition().prop_map(|partition| Op::Purge { partition }),
        1 => partition().prop_map(|partition| Op::Unpark { partition }),
        1 => Just(Op::Tick),
    ]
}

fn give_back() -> impl Strategy<Value = What> {
    let how = prop_oneof![
        3 => Just(How::Settle),
        1 => Just(How::Reject),
        3 => (any::<bool>(), prop_oneof![2 => Just(0u64), 1 => 1u64..10])
            .prop_map(|(failed, delay_ms)| How::Return { failed, delay_ms }),
        1 => Just(How::Release),
    ];
    let frames = prop::collection::vec(any::<Index>(), 1..5);
    (partition(), how, any::<Index>(), frames, prop::bool::weighted(0.1)).prop_map(
        |(partition, how, holder, frames, foreign)| What::GiveBack {
            partition,
            how,
            holder,
            frames,
            foreign,
        },
    )
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        10 => append().prop_map(What::Plain),
        8 => consuming().prop_map(What::Plain),
        3 => administration().prop_map(What::Plain),
        10 => give_back(),
        3 => (partition(), 0u64..3, 0u32..3, -2i64..3, any::<bool>()).prop_map(
            |(partition, producer, epoch, ahead, gaps)| What::Stamped { partition, producer, epoch, ahead, gaps }
        ),
        1 => (partition(), prop::collection::vec(any::<Index>(), 1..4))
            .prop_map(|(partition, frames)| What::Bury { partition, frames }),
        1 => Just(What::Restore),
    ]
}

pub(crate) fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
    let later_ms = prop_oneof![4 => Just(0i64), 4 => 0i64..4, 1 => 0i64..30, 1 => -5i64..0];
    let step = (later_ms, what()).prop_map(|(later_ms, what)| Step { later_ms, what });
    prop::collection::vec(step, 1..count)
}

/// The operation that a step stands for, given what is there.
pub(crate) fn resolve(what: &What, model: &Model) -> Op {
    match what {
        What::Plain(op) => op.clone(),
        What::Restore => Op::Tick,
        What::Stamped { partition, producer, epoch, ahead, gaps } => {
            let appended = model.partitions.get(partition).map_or(0, |partition| partition.frames.len());
            let sequence = (i64::try_from(appended).unwrap() + ahead).max(i64::from(*gaps)).cast_unsigned();
            let stamp = Some(Stamp { producer: *producer, epoch: *epoch, sequence, gaps: *gaps });
            let frame = Bytes::from_static(b"stamped");
            Op::Append { partition: *partition, frame, priority: 0, ttl_ms: None, delay_ms: 0, stamp }
        }
        What::GiveBack { partition, how, holder, frames, foreign } => {
            give_back_op(model, *partition, *how, *holder, frames, *foreign)
        }
        What::Bury { partition, frames } => {
            let dead = |state| matches!(state, State::Dead(_));
            Op::Bury { partition: *partition, offsets: pick(&among(model, *partition, dead), frames) }
        }
    }
}

fn give_back_op(
    model: &Model,
    partition: PartitionId,
    how: How,
    holder: Index,
    frames: &[Index],
    foreign: bool,
) -> Op {
    let frames_of = model.partitions.get(&partition).map_or(&[][..], |partition| &partition.frames);
    let holders: Vec<ConsumerId> = frames_of.iter().filter_map(|frame| holder_of(frame.state)).collect();
    let consumer = match holders.is_empty() {
        true => ConsumerId { owner: Owner(1), number: 0 },
        false => holders[holder.index(holders.len())],
    };
    let is_its = |state| holder_of(state) == Some(consumer);
    let offsets = pick(&among(model, partition, |state| foreign || is_its(state)), frames);
    match how {
        How::Settle => Op::Settle { partition, consumer, offsets },
        How::Reject => Op::Reject { partition, consumer, offsets },
        How::Return { failed, delay_ms } => Op::Return { partition, consumer, offsets, failed, delay_ms },
        How::Release => Op::Release { partition, consumer },
    }
}

fn holder_of(state: State) -> Option<ConsumerId> {
    if let State::Held(by) = state { Some(by) } else { None }
}

fn among(model: &Model, partition: PartitionId, is_meant: impl Fn(State) -> bool) -> Vec<u64> {
    let frames = model.partitions.get(&partition).map_or(&[][..], |partition| &partition.frames);
    frames.iter().filter(|frame| is_meant(frame.state)).map(|frame| frame.offset).collect()
}

fn pick(offsets: &[u64], indexes: &[Index]) -> OffsetSet {
    if offsets.is_empty() {
        return OffsetSet::from(Offset(3));
    }
    indexes.iter().map(|index| Offset(offsets[index.index(offsets.len())])).collect()
}
