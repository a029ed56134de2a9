//! An ensemble in the process of a test, for tests of applications: no ports, no files, no waiting.
//!
//! Its nodes are Quorate's own, from the protocol down to the tree; they share a log in memory instead of a replicated one, so
//! nothing outlives the process. Clients reach them by a network that the test can cut, through [`Ensemble::runtime`] or, where
//! clients are to be cut off one by one, through a [`Host`] each. With [`run`], time jumps to whatever is next to happen, so that
//! a session of ten seconds expires at once.
//!
//! ```
//! # #[expect(clippy::unwrap_used, reason = "an example")]
//! # fn main() {
//! use client::{Acl, Client, CreateMode, Options};
//!
//! embedded::run(async {
//!     let ensemble = embedded::Ensemble::start(3);
//!     let client = Client::connect(ensemble.runtime(), &ensemble.target(), Options::default()).await.unwrap();
//!     client.create("/e", None, &Acl::open(), CreateMode::Ephemeral).await.unwrap();
//!
//!     let other = ensemble.host();
//!     let witness = Client::connect(other.runtime(), &ensemble.target(), Options::default()).await.unwrap();
//!     let (_, gone) = witness.exists_and_watch("/e").await.unwrap();
//!     ensemble.expire(client.session());
//!     gone.fired().await.unwrap();
//! });
//! # }
//! ```

mod clock;
mod ensemble;
mod wires;

pub use ensemble::{Ensemble, Host, TICK};

/// Runs a test in paused time: it jumps to the next timer when nothing else is to be done. A test whose own randomness repeats
/// itself repeats itself exactly, if it is built with `--cfg tokio_unstable`; else tokio adds some of its own.
///
/// # Panics
/// Where tokio finds no means to start.
pub fn run<F: Future>(test: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(b"embedded"));
    let runtime = builder.enable_all().start_paused(true).build();
    runtime.expect("a thread's own runtime can be made").block_on(test)
}
