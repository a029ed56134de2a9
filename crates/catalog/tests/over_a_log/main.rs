//! The catalog over a real control plane and a log in memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bindings;
mod cluster;
mod exchanges;
mod operators;
mod queues;
mod sessions;
mod visible;
