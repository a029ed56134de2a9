//! The alphabet of commands and snapshots: bytes, little-endian base-128 numbers, and slices that are not copied.
//!
//! Numbers are written in 1 to 10 bytes of 7 bits each, lowest first; signed ones in zigzag order. Nothing here allocates
//! by what a length claims, only by the bytes that are there.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use crate::ids::{ConsumerId, GroupId, Offset, Owner, PartitionId};
use crate::offsets::OffsetSet;

/// Bytes that are not what the format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// They end within this field.
    Truncated(&'static str),
    /// This field is out of its range.
    Field(&'static str),
}

pub(crate) fn put_number(buffer: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        buffer.put_u8(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    buffer.put_u8(number.to_le_bytes()[0]);
}

pub(crate) fn put_signed(buffer: &mut BytesMut, number: i64) {
    put_number(buffer, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(crate) fn put_bytes(buffer: &mut BytesMut, bytes: &[u8]) {
    put_number(buffer, bytes.len() as u64);
    buffer.put_slice(bytes);
}

/// The number if it is there; a flag has to say whether it is.
pub(crate) fn put_optional(buffer: &mut BytesMut, number: Option<u64>) {
    if let Some(number) = number {
        put_number(buffer, number);
    }
}

/// One byte, the first flag lowest.
pub(crate) fn put_flags<const COUNT: usize>(buffer: &mut BytesMut, flags: [bool; COUNT]) {
    buffer.put_u8(flags.iter().rev().fold(0, |byte, flag| byte << 1 | u8::from(*flag)));
}

pub(crate) fn put_consumer(buffer: &mut BytesMut, consumer: ConsumerId) {
    put_signed(buffer, consumer.owner.0);
    put_number(buffer, consumer.number);
}

/// How many ranges, then for each the gap before it and its length less one.
pub(crate) fn put_offsets(buffer: &mut BytesMut, offsets: &OffsetSet) {
    put_number(buffer, offsets.ranges().len() as u64);
    let mut end = 0;
    for range in offsets.ranges() {
        put_number(buffer, range.start.0 - end);
        put_number(buffer, range.end.0 - range.start.0 - 1);
        end = range.end.0;
    }
}

/// Reads what the `put_` functions wrote.
#[derive(Debug)]
pub(crate) struct Reader {
    bytes: Bytes,
    at: usize,
}

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were not read yet.
    pub(crate) fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn byte(&mut self, field: &'static str) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.at).ok_or(Malformed::Truncated(field))?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn number(&mut self, field: &'static str) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(field)?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed::Field(field));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Field(field))
    }

    pub(crate) fn signed(&mut self, field: &'static str) -> Result<i64, Malformed> {
        let number = self.number(field)?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A number of a narrower type.
    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, Malformed> {
        T::try_from(self.number(field)?).map_err(|_| Malformed::Field(field))
    }

    /// As many flags as `count` says, lowest bit first; the other bits are zero.
    pub(crate) fn flags<const COUNT: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[bool; COUNT], Malformed> {
        let byte = self.byte(field)?;
        if COUNT < 8 && byte >> COUNT != 0 {
            return Err(Malformed::Field(field));
        }
        Ok(std::array::from_fn(|bit| byte >> bit & 1 == 1))
    }

    /// A slice of what is read, not a copy.
    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<Bytes, Malformed> {
        let length = self.narrow::<usize>(field)?;
        if length > self.rest() {
            return Err(Malformed::Truncated(field));
        }
        let bytes = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(bytes)
    }

    /// How many items follow, of which each takes at least `bytes_min`.
    pub(crate) fn count(&mut self, field: &'static str, bytes_min: usize) -> Result<usize, Malformed> {
        let count = self.narrow::<usize>(field)?;
        if count > self.rest() / bytes_min {
            return Err(Malformed::Truncated(field));
        }
        Ok(count)
    }

    pub(crate) fn partition(&mut self) -> Result<PartitionId, Malformed> {
        self.number("partition").map(PartitionId)
    }

    pub(crate) fn group(&mut self) -> Result<GroupId, Malformed> {
        self.number("group").map(GroupId)
    }

    pub(crate) fn partitions(&mut self) -> Result<Vec<PartitionId>, Malformed> {
        let count = self.count("number of partitions", 1)?;
        (0..count).map(|_| self.partition()).collect()
    }

    pub(crate) fn consumer(&mut self) -> Result<ConsumerId, Malformed> {
        let owner = Owner(self.signed("owner")?);
        Ok(ConsumerId { owner, number: self.number("consumer")? })
    }

    pub(crate) fn offsets(&mut self) -> Result<OffsetSet, Malformed> {
        let mut offsets = OffsetSet::new();
        let mut end = 0;
        for number in 0..self.count("set of offsets", 2)? {
            let range = self.range(end)?;
            if number > 0 && range.start == end {
                return Err(Malformed::Field("set of offsets"));
            }
            end = range.end;
            offsets.insert_range(Offset(range.start)..Offset(range.end));
        }
        Ok(offsets)
    }

    /// A range as a gap after `end` and its length less one.
    pub(crate) fn range(&mut self, end: u64) -> Result<Range<u64>, Malformed> {
        const FIELD: &str = "range of offsets";
        let start = end.checked_add(self.number(FIELD)?);
        let length = self.number(FIELD)?.checked_add(1);
        let end = start.zip(length).and_then(|(start, length)| start.checked_add(length));
        start.zip(end).map(|(start, end)| start..end).ok_or(Malformed::Field(FIELD))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(number in any::<u64>(), shift in 0u32..64, signed in any::<i64>()) {
            let mut buffer = BytesMut::new();
            put_number(&mut buffer, number >> shift);
            put_signed(&mut buffer, signed >> shift);
            let mut reader = Reader::new(buffer.freeze());
            prop_assert_eq!(reader.number("n"), Ok(number >> shift));
            prop_assert_eq!(reader.signed("n"), Ok(signed >> shift));
            prop_assert_eq!(reader.rest(), 0);
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_refused() {
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(Bytes::copy_from_slice(&most)).number("n"), Ok(u64::MAX));
        let mut more = most;
        more[9] = 0x02;
        assert_eq!(Reader::new(Bytes::copy_from_slice(&more)).number("n"), Err(Malformed::Field("n")));
        more[9] = 0x81;
        assert_eq!(Reader::new(Bytes::copy_from_slice(&more)).number("n"), Err(Malformed::Field("n")));
    }

    #[test]
    fn sets_that_claim_more_than_there_is_are_refused() {
        let mut buffer = BytesMut::new();
        put_number(&mut buffer, u64::MAX);
        assert_eq!(Reader::new(buffer.freeze()).offsets(), Err(Malformed::Truncated("set of offsets")));
    }
}
