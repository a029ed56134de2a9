//! Who consumes from a partition, whose turn it is, and who holds what.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::ids::{ConsumerId, Owner};
use crate::past::Past;
use crate::run_map::RunMap;

mod holder;
mod turns;

pub(crate) use holder::{Attachment, Holder};
use turns::Turns;

/// A place among those who consume: higher priorities first, then who came earlier.
pub(crate) type Rank = (Reverse<i32>, u64);

/// The consumers of a partition, and those who are none but still hold frames of it.
///
/// Somebody is in here exactly while attached or holding something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consumers {
    // Boxed, as a map's first entry pays for eleven, and most partitions have one consumer.
    holders: BTreeMap<ConsumerId, Box<Holder>>,
    /// Those who are attached.
    ranks: BTreeMap<Rank, ConsumerId>,
    /// Those who can get a frame at once.
    turns: Turns,
    /// How many have ever attached.
    attachments: u64,
    /// Whether the one that is attached wants to be alone.
    exclusive: bool,
    /// How many frames all of them hold.
    held: u64,
}

impl Consumers {
    pub(crate) fn attached(&self) -> usize {
        self.ranks.len()
    }

    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn get(&self, id: ConsumerId) -> Option<&Holder> {
        self.holders.get(&id).map(Box::as_ref)
    }

    pub(crate) fn attachment(&self, id: ConsumerId) -> Option<Attachment> {
        self.get(id)?.attachment
    }

    pub(crate) fn held_by(&self, id: ConsumerId) -> u64 {
        self.get(id).map_or(0, |holder| holder.held.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConsumerId, &Holder)> {
        self.holders.iter().map(|(id, holder)| (*id, holder.as_ref()))
    }

    /// Those who are attached, first the one that a frame is for before all others.
    pub(crate) fn by_rank(&self) -> impl Iterator<Item = ConsumerId> + '_ {
        self.ranks.values().copied()
    }

    /// The one before all others.
    pub(crate) fn first(&self) -> Option<(Rank, ConsumerId)> {
        self.ranks.first_key_value().map(|(rank, id)| (*rank, *id))
    }

    /// Those of a node.
    pub(crate) fn of(&self, owner: Owner) -> Vec<ConsumerId> {
        let first = ConsumerId { owner, number: 0 };
        self.holders.range(first..=ConsumerId { owner, number: u64::MAX }).map(|(id, _)| *id).collect()
    }

    /// Whether one more may attach (or one that is attached again), wanting to be alone or not.
    pub(crate) fn admits(&self, id: ConsumerId, exclusive: bool) -> bool {
        let others = self.attached() - usize::from(self.attachment(id).is_some());
        others == 0 || !(exclusive || self.exclusive)
    }

    pub(crate) fn attach(&mut self, id: ConsumerId, window: u32, priority: i32, exclusive: bool) {
        let holder = self.holders.entry(id).or_default();
        let order = match holder.attachment {
            Some(earlier) => {
                self.ranks.remove(&earlier.rank());
                self.turns.leave(holder);
                earlier.order
            }
            None => {
                self.attachments += 1;
                self.attachments
            }
        };
        let attachment = Attachment { window, priority, order };
        holder.attachment = Some(attachment);
        self.ranks.insert(attachment.rank(), id);
        self.exclusive = exclusive;
    }

    pub(crate) fn detach(&mut self, id: ConsumerId) -> bool {
        let Some(holder) = self.holders.get_mut(&id) else { return false };
        let Some(attachment) = holder.attachment else { return false };
        self.turns.leave(holder);
        holder.attachment = None;
        self.ranks.remove(&attachment.rank());
        self.exclusive &= !self.ranks.is_empty();
        self.forget_if_idle(id);
        true
    }

    pub(crate) fn set_window(&mut self, id: ConsumerId, window: u32) -> bool {
        let attachment = self.holders.get_mut(&id).and_then(|holder| holder.attachment.as_mut());
        attachment.map(|attachment| attachment.window = window).is_some()
    }

