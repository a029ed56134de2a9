//! basic.ack, basic.nack, basic.reject and basic.recover.

use amqp091::basic;
use streams::{Offset, OffsetSet, Op};

use super::Session;
use super::consumers::Subscriber;
use super::outbound::Origin;
use crate::channel::{ChannelRef, Held, Mode, Settling};
use crate::fault::Fault;

/// What the deliveries of consumers become, gathered in order: neighbours that become the same are one operation.
#[derive(Debug, Default)]
pub(super) struct Settlements(Vec<(u64, Settling, OffsetSet)>);

impl Settlements {
    fn push(&mut self, consumer: u64, how: Settling, offset: Offset) {
        // Few consumers take turns; to look at several saves operations.
        let recent = self.0.iter_mut().rev().take(8);
        for (known, same, offsets) in recent {
            if *known == consumer {
                if *same == how {
                    offsets.insert(offset);
                    return;
                }
                break;
            }
        }
        let mut offsets = OffsetSet::new();
        offsets.insert(offset);
        self.0.push((consumer, how, offsets));
    }
}

impl Session {
    pub(super) fn ack(&mut self, at: ChannelRef, tag: u64, multiple: bool) -> Result<(), Fault> {
        self.settle_tags(at, tag, multiple, Settling::Ack)
    }

    pub(super) fn nack(&mut self, at: ChannelRef, nack: &basic::Nack) -> Result<(), Fault> {
        let how = match nack.requeue {
            true => Settling::Requeue { failed: self.desk.config.nack_is_failure },
            false => Settling::Reject,
        };
        self.settle_tags(at, nack.delivery_tag, nack.multiple, how)
    }

    pub(super) fn reject(&mut self, at: ChannelRef, reject: basic::Reject) -> Result<(), Fault> {
        let how = if reject.requeue { Settling::Requeue { failed: true } } else { Settling::Reject };
        self.settle_tags(at, reject.delivery_tag, false, how)
    }

    pub(super) fn recover(&mut self, at: ChannelRef, requeue: bool) -> Result<(), Fault> {
        if !requeue {
            return Err(Fault::not_implemented("requeue=false"));
        }
        let Some(channel) = self.channel(at) else { return Ok(()) };
        let all: Vec<Held> = channel.unacked.drain().collect();
        for held in all {
            self.settle(&held, Settling::Requeue { failed: false });
        }
        self.made_room(at);
        Ok(())
    }

    fn settle_tags(&mut self, at: ChannelRef, tag: u64, multiple: bool, how: Settling) -> Result<(), Fault> {
        let Some(channel) = self.channel(at) else { return Ok(()) };
        if let Mode::Transacting(transaction) = &mut channel.mode {
            let through = if multiple && tag == 0 { u64::MAX } else { tag };
            let found =
                mark(&mut channel.unacked, through, multiple, |tag| transaction.settlements.push((tag, how)));
            return if found { Ok(()) } else { Err(unknown(tag)) };
        }
        let mut taken = Vec::new();
        let found = if !multiple {
            let held = channel.unacked.remove(tag);
            held.inspect(|held| taken.push(*held)).is_some()
        } else if tag == 0 {
            taken.extend(channel.unacked.drain());
            true
        } else {
            channel.unacked.remove_through(tag, |held| taken.push(held))
        };
        if !found {
            return Err(unknown(tag));
        }
        for held in &taken {
            self.settle(held, how);
        }
        self.metrics.acknowledged.add(if how == Settling::Ack { taken.len() } else { 0 });
        self.made_room(at);
        Ok(())
    }

    /// A delivery is the client's no more.
    pub(super) fn settle(&mut self, held: &Held, how: Settling) {
        let Some(subscriber) = self.subscribers.get_mut(&held.consumer) else { return };
        subscriber.held = subscriber.held.saturating_sub(1);
        self.settlements.push(held.consumer, how, held.offset);
        if subscriber.held == 0 && subscriber.is_over() {
            self.forgotten.push(held.consumer);
        }
    }

    /// Others may get what a channel's limit kept back.
    pub(super) fn made_room(&mut self, at: ChannelRef) {
        if self.channel(at).is_some_and(|channel| !channel.held_back.is_empty()) {
            self.unblocked.push(at);
        }
    }

    /// Puts what was settled before whatever comes next.
    pub(super) fn flush_settlements(&mut self) {
        let mut gathered = std::mem::take(&mut self.settlements.0);
        for (number, how, offsets) in gathered.drain(..) {
            if let Some(subscriber) = self.subscribers.get(&number) {
                let op = op(subscriber, how, offsets);
                self.outbound.push(subscriber.queue.shard, op, Origin::Nothing);
            }
        }
        self.settlements.0 = gathered;
    }

    /// Settles what clients that do not acknowledge were sent.
    pub(super) fn settle_done(&mut self) {
        for number in std::mem::take(&mut self.settling) {
            if let Some(subscriber) = self.subscribers.get_mut(&number) {
                let offsets = std::mem::take(&mut subscriber.done);
                let op = op(subscriber, Settling::Ack, offsets);
                self.outbound.push(subscriber.queue.shard, op, Origin::Nothing);
                if subscriber.is_over() {
                    self.forgotten.push(number);
                }
            }
        }
    }

    /// Gives a consumer without a limit of its own more room.
    pub(super) fn widen(&mut self, number: u64) {
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        if let Some(window) = subscriber.wider_window() {
            subscriber.window = window;
            let op = Op::Window { partition: subscriber.partition(), consumer: subscriber.id, window };
            self.outbound.push(subscriber.queue.shard, op, Origin::Nothing);
        }
    }
}

fn op(subscriber: &Subscriber, how: Settling, offsets: OffsetSet) -> Op {
    let (partition, consumer) = (subscriber.partition(), subscriber.id);
    match how {
        Settling::Ack => Op::Settle { partition, consumer, offsets },
        Settling::Requeue { failed } => Op::Return { partition, consumer, offsets, failed, delay_ms: 0 },
        Settling::Reject => Op::Reject { partition, consumer, offsets },
    }
}

fn unknown(tag: u64) -> Fault {
    Fault::precondition_failed(format!("unknown delivery tag {tag}"))
}

/// Marks deliveries as settled at the end of a transaction. False if there is none under the tag.
fn mark(
    unacked: &mut crate::channel::Ledger<Held>,
    through: u64,
    multiple: bool,
    mut marked: impl FnMut(u64),
) -> bool {
    let is_there = unacked.get_mut(through).is_some_and(|held| !held.pending);
    if !is_there && through != u64::MAX {
        return false;
    }
    if !multiple {
        if let Some(held) = unacked.get_mut(through) {
            held.pending = true;
        }
        marked(through);
        return true;
    }
    for (tag, held) in unacked.through_mut(through).filter(|(_, held)| !held.pending) {
        held.pending = true;
        marked(tag);
    }
    true
}
