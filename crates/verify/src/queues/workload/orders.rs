//! The phase of a run, as clients of queues are told.

use std::cell::Cell;
use std::time::Duration;

use runtime::Clock;

/// What clients of queues should be doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum QueueMode {
    /// One declares, the others wait.
    Setup,
    /// All work.
    Work,
    /// Nobody publishes anything new; consumers go on.
    Finish,
    /// Whatever is left is taken out.
    Drain,
}

/// Told by the run, heard by its clients.
pub struct QueueOrders {
    mode: Cell<QueueMode>,
    declared: Cell<bool>,
    /// At work.
    publishers: Cell<u32>,
    consumers: Cell<u32>,
    drained: Cell<usize>,
}

impl Default for QueueOrders {
    fn default() -> Self {
        Self {
            mode: Cell::new(QueueMode::Setup),
            declared: Cell::new(false),
            publishers: Cell::new(0),
            consumers: Cell::new(0),
            drained: Cell::new(0),
        }
    }
}

impl QueueOrders {
    /// What is to be done.
    pub fn mode(&self) -> QueueMode {
        self.mode.get()
    }

    /// Gives an order.
    pub fn set_mode(&self, mode: QueueMode) {
        tracing::info!(?mode, "orders to clients of queues");
        self.mode.set(mode);
    }

    /// Everything is declared.
    pub fn report_declared(&self) {
        self.declared.set(true);
    }

    /// Whether everything is declared.
    pub fn is_declared(&self) -> bool {
        self.declared.get()
    }

    /// A publisher is at work until what is returned is dropped.
    pub(super) fn publisher(&self) -> AtWork<'_> {
        AtWork::begin(&self.publishers)
    }

    /// The same, of a consumer.
    pub(super) fn consumer(&self) -> AtWork<'_> {
        AtWork::begin(&self.consumers)
    }

    /// Publishers that have not come to their end.
    pub fn publishers(&self) -> u32 {
        self.publishers.get()
    }

    /// Consumers that have not come to their end.
    pub fn consumers(&self) -> u32 {
        self.consumers.get()
    }

    /// One more queue is empty.
    pub(super) fn report_drained(&self) {
        self.drained.set(self.drained.get() + 1);
    }

    /// Queues that are empty.
    pub fn drained(&self) -> usize {
        self.drained.get()
    }

    /// Completes when `mode` or a later one is ordered.
    pub async fn wait_for(&self, clock: &Clock, mode: QueueMode) {
        const LOOK: Duration = Duration::from_millis(20);
        while self.mode() < mode {
            clock.sleep(LOOK).await;
        }
    }
}

/// Counts somebody who works.
pub(super) struct AtWork<'a>(&'a Cell<u32>);

impl<'a> AtWork<'a> {
    fn begin(count: &'a Cell<u32>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
