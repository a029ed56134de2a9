//! A shard does what a naive model does, whatever happens, and some things never.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod history;
mod naive;
mod steps;

use std::collections::BTreeSet;

use history::History;
use naive::{Model, Partition, State};
use proptest::prelude::*;
use steps::{Step, What, resolve, settings, steps};
use streams::{
    ConsumerId, ConsumerInfo, Delivery, Frozen, Offset, Op, Owner, PartitionId, Restore, Shard, Stats,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_shard_does_what_the_model_does(first in settings(), steps in steps(120)) {
        run(first, steps);
    }

    #[test]
    fn single_active_consumers_share_nothing(first in settings(), steps in steps(120)) {
        let single_active = |settings: streams::Settings| streams::Settings { single_active: true, ..settings };
        let steps = steps.into_iter().map(|mut step| {
            if let What::Plain(Op::Alter { settings, .. } | Op::Create { settings, .. }) = &mut step.what {
                *settings = single_active(*settings);
            }
            step
        });
        let history = run(single_active(first), steps.collect());
        (1..=3).for_each(|id| history.check_single_active(PartitionId(id)));
    }
}

/// How many cases, unless the environment says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(600)
}

fn run(first: streams::Settings, steps: Vec<Step>) -> History {
    let mut subject = Subject { shard: Shard::new(), frozen: Vec::new() };
    let mut model = Model::new();
    let mut history = History::default();
    let mut time_ms = 1000;
    let begin =
        Step { later_ms: 0, what: What::Plain(Op::Create { partition: PartitionId(1), settings: first }) };
    for (number, step) in std::iter::once(begin).chain(steps).enumerate() {
        time_ms += step.later_ms;
        if matches!(step.what, What::Restore) {
            subject.restore();
        }
        let op = resolve(&step.what, &model);
        let is_due = subject.shard.next_deadline_ms().is_some_and(|deadline_ms| deadline_ms <= time_ms);
        if is_due && number % 2 == 0 {
            apply(&mut subject.shard, &mut model, &mut history, time_ms, &Op::Tick);
        } else if is_due {
            history.look_away();
        }
        history.before(&op);
        apply(&mut subject.shard, &mut model, &mut history, time_ms, &op);
        if is_due {
            history.resume(&subject.shard);
        }
        compare(&subject.shard, &model, &history);
    }
    subject.check_frozen();
    history
}

fn apply(shard: &mut Shard, model: &mut Model, history: &mut History, time_ms: i64, op: &Op) {
    let outcome = shard.apply(time_ms, op.clone(), history);
    let expected = model.apply(time_ms, op);
    assert_eq!((outcome, history.take()), expected, "by {op:?}");
}

/// A shard, and views of it from earlier with what they had to say then.
struct Subject {
    shard: Shard,
    frozen: Vec<(Frozen, u64)>,
}

impl Subject {
    /// Goes on with a shard that was written and read; the view stays, and must not change.
    fn restore(&mut self) {
        let frozen = self.shard.freeze();
        let digest = self.shard.digest();
        let mut restore = Restore::new();
        frozen.chunks(64).for_each(|chunk| restore.chunk(chunk).unwrap());
        self.shard = restore.finish().unwrap();
        assert_eq!(self.shard.digest(), digest, "what was restored is what was written");
        // Also as it comes to stand without being written.
        self.frozen.push((self.shard.freeze(), digest));
    }

    fn check_frozen(&self) {
        for (frozen, digest) in &self.frozen {
            assert_eq!(frozen.digest(), *digest, "a view does not change");
        }
    }
}

fn compare(shard: &Shard, model: &Model, history: &History) {
    shard.check_invariants();
    assert_eq!(shard.next_deadline_ms(), model.next_deadline_ms());
    assert!(shard.next_deadline_ms() > Some(shard.time_ms()) || shard.next_deadline_ms().is_none());
    assert_eq!(shard.partitions().collect::<Vec<_>>(), model.partitions.keys().copied().collect::<Vec<_>>());
    let expired = model.partitions.iter().filter(|(_, partition)| partition.is_to_go()).map(|(id, _)| *id);
    assert_eq!(shard.expired().collect::<Vec<_>>(), expired.collect::<Vec<_>>());
    let frozen = shard.freeze();
    for (id, partition) in &model.partitions {
        assert_eq!(shard.stats(*id), Some(stats(partition)));
        assert_eq!(shard.consumers(*id).collect::<Vec<_>>(), consumers(partition));
        let live: Vec<_> = frozen.live_within(*id, Offset(0)..Offset(u64::MAX)).iter().collect();
        assert_eq!(live, history.live(*id), "no frame is lost, and none comes back");
        let some: Vec<_> = frozen.live_within(*id, Offset(2)..Offset(7)).iter().collect();
        assert_eq!(some, live.into_iter().filter(|offset| (2..7).contains(&offset.0)).collect::<Vec<_>>());
    }
    compare_lists(shard, model);
}

