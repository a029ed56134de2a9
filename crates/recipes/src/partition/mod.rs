//! Work that is shared out: partitions, each of which one worker has at a time.
//!
//! The classic: a hundred partitions, a few workers; a worker dies, and the others take over what it had. Each worker joins a party and,
//! when the party has been the same for a while, claims its share: of the partitions in their order, those whose index leaves the
//! worker's own index over when divided by the number of workers. When the party changes, all give up what they have and claim anew.
//!
//! # What is promised
//!
//! - No partition is had by two, as long as each stops when its [`Allocation`] is [revoked](Allocation::revoked): a claim is
//!   given up only after that, and a worker that was cut off knows by its own clock when its claims may be gone. A machine that
//!   stands still cannot know it: guard what is shared by [`Allocation::epoch`], where the others may refuse older ones.
//! - When workers stay the same, every partition is had.
//!
//! # What is not
//!
//! - A change of the party interrupts everybody. For thousands of partitions, or where that costs much, use the rebalancer.
//! - Workers that do not agree on the partitions or on the number of workers have gaps until they do, never overlaps.
//!
//! Layout: kazoo's `SetPartitioner`: `P/party` a `ShallowParty`, `P/locks/PARTITION` a `Lock`. Its states are here: allocating, while
//! [`Partitioner::allocation`] waits; acquired, while there is an [`Allocation`]; release, once that is revoked; failure does not
//! end it: the next session goes on.

mod claim;

use std::collections::BTreeSet;
use std::time::Duration;

use client::{Client, Error, Sessions};
use futures::future::join_all;
use thiserror::Error;

use crate::cache::{CacheError, Changes};
use crate::membership::{Group, Layout};
use crate::paths;
use crate::persistent::PersistentNode;
use crate::trouble::{Patience, is_over, may_pass};
use claim::Claim;

