//! Semaphores: so many at a time, shared with Curator or kazoo.

mod curator;
mod kazoo;
mod lease;

use std::sync::Arc;
use std::time::Duration;

use client::{Acl, Client};
use thiserror::Error;

pub use lease::Lease;

use crate::contend::AcquireError;
use crate::lock::Naming;

/// Why no lease could be had.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SemaphoreError {
    /// As with a lock.
    #[error("{0}")]
    Acquire(#[from] AcquireError),
    /// kazoo's layout notes how many leases there are, and it is another number.
    #[error(
        "the semaphore {path} has {there} leases and {asked} were expected; agree on a number, and delete the znode to change it"
    )]
    OtherLimit {
        /// Where.
        path: Arc<str>,
        /// What is noted there.
        there: u64,
        /// What this client was told.
        asked: u64,
    },
}

impl From<client::Error> for SemaphoreError {
    fn from(error: client::Error) -> Self {
        Self::Acquire(error.into())
    }
}

/// A semaphore at a path: as many clients as there are leases have one at a time, in the order in which they asked.
///
/// # What is promised
///
/// - No more leases are held than the smallest number that any contender was told, as long as holders stop when [`Lease::lost`] completes.
///   All contenders should be told the same: a semaphore does not know how many it has, but for kazoo's layout, where it is noted.
/// - Waiting outlives connections and servers, and a future that is dropped leaves no znode behind, as with a [`Lock`](crate::Lock).
///
/// # Layouts
///
/// [`Naming::Curator`] is Curator's `InterProcessSemaphoreV2`: a lock at `P/locks` around `P/leases/_c_<uuid>-lease-<number>`. [`Naming::Kazoo`] is kazoo's
/// `Semaphore`: a lock at `P-__lock__` around `P/<uuid>`, the number of leases as data of `P`. The two do not see each other: all contenders of a semaphore must
/// use one of them. The lease of kazoo's layout is made in one transaction with a check that the lock is still held, so that here, unlike with kazoo's
/// own, a client that lost the lock just then does not make one too many.
#[derive(Clone)]
pub struct Semaphore {
    client: Client,
    path: Arc<str>,
    leases: u64,
    naming: Naming,
    data: Arc<[u8]>,
    acl: Arc<[Acl]>,
}

impl Semaphore {
    /// The semaphore at `path` with so many leases, 1 or more, in Curator's layout. Nothing is asked of a server yet.
    pub fn new(client: &Client, path: &str, leases: u64) -> Self {
        Self {
            client: client.clone(),
            path: path.into(),
            leases: leases.max(1),
            naming: Naming::Curator,
            data: Arc::from([]),
            acl: Acl::open().into(),
        }
    }

    /// Uses this layout.
    #[must_use]
    pub fn named(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }

    /// Puts `data` into the znodes of this client's leases.
    #[must_use]
    pub fn with_data(self, data: &[u8]) -> Self {
        Self { data: data.into(), ..self }
    }

    /// Gives this list of access to znodes that are created. By default everyone may do everything.
    #[must_use]
    pub fn with_acl(self, acl: &[Acl]) -> Self {
        Self { acl: acl.into(), ..self }
    }

    /// Waits for a lease. If the future is dropped, what it has created is deleted in the background.
    ///
    /// # Errors
    /// When the session is over, the server refuses, somebody deletes the znode by which this client waits, or the layout notes
    /// another number of leases.
    pub async fn acquire(&self) -> Result<Lease, SemaphoreError> {
        let held = match self.naming {
            Naming::Curator => curator::acquire(self).await?,
            Naming::Kazoo => kazoo::acquire(self).await?,
        };
        Ok(Lease(held))
    }

    /// The same, for so long at most; `None` then. With a time of 0 there is a lease only if the server answers at once: give it
    /// a few seconds to find out whether there is one.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<Lease>, SemaphoreError> {
        self.client.runtime().clock.timeout(patience, self.acquire()).await.ok().transpose()
    }

    /// Waits for so many leases, all or none, one after the other. Clients that want several can wait for each other for ever when each
    /// has some; give them [`Semaphore::acquire_within`]'s kind of limit around this.
    ///
    /// # Errors
    /// As [`Semaphore::acquire`]; those that it has are given back.
    pub async fn acquire_many(&self, count: usize) -> Result<Vec<Lease>, SemaphoreError> {
        let mut leases = Vec::new();
        while leases.len() < count {
            leases.push(self.acquire().await?);
        }
        Ok(leases)
    }
}
