//! The simulated disk and the hands of a test on it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

use super::counts::FaultCounts;
use super::crash::Crash;
use super::fault::{Fault, Plan, Rates};
use super::image::SECTOR_BYTES;
use super::names::Names;
use super::state::{Latency, Shared, State};
use crate::Clock;

/// A simulated disk; see the [module](super). Clones share it.
#[derive(Clone)]
pub struct SimDisk {
    pub(super) shared: Arc<Shared>,
}

impl SimDisk {
    /// An empty disk whose chances `seed` decides.
    pub fn new(seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self::of(rng, Names::default(), Arc::default())
    }

    fn of(rng: StdRng, names: Names, counts: Arc<Mutex<FaultCounts>>) -> Self {
        let state = State {
            rng,
            names,
            plan: Plan::default(),
            counts: Arc::clone(&counts),
            locks: BTreeSet::new(),
            capacity: u64::MAX,
            latency: Latency::default(),
            clock: None,
            steps: 0,
            steps_max: u64::MAX,
            crashed: false,
        };
        Self {
            shared: Arc::new(Shared { state: Mutex::new(state), counts, stalled: watch::Sender::new(false) }),
        }
    }

    /// The disk as a crash leaves it, without any planned faults, rates or stall, but with the same capacity, latency
    /// and clock. Every call on this disk and on its open files fails from now on.
    pub fn crash(&self, crash: Crash) -> SimDisk {
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        state.crashed = true;
        let mut counts = self.shared.counts.lock();
        counts.crashes += 1;
        let names = state.names.crash(crash, &mut state.rng, &mut counts);
        // Whoever still has this disk sees errors only; the bytes may be many.
        state.names.forget();
        // Calls that wait for a release must see that it is over.
        self.shared.stalled.send_replace(false);
        self.successor(state, names)
    }

    /// A disk with what is on this one, as from a backup of the whole; this one goes on.
    pub fn backup(&self) -> SimDisk {
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        let names = state.names.crash(Crash::KeepUnsynced, &mut state.rng, &mut FaultCounts::default());
        self.successor(state, names)
    }

    fn successor(&self, state: &mut State, names: Names) -> SimDisk {
        let rng = StdRng::seed_from_u64(state.rng.random());
        let after = Self::of(rng, names, Arc::clone(&self.shared.counts));
        {
            let mut after = after.shared.state.lock();
            after.capacity = state.capacity;
            after.latency = state.latency;
            after.clock = state.clock.clone();
        }
        after
    }

    /// Cuts the power after `steps` more changes (writes, syncs, changes of names and lengths): every call after them
    /// fails with EIO and does nothing. What is left is known after [`SimDisk::crash`].
    pub fn stop_after(&self, steps: u64) {
        let mut state = self.shared.state.lock();
        state.steps_max = state.steps.saturating_add(steps);
    }

    /// Changes made so far.
    pub fn steps(&self) -> u64 {
        self.shared.state.lock().steps
    }

    /// Makes `fault` hit one call: the next that it can hit after `skip` such calls.
    pub fn fail(&self, fault: Fault, skip: u64) {
        self.shared.state.lock().plan.add(fault, skip);
    }

    /// Sets how often calls fail by chance.
    pub fn set_rates(&self, rates: Rates) {
        self.shared.state.lock().plan.rates = rates;
    }

    /// Sets how many bytes all files together may have; beyond, calls fail with ENOSPC. Unlimited by default.
    pub fn set_capacity(&self, bytes: u64) {
        self.shared.state.lock().capacity = bytes;
    }

    /// Sets the clock that latencies are measured on.
    pub fn set_clock(&self, clock: Clock) {
        self.shared.state.lock().clock = Some(clock);
    }

    /// Sets how long calls take. Needs a clock.
    pub fn set_latency(&self, latency: Latency) {
        self.shared.state.lock().latency = latency;
    }

    /// Makes every call wait until [`SimDisk::release`].
    pub fn stall(&self) {
        self.shared.stalled.send_replace(true);
    }

    /// Ends [`SimDisk::stall`].
    pub fn release(&self) {
        self.shared.stalled.send_replace(false);
    }

    /// Flips a bit of a file at rest: readers see it, and it survives a crash. An error if there is no such byte.
    pub fn corrupt(&self, path: &Path, offset: u64, bit: u8) -> io::Result<()> {
        let state = self.shared.state.lock();
        let inode = state.names.find(path).ok_or(io::ErrorKind::NotFound)?;
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        if !inode.image.lock().flip(offset, bit) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.shared.counts.lock().bits_flipped += 1;
        Ok(())
    }

    /// All files and their lengths in bytes, by path.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.shared.state.lock().names.lengths()
    }

    /// A sector of a file as a process reads it; shorter at the end of the file, empty beyond, `None` without the file.
    pub fn sector(&self, path: &Path, number: usize) -> Option<Bytes> {
        let state = self.shared.state.lock();
        let inode = state.names.find(path)?;
        Some(inode.image.lock().read((number * SECTOR_BYTES) as u64, SECTOR_BYTES))
    }

    /// Puts other bytes into a sector at rest, as a write that went astray or one that never reached the disk leaves it:
    /// readers see them, and they survive a crash. An error if the file does not have that sector.
    pub fn replace_sector(&self, path: &Path, number: usize, bytes: &[u8]) -> io::Result<()> {
        let state = self.shared.state.lock();
        let inode = state.names.find(path).ok_or(io::ErrorKind::NotFound)?;
        if !inode.image.lock().replace_sector(number, bytes) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.shared.counts.lock().sectors_replaced += 1;
        Ok(())
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.shared.state.lock().names.bytes()
    }

    /// The faults that did bite, on this disk and on those that it came from by crashes.
    pub fn counts(&self) -> FaultCounts {
        *self.shared.counts.lock()
    }
}
