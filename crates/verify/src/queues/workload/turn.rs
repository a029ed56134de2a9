//! What a consumer has in its hands.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use amqp_client::{Channel, Error};

use super::super::history::{Copy, Delivery, Kind, QueueHistory, SessionId};

/// Where order counts, nothing is worked on while something from before it has been given back and did not come again: it waits in the
/// consumer's hands, or is given back, too.
pub(super) struct Turn {
    in_order: bool,
    /// Where copies are in the queue: a consumer gets them for the first time in this order.
    places: BTreeMap<Copy, usize>,
    /// The places of what was given back.
    away: BTreeSet<usize>,
    /// What waits in its hands, by place; the same copy may be there twice, where dead letters come twice.
    waiting: BTreeMap<(usize, u64), Rc<Delivery>>,
    /// Worked on, and not said so yet.
    done: Vec<(u64, Rc<Delivery>)>,
    prefetch: u16,
}

/// A delivery in the consumer's hands: its place in the queue, and its tag.
pub(super) type Held = (usize, u64);

impl Turn {
    pub(super) fn new(in_order: bool, prefetch: u16) -> Self {
        Self {
            in_order,
            places: BTreeMap::new(),
            away: BTreeSet::new(),
            waiting: BTreeMap::new(),
            done: Vec::new(),
            prefetch,
        }
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// A delivery came.
    pub(super) fn take(&mut self, tag: u64, delivery: Rc<Delivery>) {
        let next = self.places.len();
        let place = *self.places.entry(delivery.copy).or_insert(next);
        self.away.remove(&place);
        self.waiting.insert((place, tag), delivery);
    }

    /// What may be worked on now.
    pub(super) fn next(&self) -> Option<Held> {
        let first = *self.waiting.keys().next()?;
        (!self.in_order || !self.is_behind_a_gap(first.0)).then_some(first)
    }

    fn is_behind_a_gap(&self, place: usize) -> bool {
        self.away.first().is_some_and(|away| *away < place)
    }

    /// Whether something waits that may not be worked on.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn delivery(&self, held: Held) -> &Rc<Delivery> {
        &self.waiting[&held]
    }

    /// It was worked on.
    pub(super) fn done(&mut self, held: Held) {
        let delivery = self.waiting.remove(&held).expect("what is worked on is in its hands");
        self.done.push((held.1, delivery));
    }

    /// Worked on, and not said so yet.
    pub(super) fn done_count(&self) -> usize {
        self.done.len()
    }

    /// Gives a delivery back, or up.
    pub(super) fn give_back(
        &mut self,
        held: Held,
        how: Kind,
        history: &RefCell<QueueHistory>,
        session: SessionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        self.acknowledge(history, session, channel)?;
        let delivery = self.waiting.remove(&held).expect("what is given back is in its hands");
        history.borrow_mut().note_event(session, how, &delivery);
        if how == Kind::Rejected {
            return channel.reject(held.1, false);
        }
        self.away.insert(held.0);
        channel.nack(held.1, false, true)
    }

    /// Gives the last of what waits back.
    pub(super) fn give_back_last(
        &mut self,
        history: &RefCell<QueueHistory>,
        session: SessionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        let Some(last) = self.waiting.keys().next_back().copied() else { return Ok(()) };
        self.give_back(last, Kind::Returned, history, session, channel)
    }

    /// Says what was worked on: all at once where nothing else is in its hands.
    pub(super) fn acknowledge(
        &mut self,
        history: &RefCell<QueueHistory>,
        session: SessionId,
        channel: &Channel,
    ) -> Result<(), Error> {
        let mut done = std::mem::take(&mut self.done);
        done.sort_by_key(|(tag, _)| *tag);
        debug_assert!(done.len() <= usize::from(self.prefetch), "the check of prefetch says so, too");
        let Some(&(last, _)) = done.last() else { return Ok(()) };
        {
            let mut history = history.borrow_mut();
            done.iter().for_each(|(_, delivery)| history.note_event(session, Kind::Acked, delivery));
        }
        if self.waiting.keys().any(|(_, tag)| *tag < last) {
            return done.iter().try_for_each(|(tag, _)| channel.ack(*tag, false));
        }
        channel.ack(last, true)
    }
}
