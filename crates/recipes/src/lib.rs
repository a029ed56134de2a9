//! Recipes: locks, elections, barriers, caches, discovery and queues on a ZooKeeper tree.
//!
//! Their znodes are laid out as Curator (Java) and kazoo (Python) lay them out, so that programs of several languages can share
//! one lock or one registry. They work with Quorate and with Apache ZooKeeper alike.

pub mod cache;
pub mod config;
pub mod discovery;
pub mod membership;
mod parents;
pub mod partition;
mod paths;
pub mod persistent;
pub mod queue;
pub mod shared;
mod trouble;
mod unique;
