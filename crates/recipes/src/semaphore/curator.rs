//! A lease as Curator's `InterProcessSemaphoreV2` makes it.
//!
//! Whoever has the lock creates the znode of its lease and holds the lock on until there are no more such znodes than leases. So
//! at most one znode is there that is no lease yet. Were the lock lost, there could be more of them, but never too many leases: each
//! counts all that were created before it.

use std::sync::Arc;

use super::Semaphore;
use crate::contend::{AcquireError, Claim, Held, LEASES, NodeNaming, Staking, persist};
use crate::lock::Lock;
use crate::paths::child;

pub(super) async fn acquire(semaphore: &Semaphore) -> Result<Held, AcquireError> {
    let client = &semaphore.client;
    let lock = Lock::new(client, &child(&semaphore.path, "locks")).with_acl(&semaphore.acl);
    let turn = lock.acquire().await?;
    let staking = Staking {
        client: client.clone(),
        parent: child(&semaphore.path, "leases").into(),
        naming: NodeNaming::Curator,
        data: Arc::clone(&semaphore.data),
        acl: Arc::clone(&semaphore.acl),
    };
    let claim = staking.stake(LEASES[0]).await?;
    while !is_given(&claim, semaphore.leases).await? {}
    // Nothing depends on when it is the next one's turn.
    drop(turn);
    Ok(Held::by(claim))
}

/// Whether the claim is a lease; waits for a change if not.
async fn is_given(claim: &Claim, leases: u64) -> Result<bool, AcquireError> {
    let client = claim.client();
    let ((children, _), watch) = persist(client, || client.children_and_watch(claim.parent())).await?;
    if !children.iter().any(|child| child == claim.name()) {
        return Err(AcquireError::Removed { path: claim.path().into() });
    }
    if children.len() as u64 > leases {
        // Without an event the session is over, which the next request tells.
        drop(watch.fired().await);
        return Ok(false);
    }
    if client.lives_until() <= client.runtime().clock.now() {
        persist(client, || client.sync(claim.parent())).await?;
        return Ok(false);
    }
    Ok(true)
}
