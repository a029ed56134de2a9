//! Which files hold the frames of a checkpoint.
//!
//! ```text
//!  0  4 bytes  "qsgm"
//!  4  u32      format version
//!  8  u64      shard
//! 16  u64      next: number for the next file, above those of all files
//! 24  u32      count of files, for each of which, ascending by number and origin,
//!     u64      number
//!     u64      origin
//!     u64      length
//!     u32      CRC-32C of the whole file
//!     u32      CRC-32C of all before
//! ```

use bytes::{Buf, BufMut};

use crate::ManifestError;
use crate::name::SegmentId;

const MAGIC: &[u8; 4] = b"qsgm";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 28;
const FILE_BYTES: usize = 28;
const CRC_BYTES: usize = 4;

/// The files of a checkpoint, as [`FrozenFrames::write`](crate::FrozenFrames::write) gives them. To be kept with the state
/// that the checkpoint is of. Whoever has it and the files that it names has the frames.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    pub(crate) shard: u64,
    pub(crate) next: u64,
    /// Ascending.
    pub(crate) files: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) id: SegmentId,
    pub(crate) length: u64,
    pub(crate) checksum: u32,
}

/// A file that a manifest names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ManifestFile {
    /// Its name in the folder. Two files of a shard with one name are the same file.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// CRC-32C of the whole file.
    pub checksum: u32,
}

impl Manifest {
    /// The files, in the order in which they were written.
    pub fn files(&self) -> impl Iterator<Item = ManifestFile> + '_ {
        self.files.iter().map(|Entry { id, length, checksum }| ManifestFile {
            name: id.name(),
            length: *length,
            checksum: *checksum,
        })
    }

    pub(crate) fn names(&self, id: SegmentId) -> bool {
        self.files.binary_search_by_key(&id, |entry| entry.id).is_ok()
    }

    /// The manifest as bytes, which are always the same for the same manifest.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + self.files.len() * FILE_BYTES + CRC_BYTES);
        bytes.put_slice(MAGIC);
        bytes.put_u32_le(VERSION);
        bytes.put_u64_le(self.shard);
        bytes.put_u64_le(self.next);
        bytes.put_u32_le(u32::try_from(self.files.len()).expect("a folder has fewer than 2^32 files"));
        for entry in &self.files {
            bytes.put_u64_le(entry.id.number);
            bytes.put_u64_le(entry.id.origin);
            bytes.put_u64_le(entry.length);
            bytes.put_u32_le(entry.checksum);
        }
        bytes.put_u32_le(crc32c::crc32c(&bytes));
        bytes
    }

    /// The manifest in `bytes`.
    ///
    /// # Errors
    /// They are not what [`Manifest::encode`] gave.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let (mut rest, crc) = bytes.split_last_chunk::<CRC_BYTES>().ok_or(ManifestError::Damaged)?;
        if u32::from_le_bytes(*crc) != crc32c::crc32c(rest) || rest.len() < HEAD_BYTES || rest[..4] != *MAGIC
        {
            return Err(ManifestError::Damaged);
        }
        rest.advance(4);
        let version = rest.get_u32_le();
        if version > VERSION {
            return Err(ManifestError::Version { found: version, supported: VERSION });
        }
        let (shard, next, count) = (rest.get_u64_le(), rest.get_u64_le(), rest.get_u32_le());
        if version == 0 || rest.len() as u64 != u64::from(count) * FILE_BYTES as u64 {
            return Err(ManifestError::Damaged);
        }
        let mut manifest = Self { shard, next, files: Vec::with_capacity(count as usize) };
        for _ in 0..count {
            let id = SegmentId { number: rest.get_u64_le(), origin: rest.get_u64_le() };
            manifest.files.push(Entry { id, length: rest.get_u64_le(), checksum: rest.get_u32_le() });
        }
        if manifest.is_possible() { Ok(manifest) } else { Err(ManifestError::Damaged) }
    }

    fn is_possible(&self) -> bool {
        let ascends = self.files.windows(2).all(|pair| pair[0].id < pair[1].id);
        ascends && self.files.last().is_none_or(|last| last.id.number < self.next)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifests() -> impl Strategy<Value = Manifest> {
        let entry = (any::<(u64, u32)>(), 0..1000_u64, any::<u64>());
        (any::<u64>(), prop::collection::vec(entry, 0..8)).prop_map(|(shard, entries)| {
            let mut files: Vec<Entry> = entries
                .into_iter()
                .map(|((length, checksum), number, origin)| Entry {
                    id: SegmentId { number, origin },
                    length,
                    checksum,
                })
                .collect();
            files.sort_by_key(|entry| entry.id);
            files.dedup_by_key(|entry| entry.id);
            Manifest { shard, next: 1000, files }
        })
    }

    proptest! {
        #[test]
        fn a_manifest_is_valid_only_as_written(manifest in manifests(), flip: prop::sample::Index) {
            let mut bytes = manifest.encode();
            prop_assert_eq!(Manifest::decode(&bytes), Ok(manifest));
            prop_assert_eq!(Manifest::decode(&bytes[..bytes.len() - 1]), Err(ManifestError::Damaged));
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Manifest::decode(&bytes), Err(ManifestError::Damaged));
        }

        #[test]
        fn any_bytes_decode_or_not_without_a_panic(mut bytes: Vec<u8>) {
            prop_assert!(Manifest::decode(&bytes).is_err());
            bytes.splice(0..0, [&MAGIC[..], &VERSION.to_le_bytes()].concat());
            bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
            if let Ok(manifest) = Manifest::decode(&bytes) {
                prop_assert_eq!(manifest.encode(), bytes);
            }
        }
    }

    #[test]
    fn a_later_version_is_told_apart_from_damage() {
        let mut bytes = Manifest { shard: 1, next: 2, files: Vec::new() }.encode();
        bytes[4] = 9;
        let end = bytes.len() - CRC_BYTES;
        let crc = crc32c::crc32c(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Manifest::decode(&bytes), Err(ManifestError::Version { found: 9, supported: VERSION }));
    }
}
