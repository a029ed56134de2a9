//! A node: everything assembled, from configuration to listeners, and its life from start to stop.
//!
//! [`Node::start`] takes a [`runtime::Runtime`] and a checked [`Config`], so that the node that runs in production and
//! the one that runs in a simulation are the same.

mod admin;
pub mod backup;
pub mod config;
mod control_group;
mod data;
mod data_dir;
mod listeners;
mod node;
pub mod recover;
mod reshaping;

pub use config::{AlarmLimits, Config, ConfigError, ConnectionLimits, FileSettings, Listen, Sizes};
pub use data::OpenShard;
pub use node::{Node, StartError};
