//! One logical queue of several partitions, whose consumers the shard assigns to partitions by itself.
//!
//! Each partition is assigned to at most one subscriber. The partitions have a single active consumer, which is how one
//! moves: the former subscriber is detached and gets nothing more, the next one is attached and becomes active when nobody
//! else holds a frame of the partition. So no two ever hold frames of one partition, and each delivery carries
//! the partition's epoch.
//!
//! A subscriber's window counts what it holds in all partitions together: on the partitions themselves it is attached with a
//! window of 0, and the group gives it frames one at a time, by turns from its partitions.

mod balance;

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ConsumerId, Owner, PartitionId};

/// The most partitions of one group.
pub(crate) const MEMBERS_MAX: usize = 1024;

/// Somebody who consumes from the logical queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    /// The most frames to hold, of all partitions together.
    pub(crate) window: u32,
    /// Lower came earlier.
    pub(crate) order: u64,
    /// The partition that its last frame came from: others are next.
    pub(crate) served: PartitionId,
    /// How many frames it holds.
    held: u64,
    /// Its partitions.
    assigned: BTreeSet<PartitionId>,
    /// Those of them that can give it a frame at once.
    ready: BTreeSet<PartitionId>,
}

/// What a group needs to know of a partition after each change of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Who holds frames of it, and how many.
    pub(crate) holder: Option<(ConsumerId, u64)>,
    /// Who is active and could be given a frame.
    pub(crate) servable: Option<ConsumerId>,
}

/// A group of partitions. What is not in a snapshot follows from its partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    /// Ascending.
    members: Vec<PartitionId>,
    subscribers: BTreeMap<ConsumerId, Subscriber>,
    /// To whom which partition is assigned.
    owners: BTreeMap<PartitionId, ConsumerId>,
    /// Who holds frames of which partition, and how many.
    holders: BTreeMap<PartitionId, (ConsumerId, u64)>,
    /// How many have ever subscribed.
    joined: u64,
}

/// A partition goes from one subscriber to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) partition: PartitionId,
    pub(crate) from: Option<ConsumerId>,
    pub(crate) to: ConsumerId,
}

impl Group {
    pub(crate) fn new(members: Vec<PartitionId>, joined: u64) -> Self {
        Self { members, joined, ..Self::default() }
    }

    pub(crate) fn members(&self) -> &[PartitionId] {
        &self.members
    }

    pub(crate) fn joined(&self) -> u64 {
        self.joined
    }

    pub(crate) fn subscribers(&self) -> impl Iterator<Item = (ConsumerId, &Subscriber)> {
        self.subscribers.iter().map(|(id, subscriber)| (*id, subscriber))
    }

    pub(crate) fn is_used(&self) -> bool {
        !self.subscribers.is_empty()
    }

    pub(crate) fn of(&self, owner: Owner) -> Vec<ConsumerId> {
        self.subscribers.keys().copied().filter(|id| id.owner == owner).collect()
    }

    /// Adds a subscriber without partitions, or changes the window of one.
    pub(crate) fn join(&mut self, id: ConsumerId, window: u32) {
        if let Some(known) = self.subscribers.get_mut(&id) {
            known.window = window;
            return;
        }
        self.joined += 1;
        self.insert(id, window, self.joined, PartitionId(0));
    }

    /// Adds a subscriber as it was.
    pub(crate) fn insert(&mut self, id: ConsumerId, window: u32, order: u64, served: PartitionId) {
        let held = self.holders.values().filter(|(holder, _)| *holder == id).map(|(_, held)| held).sum();
        let (assigned, ready) = (BTreeSet::new(), BTreeSet::new());
        self.subscribers.insert(id, Subscriber { window, order, served, held, assigned, ready });
    }

    /// Forgets a subscriber and gives the partitions that it had.
    pub(crate) fn leave(&mut self, id: ConsumerId) -> Option<BTreeSet<PartitionId>> {
        let assigned = self.subscribers.remove(&id)?.assigned;
        assigned.iter().for_each(|partition| _ = self.owners.remove(partition));
        Some(assigned)
    }

