//! The phase of a run, as its clients are told.

use std::cell::Cell;
use std::time::Duration;

use runtime::Clock;

/// What clients should be doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mode {
    /// One lays out the tree, the others wait.
    Setup,
    /// All work.
    Work,
    /// All work, and those who hardly write do so too.
    Prove,
    /// Nobody asks for anything new; sessions are kept.
    Rest,
    /// Everything is read, on every node.
    Verify,
}

/// Told by the run, heard by its clients.
pub struct Orders {
    mode: Cell<Mode>,
    laid_out: Cell<bool>,
    verified: Cell<u64>,
}

impl Default for Orders {
    fn default() -> Self {
        Self { mode: Cell::new(Mode::Setup), laid_out: Cell::new(false), verified: Cell::new(0) }
    }
}

impl Orders {
    /// What is to be done.
    pub fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// Gives an order.
    pub fn set_mode(&self, mode: Mode) {
        tracing::info!(?mode, "orders");
        self.mode.set(mode);
    }

    /// The tree is laid out.
    pub fn report_laid_out(&self) {
        self.laid_out.set(true);
    }

    /// Whether the tree is laid out.
    pub fn is_laid_out(&self) -> bool {
        self.laid_out.get()
    }

    /// All of the tree was read on one more node.
    pub fn report_verified(&self) {
        self.verified.set(self.verified.get() + 1);
    }

    /// On how many nodes all of the tree was read.
    pub fn verified(&self) -> u64 {
        self.verified.get()
    }

    /// Completes when `mode` or a later one is ordered.
    pub async fn wait_for(&self, clock: &Clock, mode: Mode) {
        const LOOK: Duration = Duration::from_millis(20);
        while self.mode() < mode {
            clock.sleep(LOOK).await;
        }
    }
}
