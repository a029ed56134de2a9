//! The rules of queues, one at a time, as clients would tell them.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod consuming;
mod dying;
mod fixture;
mod order;
mod producing;
mod single_active;
mod time;
