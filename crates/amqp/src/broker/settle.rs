//! basic.ack, basic.nack, basic.reject and basic.recover.

use amqp091::basic;
use streams::{ConsumerId, OffsetSet, Op, PartitionId};

use super::Session;
use super::outbound::Origin;
use crate::channel::{ChannelRef, Held, Mode, Settling};
use crate::fault::Fault;

/// What the deliveries of consumers become, gathered in order: neighbours that become the same are one operation.
#[derive(Debug, Default)]
pub(super) struct Settlements(Vec<Settlement>);

#[derive(Debug)]
struct Settlement {
    /// The consumer's number.
    consumer: u64,
    partition: PartitionId,
    how: Settling,
    offsets: OffsetSet,
}

impl Settlements {
    fn push(&mut self, held: &Held, how: Settling) {
        let Held { consumer, partition, offset, .. } = *held;
        // Few consumers and partitions take turns; to look at several saves operations.
        let mut recent = self.0.iter_mut().rev().take(16);
        let same = recent.find(|known| (known.consumer, known.partition) == (consumer, partition));
        if let Some(same) = same.filter(|same| same.how == how) {
            same.offsets.insert(offset);
            return;
        }
        self.0.push(Settlement { consumer, partition, how, offsets: OffsetSet::from(offset) });
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
        self.settlements.push(held, how);
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
        for Settlement { consumer, partition, how, offsets } in gathered.drain(..) {
            if let Some(subscriber) = self.subscribers.get(&consumer) {
                let op = op(partition, subscriber.id, how, offsets);
                self.outbound.push(subscriber.queue.shard, op, Origin::Nothing);
            }
        }
        self.settlements.0 = gathered;
    }

    /// Settles what clients that do not acknowledge were sent.
    pub(super) fn settle_done(&mut self) {
        for number in std::mem::take(&mut self.settling) {
            if let Some(subscriber) = self.subscribers.get_mut(&number) {
                for (partition, offsets) in subscriber.done.drain() {
                    let op = op(partition, subscriber.id, Settling::Ack, offsets);
                    self.outbound.push(subscriber.queue.shard, op, Origin::Nothing);
                }
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
            self.outbound.push(subscriber.queue.shard, subscriber.change_window(), Origin::Nothing);
        }
    }
}

fn op(partition: PartitionId, consumer: ConsumerId, how: Settling, offsets: OffsetSet) -> Op {
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
