//! The ZooKeeper client protocol: connections, requests, four-letter words.
//!
//! [`codec`] is the protocol's bytes, for servers and for clients. [`Server`] speaks it with clients on one side and with
//! a [`Control`](control::Control) on the other. The protocol's words stop here: below, `control` and `tree` know
//! sessions, znodes and watches, but no frame.
//!
//! # One batch of requests
//!
//! A client may send many requests before it reads a reply, and good ones do. What one read from the socket brings is
//! worked off in one turn on the control plane: under one lock, what happened is told, reads are answered and writes are
//! proposed, all into one buffer, which goes out in one write. Writes are answered when they come back from the log; reads
//! behind them are done by the thread that applies, in their place (see the crate `control`).

mod about;
mod commands;
mod config;
mod ensemble;
mod errors;
mod monitor;
mod process;
mod serve;
mod terms;
mod words;

/// The protocol's bytes.
pub use jute as codec;

pub use commands::CommandAnswer;
pub use config::{Config, DiskUse};
pub use ensemble::{Ensemble, ReshapeError};
pub use serve::{IDENTITY_BYTES_MAX, NotSuperuser, Server};
pub use terms::{Reads, Terms};
pub use words::{UnknownWord, Word};

/// What this server calls itself where ZooKeeper names its version: clients parse the number in front.
pub const VERSION: &str = concat!("3.9.5-quorate-", env!("CARGO_PKG_VERSION"));
