//! The rules of a shard, written in the most obvious way: every frame ever appended stands in a vector, and every question
//! is answered by looking at all of them.

use std::collections::BTreeMap;

use streams::{
    ConsumerId, DeathReason, Delivery, Offset, Op, Outcome, Overflow, Owner, PartitionId, Settings, Stamp,
};

use crate::history::{Event, Happened};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Held(ConsumerId),
    Delayed(i64),
    Parked,
    Dead(DeathReason),
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) offset: u64,
    pub(crate) level: u8,
    pub(crate) state: State,
    pub(crate) failed: u32,
    pub(crate) acquired: u32,
    pub(crate) deadline_ms: Option<i64>,
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    pub(crate) window: u32,
    pub(crate) priority: i32,
    pub(crate) exclusive: bool,
}

#[derive(Clone, Debug)]
struct Producer {
    id: u64,
    epoch: u32,
    sequence: u64,
    offset: u64,
    refused: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) settings: Settings,
    pub(crate) frames: Vec<Frame>,
    /// In the order in which they attached.
    pub(crate) consumers: Vec<Consumer>,
    /// Those who can be given a frame, whoever waits for longest first.
    line: Vec<ConsumerId>,
    pub(crate) active: Option<ConsumerId>,
    pub(crate) epoch: u64,
    producers: Vec<Producer>,
    pub(crate) used_ms: i64,
    pub(crate) expired: bool,
    pub(crate) abandoned: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) time_ms: i64,
    pub(crate) partitions: BTreeMap<PartitionId, Partition>,
}

struct Now<'a> {
    ms: i64,
    id: PartitionId,
    happened: &'a mut Happened,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { time_ms: i64::MIN, partitions: BTreeMap::new() }
    }

    pub(crate) fn apply(&mut self, time_ms: i64, op: &Op) -> (Outcome, Happened) {
        let mut happened = Happened::default();
        self.time_ms = self.time_ms.max(time_ms);
        let mut due: Vec<_> =
            self.partitions.iter().filter_map(|(id, p)| Some((p.next_deadline_ms()?, *id))).collect();
        due.sort_unstable();
        for (_, id) in due.into_iter().filter(|(deadline_ms, _)| *deadline_ms <= self.time_ms) {
            let mut now = Now { ms: self.time_ms, id, happened: &mut happened };
            self.partitions.get_mut(&id).unwrap().on_time(&mut now);
        }
        let outcome = self.apply_now(op, &mut happened);
        (outcome, happened)
    }

    pub(crate) fn next_deadline_ms(&self) -> Option<i64> {
        self.partitions.values().filter_map(Partition::next_deadline_ms).min()
    }

    fn apply_now(&mut self, op: &Op, happened: &mut Happened) -> Outcome {
        let ms = self.time_ms;
        let id = match op {
            Op::CreateGroup { .. }
            | Op::DeleteGroup { .. }
            | Op::Subscribe { .. }
            | Op::Unsubscribe { .. } => {
                unreachable!("groups have tests of their own")
            }
            Op::Tick => return Outcome::Done,
            Op::Gone { owner } => {
                for (id, partition) in &mut self.partitions {
                    partition.gone(*owner, &mut Now { ms, id: *id, happened });
                }
                return Outcome::Done;
            }
            Op::Create { partition, settings } => return self.create(*partition, *settings),
            Op::Delete { partition, if_unused, if_empty } => {
                return self.delete(*partition, *if_unused, *if_empty, happened);
            }
            Op::Expire { partition } => {
                let is_used = self.partitions.get(partition).is_some_and(|it| !it.is_to_go());
                return if is_used {
                    Outcome::NotUnused
                } else {
                    self.delete(*partition, true, false, happened)
                };
            }
            Op::Alter { partition, .. }
            | Op::Purge { partition }
            | Op::Unpark { partition }
            | Op::Append { partition, .. }
            | Op::Attach { partition, .. }
            | Op::Detach { partition, .. }
            | Op::Window { partition, .. }
            | Op::Settle { partition, .. }
            | Op::Return { partition, .. }
            | Op::Reject { partition, .. }
            | Op::Take { partition, .. }
            | Op::Release { partition, .. }
            | Op::Bury { partition, .. } => *partition,
        };
        match self.partitions.get_mut(&id) {
            Some(partition) => partition.apply(op, &mut Now { ms, id, happened }),
            None => Outcome::NoPartition,
        }
    }

    fn create(&mut self, id: PartitionId, settings: Settings) -> Outcome {
        if let Some(partition) = self.partitions.get_mut(&id) {
            partition.touch(self.time_ms);
            partition.abandoned = false;
            return Outcome::Done;
        }
        let partition = Partition {
            settings,
            frames: Vec::new(),
            consumers: Vec::new(),
            line: Vec::new(),
            active: None,
            epoch: 0,
            producers: Vec::new(),
            used_ms: self.time_ms,
            expired: false,
            abandoned: false,
        };
        self.partitions.insert(id, partition);
        Outcome::Created
    }

    fn delete(
        &mut self,
        id: PartitionId,
        if_unused: bool,
        if_empty: bool,
        happened: &mut Happened,
    ) -> Outcome {
        let Some(partition) = self.partitions.get(&id) else { return Outcome::NoPartition };
        if if_unused && !partition.consumers.is_empty() {
            return Outcome::NotUnused;
        }
        if if_empty && partition.frames.iter().any(|frame| frame.state != State::Gone) {
            return Outcome::NotEmpty;
        }
        for consumer in partition.by_rank() {
            happened.events.push(Event::Cancelled(consumer, id));
        }
        happened.events.push(Event::Dropped(id));
        let ready = partition.count(State::Ready);
        self.partitions.remove(&id);
        Outcome::Deleted(ready)
    }
}

