//! Which call fails, and how.

use std::io;

use rand::Rng;
use rand::rngs::StdRng;
use rustix::io::Errno;

/// A way for a call to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A read fails with EIO.
    ReadError,
    /// A read gives fewer bytes than there are.
    ShortRead,
    /// A write fails with EIO after some part of it.
    WriteError,
    /// A sync fails with EIO once. Some of what it was to make durable is. Of a file, the rest is forgotten: a later
    /// sync succeeds without doing anything about it (Linux marks the pages clean). Of a folder, the rest stays unsynced.
    SyncError,
    /// A write, an allocation or a creation fails with ENOSPC.
    NoSpace,
}

/// Probability of each [`Fault`] at each call that it can hit, from 0 to 1. Zero by default.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Rates {
    /// Of [`Fault::ReadError`].
    pub read_error: f64,
    /// Of [`Fault::ShortRead`].
    pub short_read: f64,
    /// Of [`Fault::WriteError`].
    pub write_error: f64,
    /// Of [`Fault::SyncError`].
    pub sync_error: f64,
    /// Of [`Fault::NoSpace`].
    pub no_space: f64,
}

impl Rates {
    fn of(&self, fault: Fault) -> f64 {
        match fault {
            Fault::ReadError => self.read_error,
            Fault::ShortRead => self.short_read,
            Fault::WriteError => self.write_error,
            Fault::SyncError => self.sync_error,
            Fault::NoSpace => self.no_space,
        }
    }
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) rates: Rates,
    /// Faults that hit one call each, after that many calls of their kind.
    once: Vec<(Fault, u64)>,
}

impl Plan {
    pub(super) fn add(&mut self, fault: Fault, skip: u64) {
        self.once.push((fault, skip));
    }

    /// True if `fault` hits the call that asks. To be asked exactly once by each call that the fault can hit.
    pub(super) fn hits(&mut self, fault: Fault, rng: &mut StdRng) -> bool {
        let mut hit = false;
        self.once.retain_mut(|(planned, skip)| {
            if *planned != fault {
                return true;
            }
            if *skip > 0 {
                *skip -= 1;
                return true;
            }
            hit = true;
            false
        });
        let rate = self.rates.of(fault);
        hit || (rate > 0.0 && rng.random_bool(rate.min(1.0)))
    }
}

pub(super) fn eio() -> io::Error {
    Errno::IO.into()
}

pub(super) fn enospc() -> io::Error {
    Errno::NOSPC.into()
}

pub(super) fn ebadf() -> io::Error {
    Errno::BADF.into()
}
