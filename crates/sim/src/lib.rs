//! Deterministic simulation of whole clusters.
//!
//! The real server ([`server::Node`]) runs over a simulated network, clock and disk: every node and every client in one
//! thread, and one seed decides everything, from the order of tasks to the sector that a power loss tears. A run has a
//! phase in which things go wrong ([`faults`]) while clients work ([`verify::workload`]), then one in which nothing does any more
//! and the cluster must come back; in the end the history of what clients saw is checked ([`verify::check`]), and the replicas must
//! be equal. The same seed gives the same trace, byte for byte ([`trace`]), in any process.
//!
//! - [`world`]: machines, links, disks, clocks over turmoil.
//! - [`run()`](run()): one seed from beginning to end; [`planted`]: bugs put in on purpose, which the checks must find.
//!
//! What runs it is the binary `sim` and the tests; both define the C library's clock and randomness (`interpose.rs`).

#[cfg(not(any(tokio_unstable, doc)))]
compile_error!(
    "the simulator needs `--cfg tokio_unstable`: without it tokio's own randomness (select!, the scheduler) is not \
     seeded. It is set in .cargo/config.toml; an exported RUSTFLAGS replaces that setting, so add the flag there"
);

pub mod faults;
pub mod planted;
pub mod report;
pub mod run;
pub mod seeded;
pub mod trace;
pub mod world;

pub use planted::Bug;
pub use report::{Report, Summary};
pub use run::{Options, run};
