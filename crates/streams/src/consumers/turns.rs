//! Whose turn it is: the highest priority that can take a frame, and round robin among equals.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Holder, Rank};
use crate::ids::ConsumerId;

/// A queue of those who can take a frame, for each priority.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    queue: BTreeMap<Rank, ConsumerId>,
    /// The next place at the back of a queue.
    next: u64,
}

impl Turns {
    pub(super) fn first(&self) -> Option<ConsumerId> {
        self.queue.first_key_value().map(|(_, id)| *id)
    }

    /// Puts a consumer at the back if it has become eligible, or takes it out if it no longer is.
    pub(super) fn update(&mut self, id: ConsumerId, holder: &mut Holder, eligible: bool) {
        match (holder.turn.is_some(), eligible && holder.has_room()) {
            (false, true) => self.join(id, holder),
            (true, false) => self.leave(holder),
            _ => {}
        }
    }

    /// The first one got a frame: it goes to the back of its priority's queue, or out.
    pub(super) fn served(&mut self, id: ConsumerId, holder: &mut Holder) {
        if !holder.has_room() {
            self.leave(holder);
        } else if self.has_equals(holder) {
            self.leave(holder);
            self.join(id, holder);
        }
    }

    /// Whether others of the same priority wait.
    fn has_equals(&self, holder: &Holder) -> bool {
        let second = self.queue.keys().nth(1);
        second.is_some_and(|(Reverse(priority), _)| {
            holder.attachment.is_some_and(|attachment| attachment.priority == *priority)
        })
    }

    fn join(&mut self, id: ConsumerId, holder: &mut Holder) {
        if let Some(attachment) = holder.attachment {
            holder.turn = Some(self.next);
            self.queue.insert((Reverse(attachment.priority), self.next), id);
            self.next += 1;
        }
    }

    pub(super) fn leave(&mut self, holder: &mut Holder) {
        if let (Some(attachment), Some(turn)) = (holder.attachment, holder.turn.take()) {
            self.queue.remove(&(Reverse(attachment.priority), turn));
        }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn restored(next: u64) -> Self {
        Self { queue: BTreeMap::new(), next }
    }

    /// Puts somebody of a snapshot where it was. False if another one is there.
    pub(super) fn restore(&mut self, id: ConsumerId, holder: &Holder) -> bool {
        match (holder.attachment, holder.turn) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(attachment), Some(turn)) => {
                turn < self.next && self.queue.insert((Reverse(attachment.priority), turn), id).is_none()
            }
        }
    }

    /// The invariant that is broken, if one is.
    pub(super) fn broken_invariant(
        &self,
        holders: &BTreeMap<ConsumerId, Box<Holder>>,
    ) -> Option<&'static str> {
        let has_turn = |((Reverse(priority), turn), id): (&Rank, &ConsumerId)| {
            holders.get(id).is_some_and(|holder| {
                let is_equal = holder.attachment.is_some_and(|attachment| attachment.priority == *priority);
                is_equal && holder.turn == Some(*turn)
            })
        };
        let waiting = holders.values().filter(|holder| holder.turn.is_some()).count();
        let rules = [
            (self.queue.iter().all(has_turn), "who is in the queue has that turn"),
            (waiting == self.queue.len(), "who has a turn is in the queue"),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, rule)| rule)
    }
}