impl Partition {
    fn apply(&mut self, op: &Op, now: &mut Now<'_>) -> Outcome {
        let mut fresh = None;
        let mut attaching = None;
        let outcome = match op {
            Op::Alter { settings, .. } => {
                if settings.bytes_max.is_none() {
                    self.frames.iter_mut().for_each(|frame| frame.bytes = 0);
                }
                if settings.expires_ms != self.settings.expires_ms {
                    self.touch(now.ms);
                }
                self.settings = *settings;
                self.abandoned = self.abandoned && settings.auto_delete;
                Outcome::Done
            }
            Op::Purge { .. } => {
                let ready = self.offsets(State::Ready);
                ready.iter().for_each(|offset| self.forget(*offset, now));
                Outcome::Purged(ready.len() as u64)
            }
            Op::Unpark { .. } => {
                let parked = self.offsets(State::Parked);
                for offset in &parked {
                    self.frame(*offset).failed = 0;
                    self.frame(*offset).state = State::Ready;
                }
                Outcome::Unparked(parked.len() as u64)
            }
            Op::Append { frame, priority, ttl_ms, delay_ms, stamp, .. } => {
                let outcome = self.append(frame.len() as u64, *priority, *ttl_ms, *delay_ms, *stamp, now);
                if let Outcome::Appended(offset) = outcome {
                    fresh = Some(offset.0);
                }
                outcome
            }
            Op::Attach { consumer, window, priority, exclusive, .. } => {
                let others: Vec<_> = self.consumers.iter().filter(|other| other.id != *consumer).collect();
                if !others.is_empty() && (*exclusive || others.iter().any(|other| other.exclusive)) {
                    return Outcome::ExclusiveUse;
                }
                self.touch(now.ms);
                self.abandoned = false;
                self.line.retain(|waiting| waiting != consumer);
                let new =
                    Consumer { id: *consumer, window: *window, priority: *priority, exclusive: *exclusive };
                match self.consumers.iter_mut().find(|known| known.id == *consumer) {
                    Some(known) => *known = new,
                    None => self.consumers.push(new),
                }
                attaching = Some(*consumer);
                Outcome::Done
            }
            Op::Detach { consumer, .. } => {
                if !self.is_attached(*consumer) {
                    return Outcome::NoConsumer;
                }
                self.detach(*consumer, now);
                Outcome::Done
            }
            Op::Window { consumer, window, .. } => {
                let Some(known) = self.consumers.iter_mut().find(|known| known.id == *consumer) else {
                    return Outcome::NoConsumer;
                };
                known.window = *window;
                Outcome::Done
            }
            Op::Settle { consumer, offsets, .. } => {
                self.each_held(*consumer, offsets, |this, offset| this.forget(offset, now))
            }
            Op::Return { consumer, offsets, failed, delay_ms, .. } => {
                self.each_held(*consumer, offsets, |this, offset| {
                    this.give_back(offset, *failed, *delay_ms, now)
                })
            }
            Op::Reject { consumer, offsets, .. } => self
                .each_held(*consumer, offsets, |this, offset| this.die(offset, DeathReason::Rejected, now)),
            Op::Take { consumer, settle, .. } => {
                if self.settings.single_active {
                    return Outcome::SingleActive;
                }
                self.touch(now.ms);
                let taken = self.take(*consumer, None, now);
                if let Some(delivery) = taken {
                    now.happened.events.push(Event::Taken(*consumer, delivery));
                    if *settle {
                        self.forget(delivery.offset.0, now);
                    }
                }
                self.progress(None, now);
                return Outcome::Taken(taken, self.count(State::Ready));
            }
            Op::Release { consumer, .. } => {
                if !self.is_attached(*consumer) && self.held_by(*consumer).is_empty() {
                    return Outcome::NoConsumer;
                }
                self.release(*consumer, now);
                Outcome::Done
            }
            Op::Bury { offsets, .. } => {
                let dead = |frame: &&Frame| {
                    matches!(frame.state, State::Dead(_)) && offsets.contains(Offset(frame.offset))
                };
                let buried: Vec<_> = self.frames.iter().filter(dead).map(|frame| frame.offset).collect();
                buried.iter().for_each(|offset| self.forget(*offset, now));
                Outcome::Settled { unknown: offsets.len() - buried.len() as u64 }
            }
            _ => unreachable!("of the shard"),
        };
        self.progress(fresh, now);
        match attaching {
            Some(id) if self.settings.single_active => {
                Outcome::Attached { active: self.active == Some(id), epoch: self.epoch }
            }
            Some(_) => Outcome::Attached { active: true, epoch: 0 },
            None => outcome,
        }
    }

