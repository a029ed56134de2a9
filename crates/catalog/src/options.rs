//! What the arguments of a queue mean, and which are refused.
//!
//! There is one kind of queue, so every argument that RabbitMQ knows for any of its kinds is taken by every queue. Only values of a
//! wrong type or out of range are refused, with RabbitMQ's words.

use amqp091::{Table, Value};
use thiserror::Error;

use crate::name::Name;

/// RabbitMQ's longest time, 10 years, in milliseconds.
pub const TIME_MS_MAX: u64 = 315_360_000_000;

/// The most partitions of a queue.
pub const PARTITIONS_MAX: u32 = 1024;

/// What is in the way when a queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// The oldest messages: they go.
    #[default]
    DropHead,
    /// The new message: its publisher is told.
    Refuse,
    /// The new message: it is dead-lettered, and its publisher told.
    RefuseAndDeadLetter,
}

impl Overflow {
    /// From RabbitMQ's word.
    pub fn parse(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"drop-head" => Overflow::DropHead,
            b"reject-publish" => Overflow::Refuse,
            b"reject-publish-dlx" => Overflow::RefuseAndDeadLetter,
            _ => return None,
        })
    }
}

/// What a client says about the kind of a queue. All are alike here; policies may ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum QueueType {
    /// Not said, or `classic`.
    #[default]
    Classic,
    /// `quorum`.
    Quorum,
    /// `stream`.
    Stream,
}

/// How many deliveries may fail before a message is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryLimit {
    /// Any number.
    Off,
    /// So many; one more is too many.
    At(u32),
}

impl DeliveryLimit {
    pub(crate) fn of(limit: i64) -> Self {
        u32::try_from(limit).map_or(DeliveryLimit::Off, DeliveryLimit::At)
    }
}

/// The arguments of a queue that mean something. What is absent was not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// `x-queue-type`
    pub queue_type: QueueType,
    /// `x-message-ttl`, milliseconds.
    pub ttl_ms: Option<u64>,
    /// `x-expires`, milliseconds, from 1 up.
    pub expires_ms: Option<u64>,
    /// `x-max-length`, ready messages.
    pub length_max: Option<u64>,
    /// `x-max-length-bytes`
    pub bytes_max: Option<u64>,
    /// `x-overflow`
    pub overflow: Option<Overflow>,
    /// `x-dead-letter-exchange`
    pub dead_letter_exchange: Option<Name>,
    /// `x-dead-letter-routing-key`
    pub dead_letter_key: Option<Name>,
    /// `x-max-priority`, 0 to 255.
    pub priorities: Option<u8>,
    /// `x-single-active-consumer`
    pub single_active: bool,
    /// `x-delivery-limit`
    pub delivery_limit: Option<DeliveryLimit>,
    /// `x-consumer-timeout`, milliseconds; 0 is none.
    pub consumer_timeout_ms: Option<u64>,
    /// `x-partitions`, 1 to [`PARTITIONS_MAX`]. RabbitMQ has no such thing.
    pub partitions: Option<u32>,
    /// `x-partition-header`: by which header of a message its partition is chosen, instead of by its routing key.
    pub partition_header: Option<Name>,
}

/// Why the value of an argument is refused, in RabbitMQ's words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadValue {
    /// Of another type.
    #[error("{{unacceptable_type,{0}}}")]
    Type(&'static str),
    /// Below 0.
    #[error("{{value_negative,{0}}}")]
    Negative(i64),
    /// 0 where it must be more.
    #[error("{{value_zero,0}}")]
    Zero,
    /// A time above [`TIME_MS_MAX`].
    #[error("{{value_too_big,{0}}}")]
    TooBig(i64),
    /// A number above the highest.
    #[error("{{max_value_exceeded,{0}}}")]
    AboveMax(i64),
    /// Not one of the words.
    #[error("{0}")]
    Word(&'static str),
    /// Dead letters have a key and no exchange.
    #[error("routing_key_but_no_dlx_defined")]
    KeyWithoutExchange,
    /// A header to choose partitions by, and none to choose from.
    #[error("partition_header_but_no_partitions_defined")]
    HeaderWithoutPartitions,
    /// Each partition has one consumer: that the queue has one makes no sense.
    #[error("single_active_consumer_but_partitions_defined")]
    SingleActiveWithPartitions,
}

/// An argument whose value is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadArgument {
    /// Which.
    pub key: &'static str,
    /// Why.
    pub why: BadValue,
}

