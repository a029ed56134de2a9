//! Publisher confirms: what a channel in confirm mode still owes its client.

use amqp091::{ChannelId, basic};

use super::ledger::Ledger;
use crate::output::Output;

/// A publish that is not confirmed yet.
#[derive(Debug)]
struct Open {
    /// Queues that have not answered.
    left: u32,
    refused: bool,
}

/// The publishes of a channel since confirm.select, and what to tell of them.
///
/// Answers are gathered while a batch is worked on and go out together: refusals first, one by one; then one for all below the first publish
/// that is still open; then single ones.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    last: u64,
    open: Ledger<Open>,
    accepted: Vec<u64>,
    refused: Vec<u64>,
}

impl Confirms {
    /// A message was published to that many queues. Returns its sequence number.
    pub(crate) fn begin(&mut self, queues: u32) -> u64 {
        self.last += 1;
        if queues == 0 {
            self.accepted.push(self.last);
        } else {
            self.open.push(self.last, Open { left: queues, refused: false });
        }
        self.last
    }

    /// One of the message's queues has answered: it is safe there, or not.
    pub(crate) fn answer(&mut self, sequence: u64, is_safe: bool) {
        let Some(open) = self.open.get_mut(sequence) else { return };
        open.left -= 1;
        open.refused |= !is_safe;
        if open.left == 0 {
            let told = if open.refused { &mut self.refused } else { &mut self.accepted };
            told.push(sequence);
            self.open.remove(sequence);
        }
    }

    /// Whether there is anything to tell.
    pub(crate) fn is_ready(&self) -> bool {
        !self.accepted.is_empty() || !self.refused.is_empty()
    }

    /// Publishes without an answer.
    #[cfg(test)]
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }

    /// Tells the client. Returns how many publishes were confirmed.
    pub(crate) fn put(&mut self, channel: ChannelId, out: &mut Output) -> usize {
        self.refused.sort_unstable();
        for delivery_tag in self.refused.drain(..) {
            out.put(channel, basic::Nack { delivery_tag, multiple: false, requeue: false });
        }
        let confirmed = self.accepted.len();
        self.accepted.sort_unstable();
        let first_open = self.open.first().unwrap_or(u64::MAX);
        let below = self.accepted.partition_point(|sequence| *sequence < first_open);
        if let Some(delivery_tag) = below.checked_sub(1).map(|at| self.accepted[at]) {
            out.put(channel, basic::Ack { delivery_tag, multiple: below > 1 });
        }
        for delivery_tag in self.accepted.drain(..).skip(below) {
            out.put(channel, basic::Ack { delivery_tag, multiple: false });
        }
        confirmed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use amqp091::{Frame, FrameMax, Method, Payload};
    use proptest::prelude::*;

    use super::*;

    /// What was told: is it an ack, the tag, is it for all below as well.
    fn told(confirms: &mut Confirms) -> Vec<(bool, u64, bool)> {
        let mut out = Output::default();
        confirms.put(ChannelId(1), &mut out);
        let mut bytes = out.take_all();
        let mut told = Vec::new();
        while let Some(frame) = Frame::take(&mut bytes, FrameMax::DEFAULT).unwrap() {
            let Payload::Method(method) = frame.payload else { panic!("{frame:?}") };
            told.push(match method.decode().unwrap() {
                Method::BasicAck(ack) => (true, ack.delivery_tag, ack.multiple),
                Method::BasicNack(nack) => (false, nack.delivery_tag, nack.multiple),
                other => panic!("{other:?}"),
            });
        }
        told
    }

    #[test]
    fn answers_are_put_together() {
        let mut confirms = Confirms::default();
        for queues in [1, 1, 2, 1, 1, 0] {
            confirms.begin(queues);
        }
        for sequence in [5, 1, 2, 3] {
            confirms.answer(sequence, true);
        }
        assert_eq!(told(&mut confirms), [(true, 2, true), (true, 5, false), (true, 6, false)]);
        confirms.answer(4, false);
        confirms.answer(3, true);
        assert_eq!(told(&mut confirms), [(false, 4, false), (true, 3, false)]);
        assert_eq!((told(&mut confirms), confirms.open()), (vec![], 0));
    }

    #[test]
    fn one_refusal_refuses_the_message() {
        let mut confirms = Confirms::default();
        confirms.begin(3);
        for is_safe in [true, false, true] {
            assert!(!confirms.is_ready());
            confirms.answer(1, is_safe);
        }
        assert_eq!(told(&mut confirms), [(false, 1, false)]);
    }

    proptest! {
        /// A client that does its sums hears of every publish once, and of none too early.
        #[test]
        fn every_publish_is_answered_once(steps in prop::collection::vec((0_u8..10, any::<prop::sample::Index>()), 0..300)) {
            let mut confirms = Confirms::default();
            let (mut at_client, mut at_server) = (BTreeSet::new(), Vec::new());
            for (step, index) in steps {
                match step {
                    0..=4 => {
                        let sequence = confirms.begin(1);
                        at_client.insert(sequence);
                        at_server.push(sequence);
                    }
                    5..=8 if !at_server.is_empty() => {
                        let sequence = at_server.remove(index.index(at_server.len()));
                        confirms.answer(sequence, step < 8);
                    }
                    _ => for (_, tag, multiple) in told(&mut confirms) {
                        prop_assert!(at_client.remove(&tag), "{} was told twice", tag);
                        if multiple {
                            at_client = at_client.split_off(&tag);
                        }
                        prop_assert!(at_server.iter().all(|open| at_client.contains(open)), "told too early");
                    }
                }
            }
        }
    }
}
