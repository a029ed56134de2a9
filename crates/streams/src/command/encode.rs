//! From commands to bytes of the log, and the description of these.
//!
//! ```text
//! command:  format (1 byte) | number of operations | operations
//! operation: kind (1 byte) | its fields in the order of the enum
//! ```
//! Numbers are those of `wire.rs`; a flag byte stands before the optional fields of an operation and says which are there;
//! a frame has its length before it.

use bytes::{BufMut, BytesMut};

use super::{Command, Op, Stamp};
use crate::settings::{Overflow, Settings};
use crate::wire::{put_bytes, put_consumer, put_flags, put_number, put_offsets, put_optional, put_signed};

/// The kinds of operations in the log. A number is never given to another kind.
pub(super) mod kind {
    pub(crate) const CREATE: u8 = 1;
    pub(crate) const ALTER: u8 = 2;
    pub(crate) const DELETE: u8 = 3;
    pub(crate) const PURGE: u8 = 4;
    pub(crate) const UNPARK: u8 = 5;
    pub(crate) const APPEND: u8 = 6;
    pub(crate) const ATTACH: u8 = 7;
    pub(crate) const DETACH: u8 = 8;
    pub(crate) const WINDOW: u8 = 9;
    pub(crate) const SETTLE: u8 = 10;
    pub(crate) const RETURN: u8 = 11;
    pub(crate) const REJECT: u8 = 12;
    pub(crate) const TAKE: u8 = 13;
    pub(crate) const RELEASE: u8 = 14;
    pub(crate) const GONE: u8 = 15;
    pub(crate) const BURY: u8 = 16;
    pub(crate) const TICK: u8 = 17;
    pub(crate) const CREATE_GROUP: u8 = 18;
    pub(crate) const DELETE_GROUP: u8 = 19;
    pub(crate) const SUBSCRIBE: u8 = 20;
    pub(crate) const UNSUBSCRIBE: u8 = 21;
    pub(crate) const EXPIRE: u8 = 22;
}

impl Command {
    /// Appends the command as it stands in the log.
    pub fn encode(&self, buffer: &mut BytesMut) {
        let frames =
            self.ops.iter().map(|op| if let Op::Append { frame, .. } = op { frame.len() } else { 0 });
        buffer.reserve(frames.sum::<usize>() + self.ops.len() * 32 + 8);
        buffer.put_u8(u8::try_from(self.level()).expect("levels fit into a byte"));
        put_number(buffer, self.ops.len() as u64);
        self.ops.iter().for_each(|op| put_op(buffer, op));
    }
}

