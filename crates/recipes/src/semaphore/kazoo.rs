//! A lease as kazoo's `Semaphore` makes it.

use std::sync::Arc;

use client::{AnyVersion, CreateMode, Effect, Error, ErrorKind, PartAnswer, Transaction};

use super::{Semaphore, SemaphoreError};
use crate::contend::{Claim, Held, create_persistent, pause, persist};
use crate::lock::{Guard, Lock, Naming};
use crate::paths::child;
use crate::unique;

pub(super) async fn acquire(semaphore: &Semaphore) -> Result<Held, SemaphoreError> {
    let client = &semaphore.client;
    prepare(semaphore).await?;
    let lock = Lock::new(client, &format!("{}-__lock__", semaphore.path)).named(Naming::Kazoo);
    let lock = lock.with_data(&semaphore.data).with_acl(&semaphore.acl);
    loop {
        let turn = lock.acquire().await?;
        if let Some(claim) = take(semaphore, &turn).await? {
            return Ok(Held::by(claim));
        }
        // The turn was lost before a lease was free: wait for another.
    }
}

/// Waits for a lease and takes it; `None` if it is no longer this client's turn.
async fn take(semaphore: &Semaphore, turn: &Guard) -> Result<Option<Claim>, Error> {
    let (client, path) = (&semaphore.client, &semaphore.path);
    let name = unique::hex(&*client.runtime().entropy);
    let claim = Claim::named(client, path, &name);
    let mut transaction = Transaction::new();
    transaction.check(&turn.path(), AnyVersion).create(
        &child(path, &name),
        Some(&semaphore.data),
        &semaphore.acl,
        CreateMode::Ephemeral,
    );
    loop {
        let ((children, _), watch) = persist(client, || client.children_and_watch(path)).await?;
        if children.len() as u64 >= semaphore.leases {
            tokio::select! {
                biased;
                _ = turn.lost() => return Ok(None),
                _ = watch.fired() => continue,
            }
        }
        match client.multi(&transaction).await.as_deref() {
            Ok([_, PartAnswer::Created(path, stat)]) => return Ok(Some(claim.found(path, stat.czxid))),
            Ok(_) => unreachable!("a transaction is answered part by part"),
            // The lock's znode is gone.
            Err(error) if error.kind == ErrorKind::NoNode && error.part == Some(0) => return Ok(None),
            Err(error) if !error.is_passing() => return Err(error.clone()),
            Err(error) if error.effect == Effect::None => pause(client).await,
            Err(_) => {
                if let Some((path, czxid)) = claim.look().await? {
                    return Ok(Some(claim.found(&path, czxid)));
                }
            }
        }
    }
}

/// Makes the znode that has the leases, and compares what it says of their number.
async fn prepare(semaphore: &Semaphore) -> Result<(), SemaphoreError> {
    let (client, path) = (&semaphore.client, &semaphore.path);
    let node = match persist(client, || client.get(path)).await {
        Err(error) if error.kind == ErrorKind::NoNode => {
            create_persistent(client, path, semaphore.leases.to_string().as_bytes(), &semaphore.acl).await?;
            persist(client, || client.get(path)).await?
        }
        there => there?,
    };
    // As with kazoo, data that is no number is somebody else's affair.
    let there = std::str::from_utf8(&node.data.unwrap_or_default()).ok().and_then(|text| text.parse().ok());
    match there {
        Some(there) if there != semaphore.leases => {
            Err(SemaphoreError::OtherLimit { path: Arc::clone(path), there, asked: semaphore.leases })
        }
        _ => Ok(()),
    }
}
