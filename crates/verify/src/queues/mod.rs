//! Queues: publishers and consumers that note all they see, and what no right server can have told them.
//!
//! It claims what `interop/harness/queue_audit.py` claims of real processes. Only what does not hang on the order in which different clients
//! came to write things down is compared: a delivery may lie in a socket while the next consumer works already. So events are ordered within a
//! session, and between sessions by what the server counts: how often a copy was given out, and epochs.

pub mod check;
pub mod history;
pub mod workload;
