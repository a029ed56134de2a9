//! Locks: a fair mutex, shared with Curator and kazoo.

mod guard;
mod multi;
mod participants;
mod read_write;

use std::sync::Arc;
use std::time::Duration;

use client::{Acl, Client};
use runtime::Instant;

pub use guard::{Guard, revoke};
pub use multi::{MultiGuard, MultiLock};
pub use participants::Participant;
pub(crate) use participants::list as list_participants;
pub use read_write::ReadWriteLock;

use crate::contend::{AcquireError, LOCKS, Marker, NodeNaming, Queue, Staking};

/// How the znodes of a lock's contenders are named. Whatever this client's are named, it takes those of the other kind for
/// contenders, too: the numbers that the server gives decide.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Naming {
    /// As Curator's `InterProcessMutex` does: `_c_<uuid>-lock-<number>`. A kazoo `Lock` counts them with
    /// `extra_lock_patterns=["-lock-"]`.
    #[default]
    Curator,
    /// As kazoo's `Lock` does: `<uuid>__lock__<number>`. Curator misplaces them.
    Kazoo,
}

/// A lock at a path, which one holder has at a time, in the order in which they asked.
///
/// ```no_run
/// # async fn example(client: client::Client, storage: impl Fn(recipes::Token)) -> Result<(), recipes::AcquireError> {
/// let lock = recipes::Lock::new(&client, "/jobs/nightly/lock");
/// let guard = lock.acquire().await?;
/// tokio::select! {
///     biased;
///     loss = guard.lost() => eprintln!("stop at once: {loss}"),
///     () = async { storage(guard.token()) } => {}
/// }
/// guard.release().await?;
/// # Ok(())
/// # }
/// ```
///
/// # What is promised
///
/// - At most one client holds it, as long as holders stop when [`Guard::lost`] completes, and clocks run at about one rate. A
///   process that was stopped for a while, or a message of its that is still on its way, can be late all the same: what the lock
///   protects should refuse tokens lower than the highest it has seen ([`Token`](crate::Token)).
/// - Clients get it in the order in which their znodes were created. When it is released, one client is woken, not all.
/// - Waiting outlives connections and servers. A future that is dropped leaves no znode behind, even if the connection was lost
///   just then; it is deleted in the background, as long as the session lives.
/// - It is not re-entrant: a client that holds it and acquires it again waits for itself.
#[derive(Clone)]
pub struct Lock {
    kind: Kind,
    queue: Queue,
}

/// What a lock is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Mutex,
    Read,
    Write,
}

impl Kind {
    fn named(self, naming: Naming) -> (NodeNaming, Marker) {
        let text = match (self, naming) {
            (Kind::Mutex, Naming::Curator) => "lock-",
            (Kind::Read, Naming::Curator) => "__READ__",
            (Kind::Write, Naming::Curator) => "__WRIT__",
            (Kind::Mutex | Kind::Write, Naming::Kazoo) => "__lock__",
            (Kind::Read, Naming::Kazoo) => "__rlock__",
        };
        let marker = LOCKS.iter().find(|marker| marker.text == text).expect("all of them are in the table");
        let naming = match naming {
            Naming::Curator => NodeNaming::Curator,
            Naming::Kazoo => NodeNaming::Kazoo,
        };
        (naming, *marker)
    }
}

impl Lock {
    /// The lock at `path`, held by the session of `client`. Nothing is asked of a server yet. Contenders' znodes are children of
    /// `path`; what is missing of it becomes containers.
    pub fn new(client: &Client, path: &str) -> Self {
        Self::of_kind(client, path, Kind::Mutex)
    }

    pub(crate) fn of_kind(client: &Client, path: &str, kind: Kind) -> Self {
        let (naming, marker) = kind.named(Naming::default());
        let staking = Staking {
            client: client.clone(),
            parent: path.into(),
            naming,
            data: Arc::from([]),
            acl: Acl::open().into(),
        };
        Self { kind, queue: Queue { staking, marker, markers: LOCKS } }
    }

    /// Names this client's znodes so.
    #[must_use]
    pub fn named(mut self, naming: Naming) -> Self {
        (self.queue.staking.naming, self.queue.marker) = self.kind.named(naming);
        self
    }

    /// The path of the lock.
    pub fn path(&self) -> &str {
        &self.queue.staking.parent
    }

    /// Puts `data` into this client's znodes: who waits or holds, for [`Lock::participants`]. None by default.
    #[must_use]
    pub fn with_data(mut self, data: &[u8]) -> Self {
        self.queue.staking.data = data.into();
        self
    }

    /// Gives this list of access to znodes that are created. By default everyone may do everything. Contenders must be
    /// able to list and read each other's.
    #[must_use]
    pub fn with_acl(mut self, acl: &[Acl]) -> Self {
        self.queue.staking.acl = acl.into();
        self
    }

    /// Waits until this client has the lock. If the future is dropped, the znode by which it waited is deleted in the background.
    ///
    /// # Errors
    /// When the session is over, the server refuses, or somebody deletes that znode.
    pub async fn acquire(&self) -> Result<Guard, AcquireError> {
        self.queue.acquire().await.map(Guard)
    }

    /// The same, for so long at most; `None` then.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<Guard>, AcquireError> {
        let now = self.queue.staking.client.runtime().clock.now();
        self.acquire_before(now + patience).await
    }

    /// The same, until `deadline` on the client's clock at most; `None` then.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn acquire_before(&self, deadline: Instant) -> Result<Option<Guard>, AcquireError> {
        Ok(self.queue.acquire_before(deadline).await?.map(Guard))
    }

    /// The lock if nobody has it or waits for it, else `None`. Takes as long as servers take to answer.
    ///
    /// # Errors
    /// As [`Lock::acquire`].
    pub async fn try_acquire(&self) -> Result<Option<Guard>, AcquireError> {
        Ok(self.queue.try_acquire().await?.map(Guard))
    }

    /// Who holds the lock and who waits, in this order, as the server of this client knows it.
    ///
    /// # Errors
    /// When the session is over, or the server refuses.
    pub async fn participants(&self) -> Result<Vec<Participant>, client::Error> {
        participants::list(&self.queue).await
    }
}
