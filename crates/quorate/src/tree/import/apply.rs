//! Writes what a round needs, in transactions that are all sent before the first is answered.

use client::{Client, Error, Transaction};
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt};

use super::plan::{Action, Planned};
use super::round::{Round, Wanted};

/// A transaction ends with so many parts, or before so many bytes. Servers take requests of a little less than 1 MiB.
const PARTS_MAX: usize = 128;
const BYTES_MAX: usize = 256 << 10;

type Writes<'a> = FuturesOrdered<BoxFuture<'a, Result<(), Error>>>;

/// Writes in the order of the round: requests of one client take effect in the order in which they are made.
///
/// # Errors
/// The first that failed. Others, before and behind, may have taken effect.
pub(super) async fn write(client: &Client, round: &Round, planned: &[Planned]) -> Result<(), Error> {
    let mut writes = Writes::new();
    let mut batch = Batch::default();
    for (wanted, planned) in round.wanted.iter().zip(planned) {
        let (version, aversion) = match planned.action {
            Action::Same | Action::Conflict => continue,
            Action::Create => (None, None),
            Action::Change { version, aversion } => (version, aversion),
        };
        if planned.action == Action::Create || version.is_some() {
            if !batch.has_room(wanted) {
                batch.send(client, &mut writes);
            }
            batch.push(wanted, version);
        }
        if let Some(aversion) = aversion {
            // No transaction takes it.
            batch.send(client, &mut writes);
            writes.push_back(Box::pin(async move {
                client.set_acl(&wanted.path, &wanted.acl, aversion).await.map(drop)
            }));
        }
    }
    batch.send(client, &mut writes);
    let mut outcome = Ok(());
    while let Some(write) = writes.next().await {
        // What follows a failure fails because of it.
        outcome = outcome.and(write);
    }
    outcome
}

#[derive(Default)]
struct Batch<'a> {
    parts: Vec<(&'a Wanted, Option<i32>)>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn has_room(&self, wanted: &Wanted) -> bool {
        self.parts.is_empty() || (self.parts.len() < PARTS_MAX && self.bytes + wanted.bytes() <= BYTES_MAX)
    }

    /// With a version it is set, without one created.
    fn push(&mut self, wanted: &'a Wanted, version: Option<i32>) {
        self.bytes += wanted.bytes();
        self.parts.push((wanted, version));
    }

    fn send<'b>(&mut self, client: &'b Client, writes: &mut Writes<'b>)
    where
        'a: 'b,
    {
        let Batch { parts, .. } = std::mem::take(self);
        match parts[..] {
            [] => {}
            // A znode of nearly the largest size leaves no room for what a transaction adds.
            [(wanted, version)] => writes.push_back(Box::pin(alone(client, wanted, version))),
            _ => writes.push_back(Box::pin(async move {
                let mut transaction = Transaction::new();
                for (wanted, version) in parts {
                    match version {
                        None => {
                            transaction.create(&wanted.path, wanted.data.as_deref(), &wanted.acl, wanted.mode)
                        }
                        Some(version) => transaction.set(&wanted.path, wanted.data.as_deref(), version),
                    };
                }
                client.multi(&transaction).await.map(drop)
            })),
        }
    }
}

async fn alone(client: &Client, wanted: &Wanted, version: Option<i32>) -> Result<(), Error> {
    let data = wanted.data.as_deref();
    match version {
        None => client.create(&wanted.path, data, &wanted.acl, wanted.mode).await.map(drop),
        Some(version) => client.set(&wanted.path, data, version).await.map(drop),
    }
}
