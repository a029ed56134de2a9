//! Carries dead letters from a queue to those that its dead-letter exchange leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use amqp091::Properties;
use bytes::{Bytes, BytesMut};
use catalog::{DeadLetter, Queue, Routed, Vhost};
use shards::Replica;
use streams::{DeathReason, Offset, OffsetSet, Op, Outcome, PartitionId};

use super::Unfinished;
use super::courier::Courier;
use crate::broker::partitions;
use crate::message::{Death, Message};
use crate::serve::Server;

/// Letters that are carried at a time, and bytes of them.
const LETTERS_MAX: usize = 256;
const BYTES_MAX: usize = 1 << 20;

/// Dead letters that lie beside each other and died of the same.
pub(super) struct Letters {
    pub(super) shard: u32,
    pub(super) partition: PartitionId,
    pub(super) offsets: Range<Offset>,
    pub(super) reason: DeathReason,
}

/// A message for a queue.
struct Parcel {
    /// The letter's place in the queue that it died in.
    letter: Offset,
    queue: Arc<Queue>,
    /// Of the queue's.
    partition: PartitionId,
    frame: Bytes,
    priority: u8,
}

impl Server {
    /// Carries letters and buries those that have arrived; false if some have to wait.
    pub(super) async fn carry(
        &self,
        replica: &Replica,
        courier: &mut Courier,
        letters: Letters,
    ) -> Result<bool, Unfinished> {
        let Letters { shard, partition, offsets, reason } = letters;
        let (mut next, mut all_arrived) = (offsets.start, true);
        while next < offsets.end {
            let end = Offset(offsets.end.0.min(next.0 + LETTERS_MAX as u64));
            let wanted: Vec<u64> = (next.0..end.0).collect();
            let frames = replica.frames().read(partition.0, &wanted, BYTES_MAX).await?;
            let bytes: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
            let last = frames.last().filter(|_| bytes >= BYTES_MAX).map(|(offset, _)| Offset(offset + 1));
            let end = last.unwrap_or(end);
            let parcels = self.address(partition, reason, frames);
            let waiting = self.bring(courier, parcels).await?;
            all_arrived &= waiting.is_empty();
            let arrived = (next.0..end.0).map(Offset).filter(|offset| !waiting.contains(offset));
            let offsets: OffsetSet = arrived.collect();
            if !offsets.is_empty() {
                courier.ask(shard, vec![Op::Bury { partition, offsets }]).await?;
            }
            next = end;
        }
        Ok(all_arrived)
    }

    /// Where letters go, by what is known now. What can't go anywhere goes nowhere, as with RabbitMQ: a queue without a dead-letter exchange,
    /// or one that was deleted; an exchange that leads to no queue; a queue that the message has come from in a circle.
    fn address(&self, partition: PartitionId, reason: DeathReason, frames: Vec<(u64, Bytes)>) -> Vec<Parcel> {
        let topology = self.catalog.topology();
        let Some(queue) = topology.queue_of_partition(partition.0) else { return Vec::new() };
        let Some(vhost) = topology.vhost(queue.vhost.as_bytes()) else { return Vec::new() };
        let Some(dead_letter) = vhost.settings(queue).dead_letter else { return Vec::new() };
        let time_ms = self.runtime.clock.wall_ms();
        let mut routed = Routed::default();
        let mut parcels = Vec::new();
        for (offset, frame) in frames {
            let Ok(message) = Message::decode(frame) else { continue };
            let name = queue.name.to_string();
            let death = Death { queue: &name, reason, time_ms };
            send_on(vhost, &dead_letter, &death, Offset(offset), message, &mut routed, &mut parcels);
        }
        parcels
    }

    /// Brings messages to their queues, in order, and gives the letters that have not arrived everywhere: a queue has no room now.
    async fn bring(
        &self,
        courier: &mut Courier,
        parcels: Vec<Parcel>,
    ) -> Result<BTreeSet<Offset>, Unfinished> {
        let mut waiting = BTreeSet::new();
        let mut by_shard: BTreeMap<u32, Vec<Parcel>> = BTreeMap::new();
        for parcel in parcels {
            by_shard.entry(parcel.queue.shard).or_default().push(parcel);
        }
        for (shard, parcels) in by_shard {
            let ops = parcels.iter().map(Parcel::append).collect();
            let outcomes = courier.ask(shard, ops).await?;
            for (parcel, outcome) in parcels.iter().zip(outcomes) {
                match outcome {
                    Outcome::NoPartition => self.bring_to_new(courier, parcel).await?,
                    Outcome::Refused => {
                        waiting.insert(parcel.letter);
                    }
                    _ => {}
                }
            }
        }
        Ok(waiting)
    }

    /// A queue is in the catalog before its partition is on its shard.
    async fn bring_to_new(&self, courier: &mut Courier, parcel: &Parcel) -> Result<(), Unfinished> {
        let topology = self.catalog.topology();
        let (Some(queue), Some(vhost)) =
            (topology.queue_by_id(parcel.queue.id), topology.vhost(parcel.queue.vhost.as_bytes()))
        else {
            return Ok(());
        };
        let create = partitions::create(vhost, queue);
        courier.ask(queue.shard, vec![create, parcel.append()]).await?;
        Ok(())
    }
}

impl Parcel {
    fn append(&self) -> Op {
        Op::Append {
            partition: self.partition,
            frame: self.frame.clone(),
            priority: self.priority,
            ttl_ms: None,
            delay_ms: 0,
            stamp: None,
        }
    }
}

/// Routes a dead message as one that is published with another exchange, and maybe another key.
fn send_on(
    vhost: &Vhost,
    to: &DeadLetter,
    death: &Death<'_>,
    letter: Offset,
    message: Message,
    routed: &mut Routed,
    parcels: &mut Vec<Parcel>,
) {
    let exchange = to.exchange.to_string();
    let key = to.routing_key.as_ref().map(ToString::to_string);
    let circles = message.clone();
    let message = message.buried(death, &exchange, key.as_deref());
    let properties = Properties::decode(&message.properties).unwrap_or_default();
    let more_keys: Vec<&[u8]> = message.keys[1..].iter().map(Bytes::as_ref).collect();
    let looked_at = catalog::Message {
        key: message.key(),
        more_keys: &more_keys,
        headers: properties.headers.unwrap_or_default(),
        message_id: properties.message_id.map(|id| id.as_bytes()),
        correlation_id: properties.correlation_id.map(|id| id.as_bytes()),
        timestamp: properties.timestamp,
        chance: message.body.len() as u64,
    };
    if !vhost.route(exchange.as_bytes(), &looked_at, routed) {
        return;
    }
    let mut frame = BytesMut::new();
    message.encode(&mut frame);
    let frame = frame.freeze();
    for queue in routed.queues() {
        let is_circle =
            death.reason != DeathReason::Rejected && !circles.may_return_to(&queue.name.to_string());
        if !is_circle {
            let priority = properties.priority.unwrap_or(0);
            let partition = PartitionId(queue.partition_of(&looked_at));
            let (queue, frame) = (Arc::clone(queue), frame.clone());
            parcels.push(Parcel { letter, queue, partition, frame, priority });
        }
    }
}
