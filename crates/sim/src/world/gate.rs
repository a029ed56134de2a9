//! Holds the processes of a host, as SIGSTOP does.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use std::sync::Arc;

use parking_lot::Mutex;

/// While it is closed, nothing that goes through it moves; what comes in from outside waits.
///
/// openraft's own tasks are started past it. They see that nobody answers, and nothing that they want to write or send
/// goes anywhere before the gate opens.
#[derive(Default)]
pub struct Gate {
    closed: AtomicBool,
    held: AtomicU64,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    /// Stops what goes through it.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Whether nothing goes through it.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Lets everything go on.
    pub fn open(&self) {
        self.closed.store(false, Ordering::Relaxed);
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// How often a task that had something to do was held.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    fn poll(&self, waker: &Waker) -> Poll<()> {
        if !self.closed.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        self.held.fetch_add(1, Ordering::Relaxed);
        let mut waiting = self.waiting.lock();
        if !waiting.iter().any(|known| known.will_wake(waker)) {
            waiting.push(waker.clone());
        }
        Poll::Pending
    }
}

/// A task that moves only while its host's gate is open.
pub(super) struct Gated<F> {
    gate: Arc<Gate>,
    task: F,
}

impl<F> Gated<F> {
    pub(super) fn new(gate: &Arc<Gate>, task: F) -> Self {
        Self { gate: Arc::clone(gate), task }
    }
}

impl<F: Future + Unpin> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.gate.poll(context.waker()) {
            Poll::Ready(()) => Pin::new(&mut self.task).poll(context),
            Poll::Pending => Poll::Pending,
        }
    }
}