    pub(crate) fn assign(&mut self, partition: PartitionId, from: Option<ConsumerId>, to: ConsumerId) {
        if let Some(former) = from.and_then(|from| self.subscribers.get_mut(&from)) {
            former.assigned.remove(&partition);
            former.ready.remove(&partition);
        }
        if let Some(next) = self.subscribers.get_mut(&to) {
            next.assigned.insert(partition);
            self.owners.insert(partition, to);
        }
    }

    /// Takes note of what a partition has come to, and gives those who may have room or frames now.
    pub(crate) fn note(&mut self, partition: PartitionId, member: Member) -> BTreeSet<ConsumerId> {
        let before = match member.holder {
            Some(holder) => self.holders.insert(partition, holder),
            None => self.holders.remove(&partition),
        };
        if let Some((id, held)) = before
            && let Some(subscriber) = self.subscribers.get_mut(&id)
        {
            subscriber.held -= held;
        }
        if let Some((id, held)) = member.holder
            && let Some(subscriber) = self.subscribers.get_mut(&id)
        {
            subscriber.held += held;
        }
        let owner = self.owners.get(&partition).copied();
        if let Some(subscriber) = owner.and_then(|owner| self.subscribers.get_mut(&owner)) {
            if member.servable == owner {
                subscriber.ready.insert(partition);
            } else {
                subscriber.ready.remove(&partition);
            }
        }
        before.map(|(id, _)| id).into_iter().chain(owner).collect()
    }

    /// The partition that gives this subscriber its next frame.
    pub(crate) fn next_for(&mut self, id: ConsumerId) -> Option<PartitionId> {
        let subscriber = self.subscribers.get_mut(&id)?;
        if subscriber.held >= u64::from(subscriber.window) {
            return None;
        }
        let after = subscriber.ready.range(PartitionId(subscriber.served.0.saturating_add(1))..).next();
        let next = *after.or(subscriber.ready.first())?;
        subscriber.served = next;
        Some(next)
    }

    /// The invariant that is broken, if one is.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let held_by = |id: ConsumerId| -> u64 {
            self.holders.values().filter(|(holder, _)| *holder == id).map(|(_, held)| held).sum()
        };
        let assigned: Vec<PartitionId> =
            self.subscribers.values().flat_map(|subscriber| subscriber.assigned.iter().copied()).collect();
        let distinct: BTreeSet<PartitionId> = assigned.iter().copied().collect();
        let is_idle = |subscriber: &Subscriber| {
            !subscriber.ready.is_empty() && subscriber.held < u64::from(subscriber.window)
        };
        let shares = self.subscribers.values().map(|subscriber| subscriber.assigned.len());
        let is_even = shares.clone().max().unwrap_or(0) <= shares.min().unwrap_or(0) + 1;
        let all = !self.is_used() || distinct.iter().eq(&self.members);
        let is_owner = |(id, subscriber): (ConsumerId, &Subscriber)| {
            subscriber.assigned.iter().all(|partition| self.owners.get(partition) == Some(&id))
        };
        let rules = [
            (self.subscribers().all(is_owner), "who has a partition is known as its owner"),
            (assigned.len() == self.owners.len(), "owners have their partitions"),
            (assigned.len() == distinct.len(), "a partition is assigned to one subscriber"),
            (all, "every partition is assigned if anybody subscribes"),
            (is_even, "partitions are shared out evenly"),
            (
                self.subscribers().all(|(id, known)| known.held == held_by(id)),
                "what subscribers hold is counted",
            ),
            (!self.subscribers.values().any(is_idle), "who has room is given what is ready"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
    }
}

impl Subscriber {
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn assigned(&self) -> &BTreeSet<PartitionId> {
        &self.assigned
    }
}
