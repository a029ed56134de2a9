//! From a frozen shard to records.

use bytes::{BufMut, Bytes, BytesMut};

use super::page::{pages, run_pages};
use super::{Frozen, kind};
use crate::command::put_settings;
use crate::consumers::Holder;
use crate::group::Group;
use crate::ids::{ConsumerId, GroupId, PartitionId};
use crate::outcome::DeathReason;
use crate::partition::Partition;
use crate::past::Past;
use crate::producers::Producer;
use crate::ready::ranges;
use crate::wire::{put_consumer, put_flags, put_number, put_optional, put_signed};

pub(super) fn of_shard(frozen: &Frozen) -> impl Iterator<Item = Bytes> + Send + '_ {
    let shard = record(kind::SHARD, |buffer| put_signed(buffer, frozen.time_ms()));
    let partitions = frozen.contents().iter().flat_map(|(id, partition)| of_partition(*id, partition));
    let end = record(kind::END, |buffer| put_number(buffer, frozen.partitions().len() as u64));
    let groups = frozen.groups().iter().flat_map(|(id, group)| of_group(*id, group));
    std::iter::once(shard).chain(partitions).chain(groups).chain(std::iter::once(end))
}

fn of_partition(id: PartitionId, partition: &Partition) -> impl Iterator<Item = Bytes> + Send + '_ {
    let frames = frames(partition);
    let head = record(kind::PARTITION, |buffer| put_partition(buffer, id, partition));
    std::iter::once(head)
        .chain(frames)
        .chain(holders(partition))
        .chain(producers(partition))
        .chain(refused(partition))
}

fn of_group(id: GroupId, group: &Group) -> impl Iterator<Item = Bytes> + Send + '_ {
    let head = record(kind::GROUP, |buffer| {
        put_number(buffer, id.0);
        put_number(buffer, group.joined());
        put_number(buffer, group.members().len() as u64);
        group.members().iter().for_each(|member| put_number(buffer, member.0));
    });
    let subscribers = pages(
        kind::SUBSCRIBERS,
        |_| (),
        group.subscribers(),
        |buffer, (id, subscriber)| {
            put_consumer(buffer, id);
            put_number(buffer, u64::from(subscriber.window));
            put_number(buffer, subscriber.order);
            put_number(buffer, subscriber.served.0);
        },
    );
    std::iter::once(head).chain(subscribers)
}

fn put_partition(buffer: &mut BytesMut, id: PartitionId, partition: &Partition) {
    let (attachments, next_turn, exclusive) = partition.consumers.counters();
    put_number(buffer, id.0);
    put_settings(buffer, &partition.settings);
    put_flags(buffer, [partition.active.is_some(), partition.expired, exclusive, partition.abandoned]);
    if let Some(active) = partition.active {
        put_consumer(buffer, active);
    }
    put_number(buffer, partition.ready.cursor());
    put_number(buffer, partition.ready.tail());
    put_number(buffer, partition.epoch);
    put_signed(buffer, partition.used_ms);
    put_number(buffer, attachments);
    put_number(buffer, next_turn);
}

fn frames(partition: &Partition) -> impl Iterator<Item = Bytes> + Send + '_ {
    let nothing = |_: &mut BytesMut| ();
    let holes = ranges(partition.ready.holes().iter()).map(|range| (range, ()));
    let lanes = partition.ready.lanes().flat_map(|(level, lane)| {
        let members = ranges(lane.iter()).map(|range| (range, ()));
        run_pages(kind::LANE, move |buffer| buffer.put_u8(level), members, |_, ()| ())
    });
    run_pages(kind::HOLES, nothing, holes, |_, ()| ())
        .chain(lanes)
        .chain(run_pages(kind::PASTS, nothing, partition.pasts.runs(), put_past))
        .chain(run_pages(kind::DEADLINES, nothing, partition.deadlines.runs(), put_signed))
        .chain(run_pages(kind::SIZES, nothing, partition.sizes.runs(), |buffer, size| {
            put_number(buffer, u64::from(size));
        }))
        .chain(pages(kind::DUE, nothing, partition.due.iter(), |buffer, (due_ms, offset)| {
            put_signed(buffer, *due_ms);
            put_number(buffer, *offset);
        }))
        .chain(run_pages(kind::PARKED, nothing, partition.parked.runs(), |_, ()| ()))
        .chain(run_pages(kind::DEAD, nothing, partition.dead.runs(), |buffer, reason| {
            buffer.put_u8(reason_number(reason));
        }))
}

fn put_past(buffer: &mut BytesMut, past: Past) {
    put_number(buffer, u64::from(past.failed));
    put_number(buffer, u64::from(past.acquired));
    buffer.put_u8(past.level);
}

pub(super) fn reason_number(reason: DeathReason) -> u8 {
    match reason {
        DeathReason::Rejected => 1,
        DeathReason::Expired => 2,
        DeathReason::MaxLen => 3,
        DeathReason::DeliveryLimit => 4,
    }
}

fn holders(partition: &Partition) -> impl Iterator<Item = Bytes> + Send + '_ {
    partition.consumers.iter().flat_map(|(id, holder)| {
        let head = record(kind::HOLDER, |buffer| put_holder(buffer, id, holder));
        let held = run_pages(kind::HELD, |_| (), holder.held.runs(), put_past);
        std::iter::once(head).chain(held)
    })
}

fn put_holder(buffer: &mut BytesMut, id: ConsumerId, holder: &Holder) {
    put_consumer(buffer, id);
    put_flags(buffer, [holder.attachment.is_some(), holder.turn.is_some()]);
    if let Some(attachment) = holder.attachment {
        put_number(buffer, u64::from(attachment.window));
        put_signed(buffer, i64::from(attachment.priority));
        put_number(buffer, attachment.order);
    }
    put_optional(buffer, holder.turn);
}

fn producers(partition: &Partition) -> impl Iterator<Item = Bytes> + Send + '_ {
    pages(
        kind::PRODUCERS,
        |_| (),
        partition.producers.iter(),
        |buffer, (id, producer)| {
            let Producer { epoch, sequence, offset, used_ms, .. } = producer;
            put_number(buffer, id);
            put_number(buffer, u64::from(epoch));
            put_number(buffer, sequence);
            put_number(buffer, offset);
            put_signed(buffer, used_ms);
        },
    )
}

/// Those of the producers that have to send again what was refused.
fn refused(partition: &Partition) -> impl Iterator<Item = Bytes> + Send + '_ {
    let refused = partition.producers.iter().filter_map(|(id, producer)| Some((id, producer.refused?)));
    pages(
        kind::REFUSED,
        |_| (),
        refused,
        |buffer, (id, sequence)| {
            put_number(buffer, id);
            put_number(buffer, sequence);
        },
    )
}

fn record(kind: u8, put: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut buffer = BytesMut::with_capacity(64);
    buffer.put_u8(kind);
    put(&mut buffer);
    buffer.freeze()
}