    fn append(
        &mut self,
        bytes: u64,
        priority: u8,
        ttl_ms: Option<u64>,
        delay_ms: u64,
        stamp: Option<Stamp>,
        now: &mut Now<'_>,
    ) -> Outcome {
        if let Some(stamp) = stamp
            && let Some(known) = self.producers.iter().find(|known| known.id == stamp.producer)
        {
            let stale = Outcome::Stale { epoch: known.epoch, expected: known.sequence + 1 };
            let skips = stamp.epoch == known.epoch && stamp.sequence > known.sequence + 1;
            if stamp.epoch < known.epoch || skips && !stamp.gaps {
                return stale;
            }
            if stamp.epoch == known.epoch
                && stamp.gaps
                && let Some(expected) = known.refused.filter(|refused| stamp.sequence > *refused)
            {
                return Outcome::Stale { epoch: known.epoch, expected };
            }
            if stamp.epoch == known.epoch && stamp.sequence == known.sequence {
                return Outcome::Duplicate(Some(Offset(known.offset)));
            }
            if stamp.epoch == known.epoch && stamp.sequence < known.sequence {
                return Outcome::Duplicate(None);
            }
        }
        let offset = self.frames.len() as u64;
        let ready = self.count(State::Ready) + 1;
        let ready_bytes = self.ready_bytes() + bytes;
        let is_over = |limit: Option<u64>, found| limit.is_some_and(|limit| found > limit);
        let too_much =
            is_over(self.settings.length_max, ready) || is_over(self.settings.bytes_max, ready_bytes);
        let kept_bytes = if self.settings.bytes_max.is_some() { bytes } else { 0 };
        let mut frame = Frame {
            offset,
            level: priority.min(self.settings.priorities),
            state: State::Ready,
            failed: 0,
            acquired: 0,
            deadline_ms: None,
            bytes: kept_bytes,
        };
        if too_much && delay_ms == 0 && self.settings.overflow != Overflow::DropHead {
            if self.settings.overflow == Overflow::RefuseAndDeadLetter && self.settings.dead_letters {
                now.happened.stored.push((now.id, Offset(offset)));
                self.frames.push(frame);
                self.die(offset, DeathReason::MaxLen, now);
            }
            if let Some(Stamp { producer: id, epoch, sequence, gaps: true }) = stamp {
                let at = self.producers.iter().position(|known| known.id == id && known.epoch == epoch);
                let mut known = match at {
                    Some(at) => self.producers.remove(at),
                    None => Producer { id, epoch, sequence: 0, offset: 0, refused: None },
                };
                known.refused = Some(known.refused.unwrap_or(sequence).min(sequence));
                self.producers.retain(|known| known.id != id);
                self.producers.push(known);
            }
            return Outcome::Refused;
        }
        let ready_ms = now.ms + i64::try_from(delay_ms).unwrap();
        if delay_ms > 0 {
            frame.state = State::Delayed(ready_ms);
        }
        let ttl_ms = match (ttl_ms, self.settings.ttl_ms) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        frame.deadline_ms = ttl_ms.map(|ttl_ms| ready_ms + i64::try_from(ttl_ms).unwrap());
        self.frames.push(frame);
        now.happened.stored.push((now.id, Offset(offset)));
        if let Some(Stamp { producer: id, epoch, sequence, .. }) = stamp {
            let same = self.producers.iter().find(|known| known.id == id && known.epoch == epoch);
            let refused = same.and_then(|known| known.refused).filter(|refused| *refused > sequence);
            self.producers.retain(|known| known.id != id);
            self.producers.push(Producer { id, epoch, sequence, offset, refused });
        }
        Outcome::Appended(Offset(offset))
    }

