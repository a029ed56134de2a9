//! One change of one group, as bytes.
//!
//! ```text
//!  0  u32  CRC-32C of the bytes from 4 to the end of the payload
//!  4  u32  length of the payload
//!  8  u32  group
//! 12  u8   kind
//! 13  u8   key of a value, else 0
//! 14  u16  0
//! 16  u64  index
//! 24       payload
//! ```
//! All numbers are little-endian. The checksum starts from [`seed`], so a frame is valid only in its segment and at its
//! place: what a recycled file still holds of its earlier life never passes.

use bytes::{Buf, BufMut};

use crate::{GroupId, StateKey};

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 24;

/// What a frame changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Adds an entry at the group's end.
    Entry { index: u64 },
    /// Repeats an entry that is still needed from a segment that is to be freed.
    Moved { index: u64 },
    /// Removes the entries from `from` on.
    Truncate { from: u64 },
    /// Removes the entries up to and including `through`; the payload is the marker.
    Purge { through: u64 },
    /// Sets a value; the payload is the value.
    Put { key: StateKey },
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Kind::Entry { .. } => 1,
            Kind::Moved { .. } => 2,
            Kind::Truncate { .. } => 3,
            Kind::Purge { .. } => 4,
            Kind::Put { .. } => 5,
        }
    }

    fn key(self) -> u8 {
        if let Kind::Put { key } = self { key.0 } else { 0 }
    }

    fn index(self) -> u64 {
        match self {
            Kind::Entry { index } | Kind::Moved { index } => index,
            Kind::Truncate { from } => from,
            Kind::Purge { through } => through,
            Kind::Put { .. } => 0,
        }
    }

    fn decode(code: u8, key: u8, index: u64) -> Option<Kind> {
        Some(match code {
            1 => Kind::Entry { index },
            2 => Kind::Moved { index },
            3 => Kind::Truncate { from: index },
            4 => Kind::Purge { through: index },
            5 => Kind::Put { key: StateKey(key) },
            _ => return None,
        })
    }
}

/// A frame without its payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) crc: u32,
    pub(crate) length: u32,
    pub(crate) group: GroupId,
    pub(crate) kind: Kind,
}

impl Header {
    /// The header of a frame with `payload` at `offset` of segment `segment`.
    pub(crate) fn new(group: GroupId, kind: Kind, payload: &[u8], segment: u64, offset: u64) -> Self {
        let length = u32::try_from(payload.len()).expect("payloads are at most ENTRY_BYTES_MAX long");
        let mut header = Header { crc: 0, length, group, kind };
        header.crc = header.checksum(payload, segment, offset);
        header
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[..];
        rest.put_u32_le(self.crc);
        rest.put_u32_le(self.length);
        rest.put_u32_le(self.group.0);
        rest.put_u8(self.kind.code());
        rest.put_u8(self.kind.key());
        rest.put_u16_le(0);
        rest.put_u64_le(self.kind.index());
        bytes
    }

    /// `None` if the bytes cannot be a header; a `Some` is not verified yet.
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut rest = &bytes[..];
        let crc = rest.get_u32_le();
        let length = rest.get_u32_le();
        let group = GroupId(rest.get_u32_le());
        let code = rest.get_u8();
        let key = rest.get_u8();
        rest.advance(2);
        let kind = Kind::decode(code, key, rest.get_u64_le())?;
        let header = Header { crc, length, group, kind };
        // The checksum is taken of what is encoded, so nothing else may be in the bytes.
        (header.encode() == *bytes).then_some(header)
    }

    /// True if header and payload are those that were written at `offset` of segment `segment`.
    pub(crate) fn verify(&self, payload: &[u8], segment: u64, offset: u64) -> bool {
        payload.len() == self.length as usize && self.crc == self.checksum(payload, segment, offset)
    }

    fn checksum(&self, payload: &[u8], segment: u64, offset: u64) -> u32 {
        let header = crc32c::crc32c_append(seed(segment, offset), &self.encode()[4..]);
        crc32c::crc32c_append(header, payload)
    }
}

/// Where the checksum of what is at `offset` of segment `segment` starts. Differs for any two segments whose
/// sequences differ in their low 32 bits only: a CRC finds every error burst of 32 bits.
pub(crate) fn seed(segment: u64, offset: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&offset.to_le_bytes()), &segment.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        prop_oneof![
            any::<u64>().prop_map(|index| Kind::Entry { index }),
            any::<u64>().prop_map(|index| Kind::Moved { index }),
            any::<u64>().prop_map(|from| Kind::Truncate { from }),
            any::<u64>().prop_map(|through| Kind::Purge { through }),
            any::<u8>().prop_map(|key| Kind::Put { key: StateKey(key) }),
        ]
    }

    proptest! {
        #[test]
        fn a_frame_is_valid_only_as_written(
            kind in kinds(), group: u32, payload: Vec<u8>, segment: u64, offset: u64, flip: prop::sample::Index,
        ) {
            let header = Header::new(GroupId(group), kind, &payload, segment, offset);
            let decoded = Header::decode(&header.encode()).unwrap();
            prop_assert_eq!(decoded, header);
            prop_assert!(decoded.verify(&payload, segment, offset));
            prop_assert!(!decoded.verify(&payload, segment ^ 1, offset));
            prop_assert!(!decoded.verify(&payload, segment, offset ^ 512));

            let mut bytes = [&header.encode()[..], &payload].concat();
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let damaged = Header::decode(bytes[..HEADER_BYTES].try_into().unwrap());
            prop_assert!(!damaged.is_some_and(|header| header.verify(&bytes[HEADER_BYTES..], segment, offset)));
        }

        #[test]
        fn any_bytes_decode_or_not_without_a_panic(bytes: [u8; HEADER_BYTES], payload: Vec<u8>) {
            if let Some(header) = Header::decode(&bytes) {
                header.verify(&payload, 1, 0);
            }
        }
    }

    #[test]
    fn the_seed_differs_for_neighbouring_segments() {
        let mut seeds: Vec<u32> = (0..10_000).map(|segment| seed(segment, 4096)).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 10_000);
    }
}
