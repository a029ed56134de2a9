//! Requests of one connection that wait for an answer.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::wire::frame::Body;

/// Where answers go, by the number of the call.
#[derive(Default)]
pub(crate) struct Calls {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
}

enum Waiting {
    /// One answer.
    Once(oneshot::Sender<Body>),
    /// Answers until the caller has enough.
    Many(mpsc::UnboundedSender<Body>),
}

impl Calls {
    /// A call with one answer.
    pub(crate) fn once(&self) -> (u64, oneshot::Receiver<Body>) {
        let (sender, receiver) = oneshot::channel();
        (self.insert(Waiting::Once(sender)), receiver)
    }

    /// A call with any number of answers; the caller bounds what is outstanding, and so what is queued.
    pub(crate) fn many(&self) -> (u64, mpsc::UnboundedReceiver<Body>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (self.insert(Waiting::Many(sender)), receiver)
    }

    fn insert(&self, waiting: Waiting) -> u64 {
        let mut state = self.state.lock();
        state.last += 1;
        let call = state.last;
        state.waiting.insert(call, waiting);
        call
    }

    /// Hands an answer to its caller; nothing happens if the caller has gone.
    pub(crate) fn answer(&self, call: u64, body: Body) {
        let mut state = self.state.lock();
        let caller_left = match state.waiting.get(&call) {
            Some(Waiting::Many(sender)) => sender.send(body).is_err(),
            Some(Waiting::Once(_)) => {
                if let Some(Waiting::Once(sender)) = state.waiting.remove(&call) {
                    // The caller may have stopped waiting.
                    let _ = sender.send(body);
                }
                false
            }
            None => false,
        };
        if caller_left {
            state.waiting.remove(&call);
        }
    }

    /// The caller has gone.
    pub(crate) fn forget(&self, call: u64) {
        self.state.lock().waiting.remove(&call);
    }

    /// The connection is lost: every caller notices that no answer comes.
    pub(crate) fn clear(&self) {
        self.state.lock().waiting.clear();
    }
}
