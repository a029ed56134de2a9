//! What waits to be told to one connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use futures::task::AtomicWaker;
use parking_lot::Mutex;
use runtime::Instant;
use tree::{Identity, SessionId};

use crate::delivery::{CloseReason, Delivery};
use crate::turn::Deferred;

/// The side of a connection that others reach: the thread that applies, and the node's clock.
pub(crate) struct Outbox {
    /// Never used twice on this node.
    pub(crate) id: u64,
    state: Mutex<State>,
    /// Whether there is anything to take. Set after the delivery is in.
    filled: AtomicBool,
    waker: AtomicWaker,
    /// Whether the client has sent anything since the last report.
    active: AtomicBool,
    /// The session it speaks for, 0 while there is none.
    session: AtomicI64,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// Reads behind the command with that number, in order.
    deferred: VecDeque<(u64, Deferred)>,
    /// Nobody takes deliveries any more, or must not.
    closed: bool,
    identities: Arc<[Identity]>,
    bound: Option<Binding>,
}

/// Since when, and for how long without contact, a connection speaks for its session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) since: Instant,
    pub(crate) timeout_ms: u32,
}

impl Outbox {
    pub(crate) fn new(id: u64, identities: Arc<[Identity]>, bytes_max: usize) -> Self {
        Self {
            id,
            state: Mutex::new(State { identities, ..State::default() }),
            filled: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            active: AtomicBool::new(false),
            session: AtomicI64::new(0),
            bytes_max,
        }
    }

    /// Adds a delivery. Returns whether the connection is to be woken: it had nothing to take.
    #[must_use = "a connection that is not woken does not look"]
    pub(crate) fn push(&self, delivery: Delivery) -> bool {
        self.push_to(&mut self.state.lock(), delivery)
    }

    /// Tells that a command of this connection is done, and takes the reads that were waiting for it.
    #[must_use = "a connection that is not woken does not look"]
    pub(crate) fn push_done(&self, delivery: Delivery, ticket: u64, ready: &mut Vec<Deferred>) -> bool {
        let mut state = self.state.lock();
        while let Some((_, deferred)) = state.deferred.pop_front_if(|(behind, _)| *behind <= ticket) {
            ready.push(deferred);
        }
        self.push_to(&mut state, delivery)
    }

    /// Ends the connection. What it has not taken yet still comes first, unless it is too slow anyway.
    #[must_use = "a connection that is not woken does not look"]
    pub(crate) fn close(&self, reason: CloseReason) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        if reason == CloseReason::TooSlow {
            state.deliveries.clear();
        }
        state.deliveries.push_back(Delivery::Closed(reason));
        state.close();
        !self.filled.swap(true, Ordering::AcqRel)
    }

    /// Nobody takes deliveries from now on.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.lock();
        state.deliveries.clear();
        state.close();
    }

    fn push_to(&self, state: &mut State, delivery: Delivery) -> bool {
        if state.closed {
            return false;
        }
        state.bytes += delivery.weight();
        if state.bytes > self.bytes_max {
            state.deliveries.clear();
            state.deliveries.push_back(Delivery::Closed(CloseReason::TooSlow));
            state.close();
        } else {
            state.deliveries.push_back(delivery);
        }
        !self.filled.swap(true, Ordering::AcqRel)
    }

    /// Takes all deliveries, leaving the empty `into` in their place.
    pub(crate) fn take(&self, into: &mut VecDeque<Delivery>) {
        debug_assert!(into.is_empty(), "deliveries are told before more are taken");
        if !self.filled.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state.lock();
        self.filled.store(false, Ordering::Release);
        std::mem::swap(&mut state.deliveries, into);
        state.bytes = 0;
    }

    /// Puts a read behind the command with this number.
    pub(crate) fn defer(&self, behind: u64, read: Deferred) {
        let mut state = self.state.lock();
        if !state.closed {
            state.deferred.push_back((behind, read));
        }
    }

    pub(crate) fn is_filled(&self) -> bool {
        self.filled.load(Ordering::Acquire)
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Makes the connection look, also when there is nothing to take.
    pub(crate) fn nudge(&self) {
        self.filled.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    pub(crate) fn identities(&self) -> Arc<[Identity]> {
        Arc::clone(&self.state.lock().identities)
    }

    pub(crate) fn set_identities(&self, identities: Arc<[Identity]>) {
        self.state.lock().identities = identities;
    }

    /// The connection speaks for `session` from now on.
    pub(crate) fn bind(&self, session: SessionId, binding: Binding) {
        self.state.lock().bound = Some(binding);
        self.session.store(session.0, Ordering::Release);
    }

    pub(crate) fn binding(&self) -> Option<Binding> {
        self.state.lock().bound
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        match self.session.load(Ordering::Acquire) {
            0 => None,
            id => Some(SessionId(id)),
        }
    }

    pub(crate) fn mark_active(&self) {
        if !self.active.load(Ordering::Relaxed) {
            self.active.store(true, Ordering::Relaxed);
        }
    }

    pub(crate) fn take_active(&self) -> bool {
        self.active.swap(false, Ordering::Relaxed)
    }
}

impl State {
    fn close(&mut self) {
        self.closed = true;
        self.deferred.clear();
    }
}
