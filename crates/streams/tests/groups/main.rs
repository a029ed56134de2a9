//! Groups: one logical queue of several partitions, whose subscribers share the partitions and never a frame's partition.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod hands;
mod property;
mod scenarios;
mod unused;
