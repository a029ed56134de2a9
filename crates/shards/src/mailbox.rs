//! What waits for one connection.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::event::{Event, Waiting};

/// The side of a connection that the threads that apply reach. What waits in it is bounded by what the connection has under
/// way: one event a submission, and a frame for every place in the windows of its consumers.
#[derive(Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    /// Whether there is anything to take. Set after the event is in.
    filled: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Nobody takes events any more, or must not.
    closed: bool,
}

impl Mailbox {
    /// Adds events. Returns whether the connection is to be woken: it had nothing to take.
    #[must_use = "a connection that is not woken does not look"]
    pub(crate) fn push(&self, events: impl IntoIterator<Item = Waiting>) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        state.waiting.extend(events);
        !self.filled.swap(true, Ordering::AcqRel)
    }

    /// The connection's consumers are no more.
    pub(crate) fn end(&self) {
        let mut state = self.state.lock();
        if !state.closed {
            state.waiting.push_back(Waiting::Ready(Event::Over));
            state.closed = true;
            drop(state);
            self.filled.store(true, Ordering::Release);
            self.wake();
        }
    }

    /// Nobody takes events from now on.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.waiting.clear();
        state.closed = true;
    }

    /// Moves all that waits to the end of `into`.
    pub(crate) fn take(&self, into: &mut VecDeque<Waiting>) {
        if self.filled.load(Ordering::Acquire) {
            let mut state = self.state.lock();
            self.filled.store(false, Ordering::Release);
            into.append(&mut state.waiting);
        }
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Completes when there is something to take. One task at a time.
    pub(crate) async fn filled(&self) {
        std::future::poll_fn(|context| {
            if self.filled.load(Ordering::Acquire) {
                return std::task::Poll::Ready(());
            }
            self.waker.register(context.waker());
            match self.filled.load(Ordering::Acquire) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }
}
