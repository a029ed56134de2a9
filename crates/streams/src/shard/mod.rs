//! A shard: many partitions in one group's log.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub use groups::{GroupInfo, SubscriberInfo};

use crate::command::Op;
use crate::effects::Effects;
use crate::group::Group;
use crate::ids::{ConsumerId, GroupId, Offset, Owner, PartitionId};
use crate::offsets::OffsetSet;
use crate::outcome::{DeathReason, Delivery, Outcome};
use crate::partition::{Append, Attach, ConsumerInfo, Context, Partition, Reporter, Return, Stats};
use crate::settings::Settings;
use crate::snapshot::Frozen;

/// The state of one shard. Changes only by [`Shard::apply`].
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// The latest time of all operations.
    time_ms: i64,
    /// Shared with views of the shard that were frozen; whoever changes a shared one makes a copy first.
    partitions: BTreeMap<PartitionId, Arc<Partition>>,
    /// Shared in the same way.
    groups: BTreeMap<GroupId, Arc<Group>>,
    /// Partitions by when time changes them next.
    wakes: BTreeSet<(i64, PartitionId)>,
}

impl Shard {
    /// A shard without partitions, before all time.
    #[must_use]
    pub fn new() -> Self {
        Self::restored(i64::MIN, BTreeMap::new())
    }

    pub(crate) fn restored(time_ms: i64, partitions: BTreeMap<PartitionId, Arc<Partition>>) -> Self {
        let mut shard = Self { time_ms, partitions, ..Self::default() };
        for (id, partition) in &mut shard.partitions {
            update_wake(*id, Arc::make_mut(partition), &mut shard.wakes);
        }
        shard
    }

    /// Applies one operation at the time of its entry, milliseconds since 1970. Time never goes back: an earlier time counts
    /// as the latest one so far. What time has changed in any partition happens first.
    pub fn apply(&mut self, time_ms: i64, op: Op, effects: &mut dyn Effects) -> Outcome {
        self.time_ms = self.time_ms.max(time_ms);
        self.wake(effects);
        match op {
            Op::Attach { partition, .. }
            | Op::Detach { partition, .. }
            | Op::Window { partition, .. }
            | Op::Release { partition, .. }
            | Op::Delete { partition, .. }
                if self.is_grouped(partition) =>
            {
                Outcome::Grouped
            }
            Op::CreateGroup { group, partitions, settings } => self.create_group(group, partitions, settings),
            Op::DeleteGroup { group, if_unused, if_empty } => {
                self.delete_group(group, if_unused, if_empty, effects)
            }
            Op::Subscribe { group, consumer, window } => self.subscribe(group, consumer, window, effects),
            Op::Unsubscribe { group, consumer, release } => {
                self.unsubscribe(group, consumer, release, effects)
            }
            Op::Create { partition, settings } => self.create(partition, settings),
            Op::Delete { partition, if_unused, if_empty } => {
                self.delete(partition, if_unused, if_empty, effects)
            }
            Op::Expire { partition } => self.expire(partition, effects),
            Op::Gone { owner } => self.gone(owner, effects),
            Op::Tick => Outcome::Done,
            Op::Alter { partition, settings } => {
                self.change(partition, effects, |partition, cx| partition.alter(settings, cx))
            }
            Op::Purge { partition } => self.change(partition, effects, |partition, cx| partition.purge(cx)),
            Op::Unpark { partition } => self.change(partition, effects, |partition, cx| partition.unpark(cx)),
            Op::Append { partition, frame, priority, ttl_ms, delay_ms, stamp } => {
                let append = Append { frame, priority, ttl_ms, delay_ms, stamp };
                self.change(partition, effects, |partition, cx| partition.append(append, cx))
            }
            Op::Attach { partition, consumer, window, priority, exclusive } => {
                let attach = Attach { consumer, window, priority, exclusive };
                self.change(partition, effects, |partition, cx| partition.attach(attach, cx))
            }
            Op::Detach { partition, consumer } => {
                self.change(partition, effects, |partition, cx| partition.detach(consumer, cx))
            }
            Op::Window { partition, consumer, window } => {
                self.change(partition, effects, |partition, cx| partition.set_window(consumer, window, cx))
            }
            Op::Settle { partition, consumer, offsets } => {
                self.change(partition, effects, |partition, cx| partition.settle(consumer, &offsets, cx))
            }
            Op::Return { partition, consumer, offsets, failed, delay_ms } => {
                let how = Return { failed, delay_ms };
                self.change(partition, effects, |partition, cx| {
                    partition.give_back(consumer, &offsets, how, cx)
                })
            }
            Op::Reject { partition, consumer, offsets } => {
                self.change(partition, effects, |partition, cx| partition.reject(consumer, &offsets, cx))
            }
            Op::Take { partition, consumer, settle } => {
                self.change(partition, effects, |partition, cx| partition.take(consumer, settle, cx))
            }
            Op::Release { partition, consumer } => {
                self.change(partition, effects, |partition, cx| partition.release(consumer, cx))
            }
            Op::Bury { partition, offsets } => {
                self.change(partition, effects, |partition, cx| partition.bury(&offsets, cx))
            }
        }
    }

