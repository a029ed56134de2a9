//! A process that can be suspended and killed: its tasks are polled only while it runs.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use runtime::{BoxFuture, Pool, Pools, Task};

#[derive(Default)]
pub(crate) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    is_suspended: bool,
    is_dead: bool,
    waiting: Vec<Waker>,
}

impl Gate {
    pub(crate) fn suspend(&self) {
        self.0.lock().unwrap().is_suspended = true;
    }

    pub(crate) fn resume(&self) {
        self.change(|state| state.is_suspended = false);
    }

    pub(crate) fn kill(&self) {
        self.change(|state| state.is_dead = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

struct Gated {
    gate: Arc<Gate>,
    work: Option<BoxFuture<'static, ()>>,
}

impl Future for Gated {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let gate = Arc::clone(&self.gate);
        let mut state = gate.0.lock().unwrap();
        // It is to be woken by any change, whatever it waits for itself.
        if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        let (is_dead, is_suspended) = (state.is_dead, state.is_suspended);
        drop(state);
        if is_dead {
            self.work = None;
        }
        match &mut self.work {
            None => Poll::Ready(()),
            Some(_) if is_suspended => Poll::Pending,
            Some(work) => work.as_mut().poll(context),
        }
    }
}

pub(crate) struct GatedPools {
    pub(crate) gate: Arc<Gate>,
    pub(crate) pools: Arc<dyn Pools>,
}

impl Pools for GatedPools {
    fn spawn(&self, pool: Pool, future: BoxFuture<'static, ()>) -> Task {
        self.pools.spawn(pool, Box::pin(Gated { gate: Arc::clone(&self.gate), work: Some(future) }))
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        self.pools.run_blocking(work)
    }
}
