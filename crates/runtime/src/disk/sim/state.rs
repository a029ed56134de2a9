//! What the clones of a disk and its open files share.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::counts::FaultCounts;
use super::fault::{Fault, Plan, eio, enospc};
use super::names::Names;
use crate::Clock;

/// How long calls take, on the clock given to [`SimDisk::set_clock`](super::SimDisk::set_clock). Zero by default: then a call yields once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Latency {
    /// Reads.
    pub read: Duration,
    /// Writes, and changes of length.
    pub write: Duration,
    /// Syncs of files and folders.
    pub sync: Duration,
    /// Changes of names.
    pub names: Duration,
}

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) counts: Arc<Mutex<FaultCounts>>,
    pub(super) stalled: watch::Sender<bool>,
}

pub(super) struct State {
    pub(super) rng: StdRng,
    pub(super) names: Names,
    pub(super) plan: Plan,
    pub(super) counts: Arc<Mutex<FaultCounts>>,
    pub(super) locks: BTreeSet<PathBuf>,
    pub(super) capacity: u64,
    pub(super) latency: Latency,
    pub(super) clock: Option<Clock>,
    /// Changes made so far.
    pub(super) steps: u64,
    /// Changes after which the power goes.
    pub(super) steps_max: u64,
    pub(super) crashed: bool,
}

impl Shared {
    /// The state, unless the power was cut.
    pub(super) fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        if state.crashed || state.steps >= state.steps_max {
            self.counts.lock().refused += 1;
            return Err(eio());
        }
        Ok(state)
    }

    /// The state for one more change, unless the power was cut.
    pub(super) fn step(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.alive()?;
        state.steps += 1;
        Ok(state)
    }

    /// Waits as long as a call takes.
    pub(super) async fn delay(&self, of: impl FnOnce(&Latency) -> Duration) {
        let (latency, clock) = {
            let state = self.state.lock();
            (of(&state.latency), state.clock.clone())
        };
        match clock {
            Some(clock) if !latency.is_zero() => {
                self.counts.lock().delays += 1;
                clock.sleep(latency).await;
            }
            _ => tokio::task::yield_now().await,
        }
        let mut stalled = self.stalled.subscribe();
        if *stalled.borrow_and_update() {
            self.counts.lock().delays += 1;
            // An error means that the sender is gone, which `self` holds.
            let _ = stalled.wait_for(|stalled| !stalled).await;
        }
    }
}

impl State {
    /// True if `fault` hits the call that asks; then it is counted.
    pub(super) fn hits(&mut self, fault: Fault) -> bool {
        let hit = self.plan.hits(fault, &mut self.rng);
        if hit {
            let mut counts = self.counts.lock();
            match fault {
                Fault::ReadError => counts.read_errors += 1,
                Fault::ShortRead => counts.short_reads += 1,
                Fault::WriteError => counts.write_errors += 1,
                Fault::SyncError => counts.sync_errors += 1,
                Fault::NoSpace => counts.no_space += 1,
            }
        }
        hit
    }

    /// ENOSPC if the disk has no room for `bytes` more, or a planned fault says so.
    pub(super) fn take_space(&mut self, bytes: u64) -> io::Result<()> {
        if self.hits(Fault::NoSpace) {
            return Err(enospc());
        }
        if bytes > 0 && self.capacity < u64::MAX && self.names.bytes() + bytes > self.capacity {
            self.counts.lock().no_space += 1;
            return Err(enospc());
        }
        Ok(())
    }
}
