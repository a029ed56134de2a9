//! Measurements that many threads make without a lock: two relaxed additions each.
//!
//! What is measured, its unit and its clock are the caller's: nothing in here knows the time.

mod buckets;
mod histogram;
mod sizes;
mod summary;

pub use histogram::Histogram;
pub use sizes::{Seen, Sizes};
pub use summary::Summary;
