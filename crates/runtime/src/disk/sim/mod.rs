//! A disk in memory that forgets, tears and fails as real ones do, by a seed.
//!
//! Each file has a *cached* image, which a running process reads, and a *durable* image, which a power loss leaves.
//! [`File::sync_data`](super::File::sync_data) carries the first into the second, in sectors of 512 bytes; names are
//! carried by [`Disk::sync_dir`](super::Disk::sync_dir). Folders themselves are durable at once: nobody here depends
//! on the contrary.
//!
//! [`SimDisk::crash`] gives the disk after a power loss; the old one and its open files then fail every call.
//! [`Fault`] and [`Rates`] inject errors, [`SimDisk::stop_after`] cuts the power after a number of changes, so that a
//! test can crash at every one. [`SimDisk::counts`] tells which faults did bite.

mod calls;
mod counts;
mod crash;
mod disk;
mod fault;
mod file;
mod image;
mod names;
mod state;
#[cfg(test)]
mod tests;

pub use counts::FaultCounts;
pub use crash::Crash;
pub use disk::SimDisk;
pub use fault::{Fault, Rates};
pub use image::SECTOR_BYTES;
pub use state::Latency;