    /// Lets the consumer take part, or not, as it has room and is `eligible` otherwise.
    pub(crate) fn update_turn(&mut self, id: ConsumerId, eligible: bool) {
        if let Some(holder) = self.holders.get_mut(&id) {
            self.turns.update(id, holder, eligible);
        }
    }

    /// Whose turn it is.
    pub(crate) fn next(&self) -> Option<ConsumerId> {
        self.turns.first()
    }

    /// Gives a frame to the one whose turn it is, which ends that.
    pub(crate) fn give_next(&mut self, id: ConsumerId, offset: u64, past: Past) {
        let holder = self.holders.get_mut(&id).expect("whose turn it is holds a place");
        holder.held.insert(offset..offset + 1, past);
        self.held += 1;
        self.turns.served(id, holder);
    }

    /// Gives a frame to anybody.
    pub(crate) fn give(&mut self, id: ConsumerId, range: Range<u64>, past: Past) {
        self.held += range.end - range.start;
        self.holders.entry(id).or_default().held.insert(range, past);
    }

    /// Takes away what somebody holds of a range.
    pub(crate) fn take(
        &mut self,
        id: ConsumerId,
        range: Range<u64>,
        mut taken: impl FnMut(Range<u64>, Past),
    ) {
        if let Some(holder) = self.holders.get_mut(&id) {
            let before = holder.held.len();
            holder.held.take(range, &mut taken);
            self.held -= before - holder.held.len();
        }
    }

    /// Takes away all that somebody holds.
    pub(crate) fn take_all(&mut self, id: ConsumerId) -> RunMap<Past> {
        let held =
            self.holders.get_mut(&id).map(|holder| std::mem::take(&mut holder.held)).unwrap_or_default();
        self.held -= held.len();
        held
    }

    /// Forgets somebody who neither consumes nor holds anything.
    pub(crate) fn forget_if_idle(&mut self, id: ConsumerId) {
        if self.get(id).is_some_and(Holder::is_idle) {
            self.holders.remove(&id);
        }
    }

    /// The invariant that is broken, if one is.
    pub(crate) fn broken_invariant(&self) -> Option<&'static str> {
        let held: u64 = self.iter().map(|(_, holder)| holder.held.len()).sum();
        let is_listed = |id: &ConsumerId, holder: &Holder| match holder.attachment {
            Some(attachment) => {
                self.ranks.get(&attachment.rank()) == Some(id) && attachment.order <= self.attachments
            }
            None => holder.turn.is_none(),
        };
        let attached = self.iter().filter(|(_, holder)| holder.attachment.is_some()).count();
        let rules = [
            (held == self.held, "what is held is counted"),
            (self.iter().all(|(_, holder)| !holder.is_idle()), "nobody is listed without reason"),
            (self.iter().all(|(id, holder)| is_listed(&id, holder)), "who is attached has a rank"),
            (attached == self.ranks.len(), "who has a rank is attached"),
            (self.turns.broken_invariant(&self.holders).is_none(), "turns are of those who have them"),
            (!self.exclusive || attached == 1, "who wants to be alone is"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
    }

    /// What a snapshot needs beside the holders: how many ever attached, the next turn, whether one wants to be alone.
    pub(crate) fn counters(&self) -> (u64, u64, bool) {
        (self.attachments, self.turns.next(), self.exclusive)
    }

    /// Of a snapshot; holders come with [`Consumers::restore`].
    pub(crate) fn restored((attachments, next_turn, exclusive): (u64, u64, bool)) -> Self {
        let turns = Turns::restored(next_turn);
        Self { attachments, turns, exclusive, ..Self::default() }
    }

    /// Adds somebody of a snapshot, who holds nothing yet. False if that contradicts what is there.
    pub(crate) fn restore(
        &mut self,
        id: ConsumerId,
        attachment: Option<Attachment>,
        turn: Option<u64>,
    ) -> bool {
        let holder = Holder { attachment, turn, held: RunMap::default() };
        let turn_is_new = self.turns.restore(id, &holder);
        let rank_is_new =
            attachment.is_none_or(|attachment| self.ranks.insert(attachment.rank(), id).is_none());
        self.holders.insert(id, Box::new(holder)).is_none() && turn_is_new && rank_is_new
    }
}
