//! Groups of partitions in a shard.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Shard;
use crate::effects::Effects;
use crate::group::{Group, MEMBERS_MAX, Member};
use crate::ids::{ConsumerId, GroupId, Owner, PartitionId};
use crate::outcome::Outcome;
use crate::partition::Attach;
use crate::settings::Settings;

/// A group as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInfo {
    /// Its partitions, ascending.
    pub partitions: Vec<PartitionId>,
    /// Who consumes from it, ascending.
    pub subscribers: Vec<SubscriberInfo>,
}

/// Somebody who consumes from a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriberInfo {
    /// Who.
    pub id: ConsumerId,
    /// How many frames it may hold in all.
    pub window: u32,
    /// How many it holds, those of partitions that are no longer its own included.
    pub unsettled: u64,
    /// The partitions that are assigned to it, ascending.
    pub partitions: Vec<PartitionId>,
}

impl Shard {
    /// The groups, ascending.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = GroupId> + '_ {
        self.groups.keys().copied()
    }

    /// A group and who has which of its partitions.
    #[must_use]
    pub fn group(&self, group: GroupId) -> Option<GroupInfo> {
        let group = self.groups.get(&group)?;
        let subscribers = group.subscribers().map(|(id, subscriber)| SubscriberInfo {
            id,
            window: subscriber.window,
            unsettled: subscriber.held(),
            partitions: subscriber.assigned().iter().copied().collect(),
        });
        Some(GroupInfo { partitions: group.members().to_vec(), subscribers: subscribers.collect() })
    }

    pub(super) fn is_grouped(&self, partition: PartitionId) -> bool {
        self.partitions.get(&partition).is_some_and(|partition| partition.group.is_some())
    }

    pub(super) fn create_group(
        &mut self,
        id: GroupId,
        mut members: Vec<PartitionId>,
        settings: Settings,
    ) -> Outcome {
        if let Some(there) = self.groups.get(&id) {
            there.members().to_vec().into_iter().for_each(|member| self.use_again(member));
            return Outcome::Done;
        }
        members.sort_unstable();
        members.dedup();
        let is_taken = members.iter().any(|member| self.partitions.contains_key(member));
        if is_taken || members.is_empty() || members.len() > MEMBERS_MAX {
            return Outcome::BadGroup;
        }
        for member in &members {
            self.create(*member, Settings { single_active: true, ..settings });
            if let Some(partition) = self.partitions.get_mut(member) {
                Arc::make_mut(partition).group = Some(id);
            }
        }
        self.groups.insert(id, Arc::new(Group::new(members, 0)));
        Outcome::Created
    }

    pub(super) fn delete_group(
        &mut self,
        id: GroupId,
        if_unused: bool,
        if_empty: bool,
        effects: &mut dyn Effects,
    ) -> Outcome {
        let Some(group) = self.groups.get(&id) else { return Outcome::NoGroup };
        if if_unused && group.is_used() {
            return Outcome::NotUnused;
        }
        let lives = |member| self.partitions.get(member).is_some_and(|partition| partition.live() > 0);
        if if_empty && group.members().iter().any(lives) {
            return Outcome::NotEmpty;
        }
        let group = Arc::clone(group);
        // Those to whom no partition is assigned are told by the first one.
        for (consumer, _) in group.subscribers().filter(|(_, subscriber)| subscriber.assigned().is_empty()) {
            effects.cancelled(consumer, group.members()[0]);
        }
        let ready = group.members().iter().map(|member| match self.delete(*member, false, false, effects) {
            Outcome::Deleted(ready) => ready,
            _ => 0,
        });
        let ready = ready.sum();
        self.groups.remove(&id);
        Outcome::Deleted(ready)
    }

    /// A group goes when all its partitions are to go, which they are only while nobody subscribes.
    pub(super) fn expire_group(&mut self, id: GroupId, effects: &mut dyn Effects) -> Outcome {
        let Some(group) = self.groups.get(&id) else { return Outcome::NoGroup };
        let is_to_go = |member| self.partitions.get(member).is_some_and(|partition| partition.is_to_go());
        match group.members().iter().all(is_to_go) {
            true => self.delete_group(id, true, false, effects),
            false => Outcome::NotUnused,
        }
    }

    pub(super) fn subscribe(
        &mut self,
        id: GroupId,
        consumer: ConsumerId,
        window: u32,
        effects: &mut dyn Effects,
    ) -> Outcome {
        let Some(group) = self.groups.get_mut(&id) else { return Outcome::NoGroup };
        Arc::make_mut(group).join(consumer, window);
        self.rebalance(id, effects);
        Outcome::Done
    }

    pub(super) fn unsubscribe(
        &mut self,
        id: GroupId,
        consumer: ConsumerId,
        release: bool,
        effects: &mut dyn Effects,
    ) -> Outcome {
        let Some(group) = self.groups.get_mut(&id) else { return Outcome::NoGroup };
        let assigned = Arc::make_mut(group).leave(consumer);
        let was_known = assigned.is_some();
        let members = if release { group.members().to_vec() } else { Vec::new() };
        for member in assigned.into_iter().flatten() {
            self.change_alone(member, effects, |partition, cx| partition.detach(consumer, cx));
            self.note_member(id, member);
        }
        let mut released = false;
        for member in members {
            let outcome = self.change_alone(member, effects, |partition, cx| partition.release(consumer, cx));
            self.note_member(id, member);
            released |= outcome == Outcome::Done;
        }
        self.rebalance(id, effects);
        if was_known || released { Outcome::Done } else { Outcome::NoConsumer }
    }

    /// Takes the subscribers of a node off all lists, before their partitions let go of them, so that none is given anything
    /// more. Gives the groups that were affected.
    pub(super) fn forget_subscribers(&mut self, owner: Owner) -> Vec<GroupId> {
        let mut affected = Vec::new();
        for (id, group) in &mut self.groups {
            let gone = group.of(owner);
            if !gone.is_empty() {
                let group = Arc::make_mut(group);
                gone.into_iter().for_each(|consumer| drop(group.leave(consumer)));
                affected.push(*id);
            }
        }
        affected
    }

    /// Shares the partitions out anew, and gives everybody what is ready.
    pub(super) fn rebalance(&mut self, id: GroupId, effects: &mut dyn Effects) {
        let Some(group) = self.groups.get(&id) else { return };
        let moves = group.plan();
        for planned in moves {
            let member = planned.partition;
            if let Some(group) = self.groups.get_mut(&id) {
                Arc::make_mut(group).assign(member, planned.from, planned.to);
            }
            self.change_alone(member, effects, |partition, cx| {
                if let Some(former) = planned.from {
                    partition.detach(former, cx);
                }
                let attach = Attach { consumer: planned.to, window: 0, priority: 0, exclusive: false };
                partition.attach(attach, cx)
            });
            self.note_member(id, member);
        }
        let group = self.groups.get(&id);
        let all: BTreeSet<ConsumerId> =
            group.into_iter().flat_map(|group| group.subscribers().map(|(consumer, _)| consumer)).collect();
        self.serve(id, all, effects);
    }

    /// A partition of a group has changed: gives frames to those who can take them now.
    pub(super) fn after_member(&mut self, id: GroupId, member: PartitionId, effects: &mut dyn Effects) {
        let affected = self.note_member(id, member);
        self.serve(id, affected, effects);
    }

    fn serve(&mut self, id: GroupId, consumers: BTreeSet<ConsumerId>, effects: &mut dyn Effects) {
        for consumer in consumers {
            while let Some(member) =
                self.groups.get_mut(&id).and_then(|group| Arc::make_mut(group).next_for(consumer))
            {
                self.change_alone(member, effects, |partition, cx| {
                    partition.give_one(consumer, cx);
                    Outcome::Done
                });
                self.note_member(id, member);
            }
        }
    }

    fn note_member(&mut self, id: GroupId, member: PartitionId) -> BTreeSet<ConsumerId> {
        let state = self.partitions.get(&member).map(|partition| partition.as_member());
        let group = self.groups.get_mut(&id).map(Arc::make_mut);
        group.zip(state).map(|(group, state)| group.note(member, state)).unwrap_or_default()
    }

    /// What follows from the partitions, for a group of a snapshot.
    pub(crate) fn restore_group(&mut self, id: GroupId, mut group: Group) -> bool {
        for member in group.members().to_vec() {
            let Some(partition) = self.partitions.get_mut(&member) else { return false };
            let partition = Arc::make_mut(partition);
            if partition.group.replace(id).is_some() || !partition.settings.single_active {
                return false;
            }
            if let Some(consumer) = partition.only_consumer() {
                group.assign(member, None, consumer);
            }
            let state: Member = partition.as_member();
            group.note(member, state);
        }
        let is_sound = group.broken_invariant().is_none();
        is_sound && self.groups.insert(id, Arc::new(group)).is_none()
    }
}