/// Why work can't be shared out.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PartitionError {
    /// A request failed.
    #[error("{0}")]
    Client(#[from] Error),
    /// The party can't be followed.
    #[error("{0}")]
    Cache(#[from] CacheError),
    /// The name of a partition or of a worker is no name of a znode.
    #[error("{text:?} is no name of a partition or of a worker: a name is not empty and has no slash")]
    BadName {
        /// What was given.
        text: String,
    },
}

/// A worker that takes its share; see the [module](self). It leaves the party when it is closed; when it is dropped, when its session
/// ends.
pub struct Partitioner {
    sessions: Sessions,
    locks: String,
    worker: String,
    partitions: BTreeSet<String>,
    settle: Duration,
    party: Group,
    member: PersistentNode,
}

impl Partitioner {
    /// Joins the party at `path` as `worker`, which no other worker calls itself. The party has to be the same for `settle` before
    /// anything is claimed; all workers should have one `settle`, longer than a restart takes. Kazoo's is 30 s.
    ///
    /// # Errors
    /// When there is no session, or a name is none.
    pub async fn join<S: Into<String>>(
        sessions: &Sessions,
        path: &str,
        worker: &str,
        partitions: impl IntoIterator<Item = S>,
        settle: Duration,
    ) -> Result<Self, PartitionError> {
        let partitions: BTreeSet<String> = partitions.into_iter().map(Into::into).collect();
        for name in partitions.iter().map(String::as_str).chain([worker]) {
            if name.is_empty() || name.contains('/') {
                return Err(PartitionError::BadName { text: name.to_owned() });
            }
        }
        let party = Group::open(sessions, &paths::child(path, "party"), Layout::ShallowParty).await?;
        let member = party.join(worker, b"").await?;
        Ok(Self {
            sessions: sessions.clone(),
            locks: paths::child(path, "locks"),
            worker: worker.to_owned(),
            partitions,
            settle,
            party,
            member,
        })
    }

    /// Waits until this worker has its share, which may be nothing. Have one at a time.
    ///
    /// # Errors
    /// When the sessions were closed, or the server refuses it. If the future is dropped, what was claimed is given up.
    pub async fn allocation(&self) -> Result<Allocation, PartitionError> {
        let mut patience = Patience::default();
        loop {
            self.member.there().await?;
            let client = self.sessions.client().await?;
            match self.allocate(&client).await {
                Ok(Some(allocation)) => return Ok(allocation),
                Ok(None) => {}
                Err(PartitionError::Client(error)) if is_over(&error) => {
                    drop(self.sessions.after(&client).await?)
                }
                Err(PartitionError::Client(error)) if may_pass(&error) => patience.pause(&client).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Who takes part, as seen from here.
    pub fn workers(&self) -> Vec<String> {
        let mut workers: Vec<String> = self.party.members().into_iter().map(|member| member.id).collect();
        workers.sort_unstable();
        workers
    }

    /// Leaves the party.
    ///
    /// # Errors
    /// When the server does not know of it: then it is left when the session ends.
    pub async fn close(self) -> Result<(), PartitionError> {
        Ok(self.member.close().await?)
    }

    /// Nothing if the party changed meanwhile.
    async fn allocate(&self, client: &Client) -> Result<Option<Allocation>, PartitionError> {
        let Some(Party { workers, changes }) = self.settled(client).await? else { return Ok(None) };
        let Some(at) = workers.iter().position(|worker| *worker == self.worker) else { return Ok(None) };
        let share: Vec<String> = self.partitions.iter().skip(at).step_by(workers.len()).cloned().collect();
        let claims: Vec<Claim> =
            share.iter().map(|name| Claim::new(client, paths::child(&self.locks, name))).collect();
        let mut revocation =
            Revocation { client: client.clone(), party: self.party.clone(), workers, changes };
        let held = join_all(claims.iter().map(Claim::hold));
        let held = tokio::select! {
            biased;
            () = revocation.happens() => None,
            held = held => Some(held),
        };
        let Some(held) = held else {
            join_all(claims.into_iter().map(Claim::give_up)).await;
            return Ok(None);
        };
        held.into_iter().collect::<Result<Vec<()>, Error>>()?;
        let epoch = client.sync(&self.locks).await?;
        Ok(Some(Allocation { partitions: share, claims, revocation, epoch }))
    }

    /// The party, once it has been the same for long enough; nothing if the session did not last so long.
    async fn settled(&self, client: &Client) -> Result<Option<Party>, PartitionError> {
        loop {
            let mut changes = self.party.changes();
            let workers = self.workers();
            let left = client.runtime().clock.sleep(self.settle);
            tokio::pin!(left);
            loop {
                tokio::select! {
                    biased;
                    change = changes.next() => match change {
                        None => return Err(self.party.failure().expect("what has ended says why").into()),
                        Some(_) if self.workers() != workers => break,
                        Some(_) => {}
                    },
                    () = client.lapsed() => return Ok(None),
                    () = &mut left => return Ok(Some(Party { workers, changes })),
                }
            }
        }
    }
}

/// A party that has settled, and what will tell that it has changed.
struct Party {
    workers: Vec<String>,
    changes: Changes,
}

/// The partitions that a worker has. Stop working on them when it is revoked, and then release or drop it: then others can
/// have them.
pub struct Allocation {
    partitions: Vec<String>,
    claims: Vec<Claim>,
    revocation: Revocation,
    epoch: i64,
}

impl Allocation {
    /// The partitions, in their byte order.
    pub fn partitions(&self) -> &[String] {
        &self.partitions
    }

    /// A number that is higher than that of every allocation of the same partitions that was revoked before this was made.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Completes when work has to stop: the party has changed, or it is not certain any more that the claims are held.
    pub async fn revoked(&mut self) {
        self.revocation.happens().await;
    }

    /// Gives the partitions up. Done when others can have them, or will when the session ends.
    pub async fn release(self) {
        join_all(self.claims.into_iter().map(Claim::give_up)).await;
    }
}

/// What ends an allocation.
struct Revocation {
    client: Client,
    party: Group,
    workers: Vec<String>,
    changes: Changes,
}

impl Revocation {
    async fn happens(&mut self) {
        let Self { client, party, workers, changes } = self;
        let changed = async {
            loop {
                let mut present: Vec<String> = party.members().into_iter().map(|member| member.id).collect();
                present.sort_unstable();
                if present != *workers || changes.next().await.is_none() {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            () = client.lapsed() => {}
            () = changed => {}
        }
    }
}