    /// What follows from everything.
    fn progress(&mut self, fresh: Option<u64>, now: &mut Now<'_>) {
        self.elect(now);
        self.form_line();
        while let Some(id) = self.next_in_line() {
            let Some(delivery) = self.take(id, fresh, now) else { break };
            now.happened.events.push(Event::Delivered(id, delivery));
            self.line.retain(|waiting| *waiting != id);
            self.line.push(id);
            self.form_line();
        }
        self.expire(now);
        let is_over = |limit: Option<u64>, found| limit.is_some_and(|limit| found > limit);
        while self.settings.overflow == Overflow::DropHead
            && (is_over(self.settings.length_max, self.count(State::Ready))
                || is_over(self.settings.bytes_max, self.ready_bytes()))
        {
            let head = self.head().unwrap();
            self.die(head, DeathReason::MaxLen, now);
        }
        self.expire(now);
    }

    fn elect(&mut self, now: &mut Now<'_>) {
        if !self.settings.single_active {
            self.active = None;
            return;
        }
        let Some(best) = self.by_rank().first().copied() else { return };
        let priority = |id: ConsumerId| self.consumers.iter().find(|known| known.id == id).unwrap().priority;
        let wants_change = match self.active {
            None => true,
            Some(active) => priority(best) > priority(active),
        };
        let others_hold =
            self.frames.iter().any(|frame| matches!(frame.state, State::Held(by) if by != best));
        if wants_change && !others_hold {
            self.active = Some(best);
            self.epoch += 1;
            now.happened.events.push(Event::Activated(best, now.id, self.epoch));
        }
    }

