//! Opening a journal: what the files say, or why they cannot be believed.
//!
//! [`scan`] reads a segment and finds its batches, [`chain`] puts the segments in order and tells a torn tail from
//! damage, [`replay`] makes the groups. Until all of that has worked out, nothing is changed on disk.

mod chain;
mod open;
mod reader;
mod replay;
mod scan;

pub(crate) use self::open::{Opened, open};
