//! Meeting to exchange values.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use client::{Acl, Client, CreateMode, Effect, Error, ErrorKind, Transaction};
use thiserror::Error;

use crate::contend::{MEETINGS, NodeNaming, Staking, contenders, pause, persist};
use crate::paths::child;

/// A place where so many parties meet, once, and each learns the value of each: the rendezvous of the ZooKeeper recipes, for any number.
///
/// Parties are ephemeral znodes `P/_c_<uuid>-party-<number>` with their values as data. Who sees that enough are there writes down who met and with what values in
/// `P/met`, in one transaction with a check that all of them are still there. So all learn the same, in the order in which they came; a party that died before is not
/// among them; and one that dies later was there. There is no counterpart in Curator or kazoo.
///
/// `P/met` stays: late-comers learn from it that they were not there. Delete it to meet again.
#[derive(Clone)]
pub struct Rendezvous {
    staking: Staking,
    parties: usize,
}

/// Who met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meeting {
    /// The values, in the order in which the parties came.
    pub values: Vec<Bytes>,
    /// Which of them is this party's.
    pub own: usize,
}

/// Why parties did not meet.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RendezvousError {
    /// The session is over, or the server refuses.
    #[error("{0}")]
    Client(#[from] Error),
    /// Enough others had met before; nothing was exchanged with this party.
    #[error("enough others have met at {path} already; delete it to meet again")]
    Late {
        /// Where that is noted.
        path: Arc<str>,
    },
    /// What is noted of the meeting makes no sense.
    #[error("{path} is no record of a meeting; is the path used for something else?")]
    Damaged {
        /// Where.
        path: Arc<str>,
    },
    /// Somebody deleted the znode of this party.
    #[error("somebody deleted {path}, by which this party waited")]
    Removed {
        /// The znode.
        path: Arc<str>,
    },
}

impl Rendezvous {
    /// The meeting of so many parties, 1 or more, at `path`. All must be told the same number.
    pub fn new(client: &Client, path: &str, parties: usize) -> Self {
        let staking = Staking {
            client: client.clone(),
            parent: path.into(),
            naming: NodeNaming::Curator,
            data: Arc::from([]),
            acl: Acl::open().into(),
        };
        Self { staking, parties: parties.max(1) }
    }

    /// Brings `value`, and waits until enough parties are there. If the future is dropped, this party is not there any more, unless
    /// they have met just then. All values together must fit into one znode, which by default has a megabyte.
    ///
    /// # Errors
    /// When the session is over, the server refuses, enough others have met before, or somebody deletes the znode of this party.
    pub async fn meet(&self, value: &[u8]) -> Result<Meeting, RendezvousError> {
        let client = &self.staking.client;
        let met: Arc<str> = child(&self.staking.parent, "met").into();
        let staking = Staking { data: value.into(), ..self.staking.clone() };
        let own = staking.stake(MEETINGS[0]).await?;
        loop {
            let (stat, created) = persist(client, || client.exists_and_watch(&met)).await?;
            if stat.is_some() {
                return read(client, &met, own.name()).await;
            }
            let ((children, _), changed) =
                persist(client, || client.children_and_watch(&staking.parent)).await?;
            let present: Vec<&str> = contenders(&children, MEETINGS).iter().map(|party| party.name).collect();
            if !present.contains(&own.name()) && !children.iter().any(|name| name == "met") {
                return Err(RendezvousError::Removed { path: own.path().into() });
            }
            if let Some(present) = present.get(..self.parties) {
                self.write_down(&met, present).await?;
                continue;
            }
            tokio::select! {
                biased;
                _ = created.fired() => {}
                _ = changed.fired() => {}
            }
        }
    }

    /// Notes who met, if they are all still there and nobody else has.
    async fn write_down(&self, met: &str, present: &[&str]) -> Result<(), Error> {
        let client = &self.staking.client;
        let mut record = BytesMut::new();
        let mut transaction = Transaction::new();
        for name in present {
            let path = child(&self.staking.parent, name);
            let node = match persist(client, || client.get(&path)).await {
                Ok(node) => node,
                // It has gone; look who is there.
                Err(error) if error.kind == ErrorKind::NoNode => return Ok(()),
                Err(error) => return Err(error),
            };
            transaction.check(&path, node.stat.version);
            put(&mut record, name.as_bytes());
            put(&mut record, node.data.as_deref().unwrap_or_default());
        }
        transaction.create(met, Some(&record), &self.staking.acl, CreateMode::Persistent);
        match client.multi(&transaction).await {
            Ok(_) => Ok(()),
            // Somebody went, or was quicker. What may have happened is looked for by the caller.
            Err(error)
                if matches!(
                    error.kind,
                    ErrorKind::NoNode | ErrorKind::NodeExists | ErrorKind::BadVersion
                ) =>
            {
                Ok(())
            }
            Err(error) if error.is_passing() => {
                if error.effect == Effect::None {
                    pause(client).await;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

async fn read(client: &Client, met: &Arc<str>, own: &str) -> Result<Meeting, RendezvousError> {
    let node = persist(client, || client.get(met)).await?;
    let damaged = || RendezvousError::Damaged { path: Arc::clone(met) };
    let mut record = node.data.unwrap_or_default();
    let (mut values, mut place) = (Vec::new(), None);
    while record.has_remaining() {
        let name = take(&mut record).ok_or_else(damaged)?;
        if name == own.as_bytes() {
            place = Some(values.len());
        }
        values.push(take(&mut record).ok_or_else(damaged)?);
    }
    let own = place.ok_or_else(|| RendezvousError::Late { path: Arc::clone(met) })?;
    Ok(Meeting { values, own })
}

/// The record has, for each party, its name and its value, each as its length in 4 bytes, the highest first, and its bytes.
fn put(record: &mut BytesMut, bytes: &[u8]) {
    record.put_u32(u32::try_from(bytes.len()).expect("no znode has 4 GiB"));
    record.put_slice(bytes);
}

fn take(record: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(record.try_get_u32().ok()?).ok()?;
    (length <= record.len()).then(|| record.split_to(length))
}