    /// Whoever can't be given a frame leaves the line, and whoever newly can joins it at the end.
    fn form_line(&mut self) {
        let may = |id: ConsumerId| {
            let consumer = self.consumers.iter().find(|known| known.id == id);
            consumer.is_some_and(|consumer| {
                let has_room = (self.held_by(id).len() as u64) < u64::from(consumer.window);
                let outranked = self.consumers.iter().any(|other| other.priority > consumer.priority);
                let chosen = !self.settings.single_active || self.active == Some(id) && !outranked;
                has_room && chosen
            })
        };
        let mut line = self.line.clone();
        line.retain(|id| may(*id));
        for id in self.by_rank() {
            if may(id) && !line.contains(&id) {
                line.push(id);
            }
        }
        self.line = line;
    }

    fn next_in_line(&self) -> Option<ConsumerId> {
        let priority =
            |id: &ConsumerId| self.consumers.iter().find(|known| known.id == *id).unwrap().priority;
        let highest = self.line.iter().map(priority).max()?;
        self.line.iter().copied().find(|id| priority(id) == highest)
    }

    fn take(&mut self, by: ConsumerId, fresh: Option<u64>, now: &mut Now<'_>) -> Option<Delivery> {
        loop {
            let offset = self.head()?;
            let epoch = if self.settings.single_active { self.epoch } else { 0 };
            let is_expired = self.frame(offset).deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now.ms);
            if is_expired && fresh != Some(offset) {
                self.die(offset, DeathReason::Expired, now);
                continue;
            }
            let frame = self.frame(offset);
            let (failed, acquired) = (frame.failed, frame.acquired);
            frame.state = State::Held(by);
            frame.acquired += 1;
            let redelivered = acquired > 0;
            return Some(Delivery {
                partition: now.id,
                offset: Offset(offset),
                redelivered,
                failed,
                acquired,
                epoch,
            });
        }
    }

    fn expire(&mut self, now: &mut Now<'_>) {
        for level in 0..=u8::MAX {
            while let Some(offset) = self.head_of(level)
                && self.frame(offset).deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now.ms)
            {
                self.die(offset, DeathReason::Expired, now);
            }
        }
    }

    fn on_time(&mut self, now: &mut Now<'_>) {
        for frame in &mut self.frames {
            if let State::Delayed(due_ms) = frame.state
                && due_ms <= now.ms
            {
                frame.state = State::Ready;
            }
        }
        if self.unused_until_ms().is_some_and(|until_ms| until_ms <= now.ms) {
            self.expired = true;
            now.happened.events.push(Event::Expired(now.id));
        }
        self.progress(None, now);
    }

    fn next_deadline_ms(&self) -> Option<i64> {
        let due = self.frames.iter().filter_map(|frame| match frame.state {
            State::Delayed(due_ms) => Some(due_ms),
            _ => None,
        });
        let heads = (0..=u8::MAX).filter_map(|level| self.head_of(level));
        let expiries = heads.filter_map(|offset| self.frames[usize::try_from(offset).unwrap()].deadline_ms);
        due.chain(expiries).chain(self.unused_until_ms()).min()
    }

    fn unused_until_ms(&self) -> Option<i64> {
        let expires_ms = i64::try_from(self.settings.expires_ms?).unwrap();
        (self.consumers.is_empty() && !self.expired).then_some(self.used_ms + expires_ms)
    }

    fn gone(&mut self, owner: Owner, now: &mut Now<'_>) {
        let mut gone: Vec<ConsumerId> = self.consumers.iter().map(|consumer| consumer.id).collect();
        gone.extend(self.frames.iter().filter_map(|frame| match frame.state {
            State::Held(by) => Some(by),
            _ => None,
        }));
        gone.retain(|id| id.owner == owner);
        gone.sort_unstable();
        gone.dedup();
        gone.iter().for_each(|id| self.release(*id, now));
        if !gone.is_empty() {
            self.progress(None, now);
        }
    }

    fn release(&mut self, id: ConsumerId, now: &mut Now<'_>) {
        self.detach(id, now);
        for offset in self.held_by(id) {
            self.give_back(offset, true, 0, now);
        }
    }

    fn detach(&mut self, id: ConsumerId, now: &mut Now<'_>) {
        if self.is_attached(id) {
            self.touch(now.ms);
            if self.settings.auto_delete && self.consumers.len() == 1 {
                self.abandoned = true;
                now.happened.events.push(Event::Expired(now.id));
            }
        }
        self.consumers.retain(|consumer| consumer.id != id);
        self.line.retain(|waiting| *waiting != id);
        if self.active == Some(id) {
            self.active = None;
        }
    }

    fn each_held(
        &mut self,
        by: ConsumerId,
        offsets: &streams::OffsetSet,
        mut each: impl FnMut(&mut Self, u64),
    ) -> Outcome {
        let held: Vec<_> =
            self.held_by(by).into_iter().filter(|offset| offsets.contains(Offset(*offset))).collect();
        held.iter().for_each(|offset| each(self, *offset));
        Outcome::Settled { unknown: offsets.len() - held.len() as u64 }
    }

    fn give_back(&mut self, offset: u64, failed: bool, delay_ms: u64, now: &mut Now<'_>) {
        let limit = self.settings.delivery_limit;
        let frame = self.frame(offset);
        frame.failed += u32::from(failed);
        if limit.is_some_and(|limit| frame.failed > limit) {
            self.die(offset, DeathReason::DeliveryLimit, now);
        } else if delay_ms > 0 {
            frame.state = State::Delayed(now.ms + i64::try_from(delay_ms).unwrap());
        } else {
            frame.state = State::Ready;
        }
    }

    fn die(&mut self, offset: u64, reason: DeathReason, now: &mut Now<'_>) {
        if self.settings.dead_letters {
            self.frame(offset).state = State::Dead(reason);
            now.happened.died.insert((now.id, Offset(offset)), reason);
        } else if reason == DeathReason::DeliveryLimit {
            self.frame(offset).state = State::Parked;
            self.frame(offset).deadline_ms = None;
        } else {
            self.forget(offset, now);
        }
    }

    fn forget(&mut self, offset: u64, now: &mut Now<'_>) {
        self.frame(offset).state = State::Gone;
        now.happened.released.insert((now.id, Offset(offset)));
    }

    fn touch(&mut self, now_ms: i64) {
        self.used_ms = now_ms;
        self.expired = false;
    }

    fn frame(&mut self, offset: u64) -> &mut Frame {
        &mut self.frames[usize::try_from(offset).unwrap()]
    }

    fn head(&self) -> Option<u64> {
        let highest =
            self.frames.iter().filter(|frame| frame.state == State::Ready).map(|frame| frame.level).max()?;
        self.head_of(highest)
    }

    fn head_of(&self, level: u8) -> Option<u64> {
        let mut ready =
            self.frames.iter().filter(|frame| frame.state == State::Ready && frame.level == level);
        ready.next().map(|frame| frame.offset)
    }

    pub(crate) fn is_to_go(&self) -> bool {
        self.expired || self.abandoned
    }

    pub(crate) fn by_rank(&self) -> Vec<ConsumerId> {
        let mut consumers: Vec<&Consumer> = self.consumers.iter().collect();
        consumers.sort_by_key(|consumer| -i64::from(consumer.priority));
        consumers.into_iter().map(|consumer| consumer.id).collect()
    }

    pub(crate) fn is_attached(&self, id: ConsumerId) -> bool {
        self.consumers.iter().any(|consumer| consumer.id == id)
    }

    pub(crate) fn held_by(&self, id: ConsumerId) -> Vec<u64> {
        self.offsets(State::Held(id))
    }

    pub(crate) fn offsets(&self, state: State) -> Vec<u64> {
        self.frames.iter().filter(|frame| frame.state == state).map(|frame| frame.offset).collect()
    }

    pub(crate) fn count(&self, state: State) -> u64 {
        self.offsets(state).len() as u64
    }

    pub(crate) fn ready_bytes(&self) -> u64 {
        self.frames.iter().filter(|frame| frame.state == State::Ready).map(|frame| frame.bytes).sum()
    }

    pub(crate) fn producers(&self) -> u64 {
        self.producers.len() as u64
    }
}
