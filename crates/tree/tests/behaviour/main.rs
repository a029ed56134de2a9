//! The rules of the tree as its users see them: one file a capability, one test a rule.

#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "helpers of tests may panic, and are for the tests only"
)]

mod access;
mod commands;
mod create;
mod delete;
mod delete_recursive;
mod ensemble;
mod ensure;
mod fixture;
mod found_anew;
mod model;
mod multi;
mod quotas;
mod reads;
mod reap;
mod sessions;
mod set;
mod snapshots;
