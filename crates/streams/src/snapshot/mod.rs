//! Snapshots: a frozen view of a shard, as chunks of bounded size, and back.
//!
//! ```text
//! chunk:  format (1 byte) | number | records | CRC-32C of all before (4 bytes, little endian)
//! record: kind (1 byte) | its fields
//! ```
//! The first record is the shard, then each partition's records follow it in the order of their kinds, then groups with their
//! subscribers, and an end. What can
//! be long (runs, holders, producers) is divided into pages, a record each. Numbers are those of `wire.rs`; ranges
//! are gaps and lengths, from 0 in each page. What follows from the rest (counts, sums, who is woken when) is left out.
//!
//! Equal shards give equal chunks, byte for byte.

mod chunks;
mod frozen;
mod page;
mod records;
mod restore;
mod section;
#[cfg(test)]
mod tests;

pub use chunks::Chunks;
pub use frozen::Frozen;
pub use restore::Restore;

/// The format that this version writes, and the newest that it reads.
pub(crate) const FORMAT: u8 = 1;

/// The kinds of records. A number is never given to another kind.
pub(crate) mod kind {
    pub(crate) const SHARD: u8 = 1;
    pub(crate) const PARTITION: u8 = 2;
    pub(crate) const HOLES: u8 = 3;
    pub(crate) const LANE: u8 = 4;
    pub(crate) const PASTS: u8 = 5;
    pub(crate) const DEADLINES: u8 = 6;
    pub(crate) const SIZES: u8 = 7;
    pub(crate) const DUE: u8 = 8;
    pub(crate) const PARKED: u8 = 9;
    pub(crate) const DEAD: u8 = 10;
    pub(crate) const HOLDER: u8 = 11;
    pub(crate) const HELD: u8 = 12;
    pub(crate) const PRODUCERS: u8 = 13;
    pub(crate) const END: u8 = 14;
    pub(crate) const GROUP: u8 = 15;
    pub(crate) const SUBSCRIBERS: u8 = 16;
    pub(crate) const REFUSED: u8 = 17;
}
