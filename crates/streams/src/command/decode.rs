//! From bytes of the log to commands.

use bytes::Bytes;

use super::encode::kind;
use super::level::LEVEL_MAX;
use super::{Command, Op, Stamp};
use crate::error::DecodeError;
use crate::ids::Owner;
use crate::settings::{Overflow, Settings};
use crate::wire::{Malformed, Reader};

impl Command {
    /// The level that an encoded command needs, also one of a newer version that [`Command::decode`] refuses.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; the entry is damaged.
    pub fn level_of(bytes: &[u8]) -> Result<u32, DecodeError> {
        bytes.first().map(|level| u32::from(*level)).ok_or(DecodeError::Truncated { field: "format" })
    }

    /// Reads a command as [`Command::encode`] wrote it. Frames are slices of `bytes`, not copies.
    ///
    /// # Errors
    /// [`DecodeError`]; the entry is damaged or from a newer version, and the node must not apply anything after it.
    pub fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let found = Self::level_of(&bytes)?;
        if !(1..=LEVEL_MAX).contains(&found) {
            return Err(DecodeError::Format { found, newest: LEVEL_MAX });
        }
        let mut reader = Reader::new(bytes.slice(1..));
        let count = reader.count("number of operations", 1)?;
        // An operation in memory is much larger than the shortest one in the log: grow as they come.
        let mut ops = Vec::with_capacity(count.min(1024));
        for _ in 0..count {
            ops.push(op(&mut reader)?);
        }
        match reader.rest() {
            0 => Ok(Self { ops }),
            bytes => Err(DecodeError::Trailing { bytes }),
        }
    }
}

impl From<Malformed> for DecodeError {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Truncated(field) => Self::Truncated { field },
            Malformed::Field(field) => Self::Field { field },
        }
    }
}

fn op(reader: &mut Reader) -> Result<Op, DecodeError> {
    Ok(match reader.byte("operation")? {
        kind::CREATE => Op::Create { partition: reader.partition()?, settings: read_settings(reader)? },
        kind::ALTER => Op::Alter { partition: reader.partition()?, settings: read_settings(reader)? },
        kind::DELETE => {
            let partition = reader.partition()?;
            let [if_unused, if_empty] = reader.flags("conditions of a deletion")?;
            Op::Delete { partition, if_unused, if_empty }
        }
        kind::EXPIRE => Op::Expire { partition: reader.partition()? },
        kind::PURGE => Op::Purge { partition: reader.partition()? },
        kind::UNPARK => Op::Unpark { partition: reader.partition()? },
        kind::APPEND => append(reader)?,
        kind::ATTACH => Op::Attach {
            partition: reader.partition()?,
            consumer: reader.consumer()?,
            window: reader.narrow("window")?,
            priority: priority(reader)?,
            exclusive: flag(reader, "exclusive use")?,
        },
        kind::DETACH => Op::Detach { partition: reader.partition()?, consumer: reader.consumer()? },
        kind::WINDOW => Op::Window {
            partition: reader.partition()?,
            consumer: reader.consumer()?,
            window: reader.narrow("window")?,
        },
        kind::SETTLE => Op::Settle {
            partition: reader.partition()?,
            consumer: reader.consumer()?,
            offsets: reader.offsets()?,
        },
        kind::RETURN => Op::Return {
            partition: reader.partition()?,
            consumer: reader.consumer()?,
            offsets: reader.offsets()?,
            failed: flag(reader, "failure")?,
            delay_ms: reader.number("delay")?,
        },
        kind::REJECT => Op::Reject {
            partition: reader.partition()?,
            consumer: reader.consumer()?,
            offsets: reader.offsets()?,
        },
        kind::TAKE => Op::Take {
            partition: reader.partition()?,
            consumer: reader.consumer()?,
            settle: flag(reader, "settlement")?,
        },
        kind::RELEASE => Op::Release { partition: reader.partition()?, consumer: reader.consumer()? },
        kind::GONE => Op::Gone { owner: Owner(reader.signed("owner")?) },
        kind::BURY => Op::Bury { partition: reader.partition()?, offsets: reader.offsets()? },
        kind::CREATE_GROUP => Op::CreateGroup {
            group: reader.group()?,
            partitions: reader.partitions()?,
            settings: read_settings(reader)?,
        },
        kind::DELETE_GROUP => {
            let group = reader.group()?;
            let [if_unused, if_empty] = reader.flags("conditions of a deletion")?;
            Op::DeleteGroup { group, if_unused, if_empty }
        }
        kind::SUBSCRIBE => Op::Subscribe {
            group: reader.group()?,
            consumer: reader.consumer()?,
            window: reader.narrow("window")?,
        },
        kind::UNSUBSCRIBE => Op::Unsubscribe {
            group: reader.group()?,
            consumer: reader.consumer()?,
            release: flag(reader, "release")?,
        },
        kind::TICK => Op::Tick,
        kind => return Err(DecodeError::Op { kind }),
    })
}

fn append(reader: &mut Reader) -> Result<Op, Malformed> {
    let partition = reader.partition()?;
    let [has_priority, has_ttl, has_delay, has_stamp, gaps] = reader.flags("fields of a frame")?;
    Ok(Op::Append {
        partition,
        priority: if has_priority { reader.byte("priority")? } else { 0 },
        ttl_ms: has_ttl.then(|| reader.number("time to live")).transpose()?,
        delay_ms: if has_delay { reader.number("delay")? } else { 0 },
        stamp: has_stamp.then(|| stamp(reader, gaps)).transpose()?,
        frame: reader.bytes("frame")?,
    })
}

fn stamp(reader: &mut Reader, gaps: bool) -> Result<Stamp, Malformed> {
    Ok(Stamp {
        producer: reader.number("producer")?,
        epoch: reader.narrow("producer epoch")?,
        sequence: reader.number("sequence")?,
        gaps,
    })
}

pub(crate) fn read_settings(reader: &mut Reader) -> Result<Settings, Malformed> {
    let has: [bool; 5] = reader.flags("settings")?;
    let [single_active, dead_letters, auto_delete] = reader.flags("settings")?;
    let overflow = match reader.byte("overflow")? {
        0 => Overflow::DropHead,
        1 => Overflow::Refuse,
        2 => Overflow::RefuseAndDeadLetter,
        _ => return Err(Malformed::Field("overflow")),
    };
    let priorities = reader.byte("priorities")?;
    let mut numbers = [None; 5];
    for (number, _) in numbers.iter_mut().zip(has).filter(|(_, has)| *has) {
        *number = Some(reader.number("settings")?);
    }
    let [length_max, bytes_max, ttl_ms, expires_ms, delivery_limit] = numbers;
    let delivery_limit =
        delivery_limit.map(u32::try_from).transpose().map_err(|_| Malformed::Field("delivery limit"))?;
    Ok(Settings {
        length_max,
        bytes_max,
        overflow,
        ttl_ms,
        expires_ms,
        priorities,
        single_active,
        delivery_limit,
        dead_letters,
        auto_delete,
    })
}

fn priority(reader: &mut Reader) -> Result<i32, Malformed> {
    const FIELD: &str = "consumer priority";
    i32::try_from(reader.signed(FIELD)?).map_err(|_| Malformed::Field(FIELD))
}

fn flag(reader: &mut Reader, field: &'static str) -> Result<bool, Malformed> {
    let [flag] = reader.flags(field)?;
    Ok(flag)
}
