//! A segment: a file of fixed length that batches are written into from the front.
//!
//! ```text
//!  0  8 bytes  "quorjrnl"
//!  8  u32      format version
//! 12  u32      CRC-32C of the bytes from 16 to 48
//! 16  u64      sequence: 1 for the first segment of a journal, then one more each; also the file's name
//! 24  u64      length of the file when it was made
//! 32  u64      salt: random, repeated in each batch
//! 40  u32      where the first batch starts
//! 44  u32      block: batches start at multiples of it
//! 48           zeros up to the first batch
//! ```
//! A file gets the name of a segment only when its header and length are durable, so a segment whose header is wrong is
//! damaged. While it is made it has another name, which opening ignores and removes.

use std::path::{Path, PathBuf};

use bytes::{Buf, BufMut};

/// Bytes of the header without the zeros after it.
pub(crate) const HEADER_BYTES: usize = 48;
/// The format this program writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;
/// Smallest block: what disks write whole or not at all.
pub(crate) const BLOCK_BYTES_MIN: u32 = 512;
const MAGIC: &[u8; 8] = b"quorjrnl";

/// What a segment says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) sequence: u64,
    pub(crate) length: u64,
    pub(crate) salt: u64,
    pub(crate) data_start: u32,
    pub(crate) block_bytes: u32,
}

/// Why bytes are no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadHeader {
    /// Not a segment, or damaged.
    Damaged,
    /// Written by a later version.
    Version(u32),
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[16..];
        rest.put_u64_le(self.sequence);
        rest.put_u64_le(self.length);
        rest.put_u64_le(self.salt);
        rest.put_u32_le(self.data_start);
        rest.put_u32_le(self.block_bytes);
        let crc = crc32c::crc32c(&bytes[16..]);
        let mut rest = &mut bytes[..16];
        rest.put_slice(MAGIC);
        rest.put_u32_le(VERSION);
        rest.put_u32_le(crc);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BadHeader> {
        let mut rest = &bytes[8..];
        let version = rest.get_u32_le();
        let crc = rest.get_u32_le();
        if bytes[..8] != *MAGIC || crc != crc32c::crc32c(&bytes[16..]) {
            return Err(BadHeader::Damaged);
        }
        if version > VERSION {
            return Err(BadHeader::Version(version));
        }
        let header = Header {
            sequence: rest.get_u64_le(),
            length: rest.get_u64_le(),
            salt: rest.get_u64_le(),
            data_start: rest.get_u32_le(),
            block_bytes: rest.get_u32_le(),
        };
        if version == 0 || !header.is_possible() { Err(BadHeader::Damaged) } else { Ok(header) }
    }
}

impl Header {
    fn is_possible(&self) -> bool {
        self.sequence > 0
            && self.block_bytes.is_power_of_two()
            && self.block_bytes >= BLOCK_BYTES_MIN
            && self.data_start >= self.block_bytes
            && self.data_start.is_multiple_of(self.block_bytes)
            && u64::from(self.data_start) <= self.length
    }
}

/// The name of segment `sequence`.
pub(crate) fn path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:016x}.segment"))
}

/// The name of a file that is to become segment `sequence`.
pub(crate) fn path_of_new(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{sequence:016x}.new"))
}

/// What a file of the journal's folder is, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Name {
    /// A segment, with its sequence.
    Segment(u64),
    /// A file that did not become a segment.
    New,
    /// Not the journal's.
    Foreign,
}

impl Name {
    pub(crate) fn of(path: &Path) -> Name {
        let part = |part: Option<&std::ffi::OsStr>| {
            part.and_then(|part| part.to_str()).unwrap_or_default().to_owned()
        };
        let (stem, extension) = (part(path.file_stem()), part(path.extension()));
        let sequence = if stem.len() == 16 { u64::from_str_radix(&stem, 16).ok() } else { None };
        match (sequence, extension.as_str()) {
            (Some(sequence), "segment") => Name::Segment(sequence),
            (Some(_), "new") => Name::New,
            _ => Name::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header =
        Header { sequence: 7, length: 1 << 20, salt: 99, data_start: 4096, block_bytes: 4096 };

    #[test]
    fn a_header_is_valid_only_as_written() {
        let bytes = HEADER.encode();
        assert_eq!(Header::decode(&bytes), Ok(HEADER));
        for bit in (0..64).chain(96..HEADER_BYTES * 8) {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&damaged), Err(BadHeader::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_later_version_is_told_apart_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        assert_eq!(Header::decode(&bytes), Err(BadHeader::Version(2)));
    }

    #[test]
    fn names_lead_back_to_what_they_name() {
        let dir = Path::new("/data");
        assert_eq!(Name::of(&path(dir, u64::MAX)), Name::Segment(u64::MAX));
        assert_eq!(Name::of(&path_of_new(dir, 1)), Name::New);
        for foreign in
            ["/data/1.segment", "/data/lock", "/data/000000000000000g.segment", "/data/0000000000000001"]
        {
            assert_eq!(Name::of(Path::new(foreign)), Name::Foreign, "{foreign}");
        }
    }
}