type Rule = fn(&mut QueueOptions, Value<'_>) -> Result<(), BadValue>;

/// Every argument that counts, in the order in which they are looked at. Those with no meaning here have only a type.
const RULES: &[(&str, Rule)] = &[
    ("x-queue-type", |to, value| {
        to.queue_type = match text(value)? {
            b"classic" => QueueType::Classic,
            b"quorum" => QueueType::Quorum,
            b"stream" => QueueType::Stream,
            _ => return Err(BadValue::Word("invalid_queue_type")),
        };
        Ok(())
    }),
    ("x-message-ttl", |to, value| set(&mut to.ttl_ms, time(value)?)),
    ("x-expires", |to, value| match time(value)? {
        0 => Err(BadValue::Zero),
        ms => set(&mut to.expires_ms, ms),
    }),
    ("x-max-length", |to, value| set(&mut to.length_max, number(value)?)),
    ("x-max-length-bytes", |to, value| set(&mut to.bytes_max, number(value)?)),
    ("x-overflow", |to, value| {
        set(&mut to.overflow, Overflow::parse(text(value)?).ok_or(BadValue::Word("invalid_overflow"))?)
    }),
    ("x-dead-letter-exchange", |to, value| set(&mut to.dead_letter_exchange, text(value)?.into())),
    ("x-dead-letter-routing-key", |to, value| set(&mut to.dead_letter_key, text(value)?.into())),
    ("x-dead-letter-strategy", |_, value| match text(value)? {
        b"at-most-once" | b"at-least-once" => Ok(()),
        _ => Err(BadValue::Word("invalid_dlx_strategy")),
    }),
    ("x-max-priority", |to, value| {
        let above = |highest: u64| BadValue::AboveMax(i64::try_from(highest).unwrap_or(i64::MAX));
        let highest = number(value)?;
        set(&mut to.priorities, u8::try_from(highest).map_err(|_| above(highest))?)
    }),
    ("x-single-active-consumer", |to, value| {
        to.single_active = flag(value)?;
        Ok(())
    }),
    ("x-delivery-limit", |to, value| set(&mut to.delivery_limit, DeliveryLimit::of(integer(value)?))),
    ("x-consumer-timeout", |to, value| set(&mut to.consumer_timeout_ms, number(value)?)),
    ("x-partitions", |to, value| match number(value)? {
        0 => Err(BadValue::Zero),
        count => match u32::try_from(count).ok().filter(|count| *count <= PARTITIONS_MAX) {
            Some(count) => set(&mut to.partitions, count),
            None => Err(BadValue::AboveMax(i64::try_from(count).unwrap_or(i64::MAX))),
        },
    }),
    ("x-partition-header", |to, value| set(&mut to.partition_header, text(value)?.into())),
];

impl QueueOptions {
    /// Reads the arguments of a declaration.
    ///
    /// # Errors
    /// The first value that is refused.
    pub fn parse(arguments: Table<'_>) -> Result<Self, BadArgument> {
        let mut options = Self::default();
        for &(key, rule) in RULES {
            if let Some(value) = arguments.get(key) {
                rule(&mut options, value).map_err(|why| BadArgument { key, why })?;
            }
        }
        if options.dead_letter_key.is_some() && options.dead_letter_exchange.is_none() {
            return Err(BadArgument { key: "x-dead-letter-routing-key", why: BadValue::KeyWithoutExchange });
        }
        if options.partition_header.is_some() && options.partitions.is_none() {
            return Err(BadArgument { key: "x-partition-header", why: BadValue::HeaderWithoutPartitions });
        }
        if options.single_active && options.partitions.is_some() {
            let why = BadValue::SingleActiveWithPartitions;
            return Err(BadArgument { key: "x-single-active-consumer", why });
        }
        Ok(options)
    }

    /// As far as they are understood.
    pub(crate) fn lenient(arguments: Table<'_>) -> Self {
        let mut options = Self::default();
        for &(key, rule) in RULES {
            if let Some(value) = arguments.get(key) {
                // What it does not understand, a rule leaves as it was.
                let _not_understood = rule(&mut options, value);
            }
        }
        options
    }

    /// The arguments that a client which declares a queue again must repeat. The queue's type is not among them: clients that
    /// say `classic`, or nothing, are to find the same queue.
    pub(crate) fn compared() -> impl Iterator<Item = &'static str> {
        RULES.iter().map(|(key, _)| *key).filter(|key| *key != "x-queue-type")
    }
}

fn set<T>(to: &mut Option<T>, value: T) -> Result<(), BadValue> {
    *to = Some(value);
    Ok(())
}

fn integer(value: Value<'_>) -> Result<i64, BadValue> {
    value.integer().ok_or(BadValue::Type(value.type_name()))
}

fn number(value: Value<'_>) -> Result<u64, BadValue> {
    let number = integer(value)?;
    u64::try_from(number).map_err(|_| BadValue::Negative(number))
}

