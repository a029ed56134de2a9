//! A segment file: blocks of frames, then an index of them, then a footer. Numbers are little-endian.
//!
//! ```text
//! header, 40 bytes
//!    0  8 bytes  "quorfram"
//!    8  u32      format version
//!   12  u32      CRC-32C of the bytes from 16 to 40; the seed of every other checksum of the file
//!   16  u64      shard
//!   24  u64      number of the file
//!   32  u64      origin of the file
//! blocks, one behind the other, sorted by partition and first offset
//!    0  u32      CRC-32C of the rest of the block
//!    4  u32      length of the block, with these fields
//!    8  u64      partition
//!   16  u64      first: the offset of the first frame
//!   24  u32      count of frames, at least 1
//!   28  u32      length of the table
//!   32  table    a frame: varint of what its offset is more than the one before it plus 1 (0 for the first), varint of its length
//!       frames   the bytes of the frames
//! index: for each partition, ascending,
//!       u64      partition
//!       u32      count of its blocks, for each of which, ascending,
//!       u64      first offset
//!       u64      last offset
//!       u32      length
//!       u32      count of frames
//! footer, 40 bytes
//!    0  u64      where the index starts
//!    8  u32      count of partitions
//!   12  u32      count of blocks
//!   16  u64      count of frames
//!   24  u64      zero
//!   32  u32      CRC-32C of the index
//!   36  u32      CRC-32C of the bytes from 0 to 36
//! ```
//! As the name is part of the header and the header's checksum is in all others, bytes of another file that strayed here
//! are found to be damage.

pub(crate) mod block;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod index;
pub(crate) mod varint;
