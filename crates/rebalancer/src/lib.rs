//! wip
pub mod core;