fn time(value: Value<'_>) -> Result<u64, BadValue> {
    let ms = number(value)?;
    if ms <= TIME_MS_MAX { Ok(ms) } else { Err(BadValue::TooBig(i64::try_from(ms).unwrap_or(i64::MAX))) }
}

fn text(value: Value<'_>) -> Result<&[u8], BadValue> {
    match value {
        Value::LongString(bytes) => Ok(bytes),
        other => Err(BadValue::Type(other.type_name())),
    }
}

fn flag(value: Value<'_>) -> Result<bool, BadValue> {
    match value {
        Value::Bool(flag) => Ok(flag),
        other => Err(BadValue::Type(other.type_name())),
    }
}

#[cfg(test)]
mod tests {
    use amqp091::TableBuf;

    use super::*;

    fn refused(table: TableBuf) -> (&'static str, String) {
        let BadArgument { key, why } = QueueOptions::parse(table.as_table()).expect_err("it is refused");
        (key, why.to_string())
    }

    #[test]
    fn arguments_of_all_kinds_of_queue_are_taken() {
        let table = TableBuf::new()
            .with("x-queue-type", "quorum")
            .with("x-message-ttl", Value::U8(200))
            .with("x-expires", 1_800_000)
            .with("x-max-length", 10_i64)
            .with("x-overflow", "reject-publish-dlx")
            .with("x-dead-letter-exchange", "")
            .with("x-dead-letter-routing-key", "dead")
            .with("x-max-priority", 10)
            .with("x-single-active-consumer", true)
            .with("x-delivery-limit", -1)
            .with("x-queue-mode", "lazy")
            .with("x-of-our-own", 1.5_f64.to_bits() as i64);
        let options = QueueOptions::parse(table.as_table()).unwrap();
        let expected = QueueOptions {
            queue_type: QueueType::Quorum,
            ttl_ms: Some(200),
            expires_ms: Some(1_800_000),
            length_max: Some(10),
            bytes_max: None,
            overflow: Some(Overflow::RefuseAndDeadLetter),
            dead_letter_exchange: Some("".into()),
            dead_letter_key: Some("dead".into()),
            priorities: Some(10),
            single_active: true,
            delivery_limit: Some(DeliveryLimit::Off),
            consumer_timeout_ms: None,
            partitions: None,
            partition_header: None,
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn partitions_are_counted_and_chosen_by_a_header() {
        let table = TableBuf::new().with("x-partitions", 8).with("x-partition-header", "customer");
        let options = QueueOptions::parse(table.as_table()).unwrap();
        assert_eq!((options.partitions, options.partition_header), (Some(8), Some("customer".into())));
        let one = |key, value: Value<'_>| TableBuf::new().with(key, value);
        for (table, key, why) in [
            (one("x-partitions", "8".into()), "x-partitions", "{unacceptable_type,longstr}"),
            (one("x-partitions", Value::I32(-1)), "x-partitions", "{value_negative,-1}"),
            (one("x-partitions", Value::I32(0)), "x-partitions", "{value_zero,0}"),
            (one("x-partitions", Value::I32(1025)), "x-partitions", "{max_value_exceeded,1025}"),
            (
                one("x-partition-header", "h".into()),
                "x-partition-header",
                "partition_header_but_no_partitions_defined",
            ),
            (
                one("x-partitions", Value::I32(2)).with("x-single-active-consumer", true),
                "x-single-active-consumer",
                "single_active_consumer_but_partitions_defined",
            ),
        ] {
            assert_eq!(refused(table), (key, why.to_owned()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_rabbitmqs_words() {
        let one = |key, value: Value<'_>| TableBuf::new().with(key, value);
        for (table, key, why) in [
            (one("x-message-ttl", "1".into()), "x-message-ttl", "{unacceptable_type,longstr}"),
            (one("x-message-ttl", Value::I32(-1)), "x-message-ttl", "{value_negative,-1}"),
            (
                one("x-message-ttl", Value::I64(315_360_000_001)),
                "x-message-ttl",
                "{value_too_big,315360000001}",
            ),
            (one("x-expires", Value::I32(0)), "x-expires", "{value_zero,0}"),
            (one("x-max-priority", Value::I32(256)), "x-max-priority", "{max_value_exceeded,256}"),
            (one("x-overflow", "drop".into()), "x-overflow", "invalid_overflow"),
            (one("x-queue-type", "x".into()), "x-queue-type", "invalid_queue_type"),
            (
                one("x-single-active-consumer", Value::I32(1)),
                "x-single-active-consumer",
                "{unacceptable_type,signedint}",
            ),
            (
                one("x-dead-letter-routing-key", "k".into()),
                "x-dead-letter-routing-key",
                "routing_key_but_no_dlx_defined",
            ),
        ] {
            assert_eq!(refused(table), (key, why.to_owned()));
        }
    }
}
