//! Fault tests on real processes.
//!
//! A run makes a small [`world`]: nodes that are real server processes, each in a network namespace of its own, with a
//! [`disk`] of its own if faults of disks are planned, and a switch of ours between them ([`net`]). [`clients`] work on it
//! and note all they see, while a [`scenario`] lets things go wrong ([`faults`]). Then all is healed, the cluster must
//! serve and agree, everything is read on every node, and what the clients saw is checked by the same rules as in the
//! simulator (crate `verify`). The [`report`] says what happened, and whether each fault had an effect.
//!
//! It needs Linux and root, and touches nothing on the machine but what it made itself.

pub mod bulk;
pub mod clean;
pub mod clients;
pub mod disk;
pub mod faults;
pub mod names;
pub mod needs;
pub mod net;
pub mod node;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shell;
pub mod time;
pub mod world;