/// What is listed in pages, with pages of different sizes.
fn compare_lists(shard: &Shard, model: &Model) {
    let all = shard.dead((PartitionId(0), Offset(0)), usize::MAX);
    let dead = all.into_iter().flat_map(|(id, range, reason)| {
        (range.start.0..range.end.0).map(move |offset| (id, offset, State::Dead(reason)))
    });
    let expected = model.partitions.iter().flat_map(|(id, partition)| {
        let dead = partition.frames.iter().filter(|frame| matches!(frame.state, State::Dead(_)));
        dead.map(|frame| (*id, frame.offset, frame.state))
    });
    assert_eq!(dead.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    for owner in [Owner(1), Owner(2)] {
        let mut held = Vec::new();
        let mut from = (PartitionId(0), ConsumerId { owner, number: 0 }, Offset(0));
        loop {
            let page = shard.held(owner, from, 2);
            let Some((consumer, last)) = page.last() else { break };
            from = (last.partition, *consumer, Offset(last.offset.0 + 1));
            held.extend(page);
        }
        assert_eq!(held, held_by_owner(model, owner));
    }
}

fn held_by_owner(model: &Model, owner: Owner) -> Vec<(ConsumerId, Delivery)> {
    let held = model.partitions.iter().flat_map(|(id, partition)| {
        let epoch = if partition.settings.single_active { partition.epoch } else { 0 };
        partition.frames.iter().filter_map(move |frame| match frame.state {
            State::Held(by) if by.owner == owner => {
                let acquired = frame.acquired - 1;
                let (offset, failed) = (Offset(frame.offset), frame.failed);
                let redelivered = acquired > 0;
                Some((by, Delivery { partition: *id, offset, redelivered, failed, acquired, epoch }))
            }
            _ => None,
        })
    });
    let mut held: Vec<_> = held.collect();
    held.sort_by_key(|(by, delivery)| (delivery.partition, *by, delivery.offset));
    held
}

fn stats(partition: &Partition) -> Stats {
    let count = |is_meant: fn(State) -> bool| {
        partition.frames.iter().filter(|frame| is_meant(frame.state)).count() as u64
    };
    let tail = partition.frames.len() as u64;
    let live = partition.frames.iter().find(|frame| frame.state != State::Gone);
    Stats {
        settings: partition.settings,
        ready: partition.count(State::Ready),
        ready_bytes: partition.ready_bytes(),
        unsettled: count(|state| matches!(state, State::Held(_))),
        delayed: count(|state| matches!(state, State::Delayed(_))),
        parked: partition.count(State::Parked),
        dead: count(|state| matches!(state, State::Dead(_))),
        consumers: partition.consumers.len() as u64,
        active: partition.active,
        epoch: partition.epoch,
        producers: partition.producers(),
        head: Offset(live.map_or(tail, |frame| frame.offset)),
        tail: Offset(tail),
        used_ms: partition.used_ms,
        expired: partition.is_to_go(),
    }
}

fn consumers(partition: &Partition) -> Vec<ConsumerInfo> {
    let holding = partition.frames.iter().filter_map(|frame| match frame.state {
        State::Held(by) => Some(by),
        _ => None,
    });
    let known: BTreeSet<_> = holding.chain(partition.consumers.iter().map(|consumer| consumer.id)).collect();
    let info = |id: ConsumerId| {
        let attachment = partition.consumers.iter().find(|consumer| consumer.id == id);
        let is_served = !partition.settings.single_active || partition.active == Some(id);
        ConsumerInfo {
            id,
            attached: attachment.is_some(),
            window: attachment.map_or(0, |attachment| attachment.window),
            priority: attachment.map_or(0, |attachment| attachment.priority),
            active: attachment.is_some() && is_served,
            unsettled: partition.held_by(id).len() as u64,
        }
    };
    known.into_iter().map(info).collect()
}
