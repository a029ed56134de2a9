//! Several locks as one.

use std::time::Duration;

use client::Error;
use runtime::Clock;

use super::{Guard, Lock};
use crate::contend::{AcquireError, Loss, Token};

/// Several locks, of which one has all or none.
///
/// They are acquired in the order of their paths, whatever the order in which they were named, so that clients that need some of the
/// same ones never wait for each other in a circle. (Curator's `InterProcessMultiLock` acquires in the order in which they were named: name them in the
/// order of their paths there.) A path that is named twice counts once.
#[derive(Clone)]
pub struct MultiLock {
    locks: Vec<Lock>,
}

/// Several locks that are held. Dropping it releases them in the background.
#[must_use = "the locks are released when their guard is dropped"]
#[derive(Debug)]
pub struct MultiGuard {
    guards: Vec<Guard>,
}

impl MultiLock {
    /// All of `locks`.
    pub fn new(locks: impl IntoIterator<Item = Lock>) -> Self {
        let mut locks: Vec<Lock> = locks.into_iter().collect();
        locks.sort_by(|one, other| one.path().cmp(other.path()));
        locks.dedup_by(|one, other| one.path() == other.path());
        Self { locks }
    }

    /// Waits until this client has all of them. If the future is dropped, those that it has are released in the background.
    ///
    /// # Errors
    /// As [`Lock::acquire`], for any of them; those that it has are released.
    pub async fn acquire(&self) -> Result<MultiGuard, AcquireError> {
        loop {
            let mut held = MultiGuard { guards: Vec::with_capacity(self.locks.len()) };
            for lock in &self.locks {
                held.guards.push(lock.acquire().await?);
            }
            // One may have been lost while others were waited for; if with its session, acquiring says so.
            if held.check().is_ok() {
                return Ok(held);
            }
        }
    }

    /// The same, for so long at most; `None` then.
    ///
    /// # Errors
    /// As [`MultiLock::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<MultiGuard>, AcquireError> {
        match self.clock() {
            Some(clock) => clock.timeout(patience, self.acquire()).await.ok().transpose(),
            None => self.acquire().await.map(Some),
        }
    }

    /// All of them if each is free, else none, and `None`.
    ///
    /// # Errors
    /// As [`MultiLock::acquire`].
    pub async fn try_acquire(&self) -> Result<Option<MultiGuard>, AcquireError> {
        let mut held = MultiGuard { guards: Vec::with_capacity(self.locks.len()) };
        for lock in &self.locks {
            match lock.try_acquire().await? {
                Some(guard) => held.guards.push(guard),
                None => {
                    held.release().await?;
                    return Ok(None);
                }
            }
        }
        Ok(held.check().is_ok().then_some(held))
    }

    fn clock(&self) -> Option<Clock> {
        self.locks.first().map(|lock| lock.queue.staking.client.runtime().clock.clone())
    }
}

impl MultiGuard {
    /// The guards, in the order of their paths, with a token each: a resource is told the token of the lock that is its.
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// The tokens, if all are still held as far as can be known without asking a server.
    ///
    /// # Errors
    /// When one is lost.
    pub fn check(&self) -> Result<Vec<Token>, Loss> {
        self.guards.iter().map(Guard::check).collect()
    }

    /// Completes when the first of them is lost; see [`Guard::lost`].
    pub async fn lost(&self) -> Loss {
        let mut losses: Vec<_> = self.guards.iter().map(|guard| Box::pin(guard.lost())).collect();
        std::future::poll_fn(|context| {
            let ready = losses.iter_mut().find_map(|loss| match loss.as_mut().poll(context) {
                std::task::Poll::Ready(loss) => Some(loss),
                std::task::Poll::Pending => None,
            });
            ready.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }

    /// Lets go of all, the last one first, and waits until the server has said so.
    ///
    /// # Errors
    /// As [`Guard::release`]; the others are released in the background.
    pub async fn release(mut self) -> Result<(), Error> {
        while let Some(guard) = self.guards.pop() {
            guard.release().await?;
        }
        Ok(())
    }
}