    /// The latest time of all operations, milliseconds; `i64::MIN` before the first one.
    #[must_use]
    pub fn time_ms(&self) -> i64 {
        self.time_ms
    }

    /// When time changes something next: at or after that time somebody has to apply an operation, if only [`Op::Tick`].
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.wakes.first().map(|(wake_ms, _)| *wake_ms)
    }

    /// A view of the shard as it is now, to be read while it goes on changing. Costs one step a partition; afterwards, the
    /// first change of each partition copies that.
    #[must_use]
    pub fn freeze(&self) -> Frozen {
        Frozen::new(self.time_ms, self.partitions.clone(), self.groups.clone())
    }

    /// A hash of everything that a snapshot would hold: replicas that applied the same operations agree on it. Walks the
    /// whole shard; for tests and the simulator.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.freeze().digest()
    }

    /// What is in the shard, ascending.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = PartitionId> + '_ {
        self.partitions.keys().copied()
    }

    /// A partition in numbers.
    #[must_use]
    pub fn stats(&self, partition: PartitionId) -> Option<Stats> {
        self.partitions.get(&partition).map(|partition| partition.stats())
    }

    /// Who consumes from a partition or holds frames of it.
    pub fn consumers(&self, partition: PartitionId) -> impl Iterator<Item = ConsumerInfo> + '_ {
        self.partitions.get(&partition).into_iter().flat_map(|partition| partition.consumer_infos())
    }

    /// Which frames of a range live, whatever their state. Costs a step for each run of them, so ask for a part at a time.
    #[must_use]
    pub fn live_within(&self, partition: PartitionId, range: Range<Offset>) -> OffsetSet {
        let found = self.partitions.get(&partition);
        found.map(|found| found.live_within(range.start.0..range.end.0)).unwrap_or_default()
    }

    /// Frames that died and wait to be buried, from a place on (in the order of partitions and offsets), at most so many
    /// ranges. Whoever carries dead letters on starts with this.
    #[must_use]
    pub fn dead(
        &self,
        from: (PartitionId, Offset),
        ranges_max: usize,
    ) -> Vec<(PartitionId, Range<Offset>, DeathReason)> {
        let partitions = self.partitions.range(from.0..);
        let dead = partitions.flat_map(|(id, partition)| {
            let start = if *id == from.0 { from.1.0 } else { 0 };
            let runs = partition.dead.runs_within(start..u64::MAX);
            runs.map(|(range, reason)| (*id, Offset(range.start)..Offset(range.end), reason))
        });
        dead.take(ranges_max).collect()
    }

    /// What the consumers of a node hold, from a place on (in the order of partitions, consumers and offsets), at most so many
    /// frames: what the node has to deliver when it has lost count, as after it restored a snapshot.
    #[must_use]
    pub fn held(
        &self,
        owner: Owner,
        from: (PartitionId, ConsumerId, Offset),
        frames_max: usize,
    ) -> Vec<(ConsumerId, Delivery)> {
        let partitions = self.partitions.range(from.0..);
        let held = partitions.flat_map(|(id, partition)| {
            let from = if *id == from.0 { (from.1, from.2.0) } else { (ConsumerId { owner, number: 0 }, 0) };
            partition.held(*id, owner, from)
        });
        held.take(frames_max).collect()
    }

    /// All partitions, ascending: to which group they belong, and how they behave.
    pub fn inventory(&self) -> impl Iterator<Item = (PartitionId, Option<GroupId>, &Settings)> {
        self.partitions.iter().map(|(id, partition)| (*id, partition.group, &partition.settings))
    }

    /// Partitions that were unused for as long as they may be, or are to go with their last consumer and have lost it; and that nobody
    /// has deleted or used since. [`Op::Expire`] drops them, those of a group together.
    pub fn expired(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.partitions.iter().filter(|(_, partition)| partition.is_to_go()).map(|(id, _)| *id)
    }

    /// Checks what must hold of the state after every operation. Walks every frame; for tests and the simulator.
    ///
    /// # Panics
    /// If an invariant is broken.
    pub fn check_invariants(&self) {
        for (id, partition) in &self.partitions {
            assert_eq!(partition.broken_invariant(), None, "of {id:?}");
            assert_eq!(partition.wake_ms, partition.next_deadline_ms(), "{id:?} is looked after in time");
        }
        for (id, group) in &self.groups {
            assert_eq!(group.broken_invariant(), None, "of {id:?}");
        }
        let wakes = self.partitions.iter().filter_map(|(id, partition)| Some((partition.wake_ms?, *id)));
        assert_eq!(self.wakes, wakes.collect(), "the shard knows when to look after whom");
    }

    /// Lets time pass wherever that changes something.
    fn wake(&mut self, effects: &mut dyn Effects) {
        while let Some(&(wake_ms, id)) = self.wakes.first()
            && wake_ms <= self.time_ms
        {
            self.change(id, effects, |partition, cx| {
                partition.on_time(cx);
                Outcome::Done
            });
        }
    }

    /// Changes a partition, and what its group makes of that.
    fn change(
        &mut self,
        id: PartitionId,
        effects: &mut dyn Effects,
        change: impl FnOnce(&mut Partition, &mut Context<'_>) -> Outcome,
    ) -> Outcome {
        let outcome = self.change_alone(id, effects, change);
        if let Some(group) = self.partitions.get(&id).and_then(|partition| partition.group) {
            self.after_member(group, id, effects);
        }
        outcome
    }

    fn change_alone(
        &mut self,
        id: PartitionId,
        effects: &mut dyn Effects,
        change: impl FnOnce(&mut Partition, &mut Context<'_>) -> Outcome,
    ) -> Outcome {
        let Some(partition) = self.partitions.get_mut(&id) else { return Outcome::NoPartition };
        let partition = Arc::make_mut(partition);
        let mut cx = Context { now_ms: self.time_ms, id, reporter: Reporter::new(id, effects) };
        let outcome = change(partition, &mut cx);
        update_wake(id, partition, &mut self.wakes);
        outcome
    }

    fn create(&mut self, id: PartitionId, settings: Settings) -> Outcome {
        let now_ms = self.time_ms;
        let is_new = !self.partitions.contains_key(&id);
        self.partitions.entry(id).or_insert_with(|| Arc::new(Partition::new(settings, now_ms)));
        self.use_again(id);
        if is_new { Outcome::Created } else { Outcome::Done }
    }

    /// Somebody asked for the partition: it does not go for a while.
    fn use_again(&mut self, id: PartitionId) {
        if let Some(partition) = self.partitions.get_mut(&id).map(Arc::make_mut) {
            partition.touch(self.time_ms);
            partition.abandoned = false;
            update_wake(id, partition, &mut self.wakes);
        }
    }

    fn delete(
        &mut self,
        id: PartitionId,
        if_unused: bool,
        if_empty: bool,
        effects: &mut dyn Effects,
    ) -> Outcome {
        let Some(partition) = self.partitions.get(&id) else { return Outcome::NoPartition };
        if if_unused && partition.consumers.attached() > 0 {
            return Outcome::NotUnused;
        }
        if if_empty && partition.live() > 0 {
            return Outcome::NotEmpty;
        }
        let mut reporter = Reporter::new(id, effects);
        partition.consumers.by_rank().for_each(|consumer| reporter.cancelled(consumer));
        reporter.dropped();
        let ready = partition.ready.len();
        if let Some(wake_ms) = partition.wake_ms {
            self.wakes.remove(&(wake_ms, id));
        }
        self.partitions.remove(&id);
        Outcome::Deleted(ready)
    }

    fn expire(&mut self, id: PartitionId, effects: &mut dyn Effects) -> Outcome {
        match self.partitions.get(&id).map(Arc::as_ref) {
            Some(Partition { group: Some(group), .. }) => self.expire_group(*group, effects),
            Some(partition) if !partition.is_to_go() => Outcome::NotUnused,
            _ => self.delete(id, true, false, effects),
        }
    }

    fn gone(&mut self, owner: Owner, effects: &mut dyn Effects) -> Outcome {
        let groups = self.forget_subscribers(owner);
        let consumers = |(id, partition): (&PartitionId, &Arc<Partition>)| {
            let consumers = partition.consumers.of(owner);
            (!consumers.is_empty()).then_some((*id, consumers))
        };
        let affected: Vec<(PartitionId, Vec<ConsumerId>)> =
            self.partitions.iter().filter_map(consumers).collect();
        for (id, consumers) in affected {
            self.change(id, effects, |partition, cx| {
                partition.gone(&consumers, cx);
                Outcome::Done
            });
        }
        groups.into_iter().for_each(|group| self.rebalance(group, effects));
        Outcome::Done
    }
}

/// Notes when time changes a partition next.
fn update_wake(id: PartitionId, partition: &mut Partition, wakes: &mut BTreeSet<(i64, PartitionId)>) {
    let wake_ms = partition.next_deadline_ms();
    if wake_ms == partition.wake_ms {
        return;
    }
    if let Some(earlier_ms) = partition.wake_ms {
        wakes.remove(&(earlier_ms, id));
    }
    if let Some(wake_ms) = wake_ms {
        wakes.insert((wake_ms, id));
    }
    partition.wake_ms = wake_ms;
}