fn put_op(buffer: &mut BytesMut, op: &Op) {
    match op {
        Op::Create { partition, settings } => {
            put_head(buffer, kind::CREATE, partition.0);
            put_settings(buffer, settings);
        }
        Op::Alter { partition, settings } => {
            put_head(buffer, kind::ALTER, partition.0);
            put_settings(buffer, settings);
        }
        Op::Delete { partition, if_unused, if_empty } => {
            put_head(buffer, kind::DELETE, partition.0);
            put_flags(buffer, [*if_unused, *if_empty]);
        }
        Op::Expire { partition } => put_head(buffer, kind::EXPIRE, partition.0),
        Op::Purge { partition } => put_head(buffer, kind::PURGE, partition.0),
        Op::Unpark { partition } => put_head(buffer, kind::UNPARK, partition.0),
        Op::Append { partition, frame, priority, ttl_ms, delay_ms, stamp } => {
            put_head(buffer, kind::APPEND, partition.0);
            let has_gaps = stamp.is_some_and(|stamp| stamp.gaps);
            put_flags(buffer, [*priority > 0, ttl_ms.is_some(), *delay_ms > 0, stamp.is_some(), has_gaps]);
            if *priority > 0 {
                buffer.put_u8(*priority);
            }
            put_optional(buffer, *ttl_ms);
            put_optional(buffer, Some(*delay_ms).filter(|delay_ms| *delay_ms > 0));
            if let Some(Stamp { producer, epoch, sequence, .. }) = *stamp {
                put_number(buffer, producer);
                put_number(buffer, u64::from(epoch));
                put_number(buffer, sequence);
            }
            put_bytes(buffer, frame);
        }
        Op::Attach { partition, consumer, window, priority, exclusive } => {
            put_head(buffer, kind::ATTACH, partition.0);
            put_consumer(buffer, *consumer);
            put_number(buffer, u64::from(*window));
            put_signed(buffer, i64::from(*priority));
            put_flags(buffer, [*exclusive]);
        }
        Op::Detach { partition, consumer } => {
            put_head(buffer, kind::DETACH, partition.0);
            put_consumer(buffer, *consumer);
        }
        Op::Window { partition, consumer, window } => {
            put_head(buffer, kind::WINDOW, partition.0);
            put_consumer(buffer, *consumer);
            put_number(buffer, u64::from(*window));
        }
        Op::Settle { partition, consumer, offsets } => {
            put_head(buffer, kind::SETTLE, partition.0);
            put_consumer(buffer, *consumer);
            put_offsets(buffer, offsets);
        }
        Op::Return { partition, consumer, offsets, failed, delay_ms } => {
            put_head(buffer, kind::RETURN, partition.0);
            put_consumer(buffer, *consumer);
            put_offsets(buffer, offsets);
            put_flags(buffer, [*failed]);
            put_number(buffer, *delay_ms);
        }
        Op::Reject { partition, consumer, offsets } => {
            put_head(buffer, kind::REJECT, partition.0);
            put_consumer(buffer, *consumer);
            put_offsets(buffer, offsets);
        }
        Op::Take { partition, consumer, settle } => {
            put_head(buffer, kind::TAKE, partition.0);
            put_consumer(buffer, *consumer);
            put_flags(buffer, [*settle]);
        }
        Op::Release { partition, consumer } => {
            put_head(buffer, kind::RELEASE, partition.0);
            put_consumer(buffer, *consumer);
        }
        Op::Gone { owner } => {
            buffer.put_u8(kind::GONE);
            put_signed(buffer, owner.0);
        }
        Op::Bury { partition, offsets } => {
            put_head(buffer, kind::BURY, partition.0);
            put_offsets(buffer, offsets);
        }
        Op::CreateGroup { group, partitions, settings } => {
            put_head(buffer, kind::CREATE_GROUP, group.0);
            put_number(buffer, partitions.len() as u64);
            partitions.iter().for_each(|partition| put_number(buffer, partition.0));
            put_settings(buffer, settings);
        }
        Op::DeleteGroup { group, if_unused, if_empty } => {
            put_head(buffer, kind::DELETE_GROUP, group.0);
            put_flags(buffer, [*if_unused, *if_empty]);
        }
        Op::Subscribe { group, consumer, window } => {
            put_head(buffer, kind::SUBSCRIBE, group.0);
            put_consumer(buffer, *consumer);
            put_number(buffer, u64::from(*window));
        }
        Op::Unsubscribe { group, consumer, release } => {
            put_head(buffer, kind::UNSUBSCRIBE, group.0);
            put_consumer(buffer, *consumer);
            put_flags(buffer, [*release]);
        }
        Op::Tick => buffer.put_u8(kind::TICK),
    }
}

fn put_head(buffer: &mut BytesMut, kind: u8, partition: u64) {
    buffer.put_u8(kind);
    put_number(buffer, partition);
}

/// Two bytes: which optional numbers are there, and the switches.
pub(crate) fn put_settings(buffer: &mut BytesMut, settings: &Settings) {
    let Settings { length_max, bytes_max, overflow, ttl_ms, expires_ms, .. } = *settings;
    let delivery_limit = settings.delivery_limit.map(u64::from);
    let numbers = [length_max, bytes_max, ttl_ms, expires_ms, delivery_limit];
    put_flags(buffer, numbers.map(|number| number.is_some()));
    put_flags(buffer, [settings.single_active, settings.dead_letters, settings.auto_delete]);
    buffer.put_u8(match overflow {
        Overflow::DropHead => 0,
        Overflow::Refuse => 1,
        Overflow::RefuseAndDeadLetter => 2,
    });
    buffer.put_u8(settings.priorities);
    numbers.into_iter().for_each(|number| put_optional(buffer, number));
}
