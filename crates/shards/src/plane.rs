//! The data plane's parts, held together.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use streams::{ConsumerId, Owner, PartitionId, Stats};
use tokio::sync::SetOnce;
use tokio::sync::watch;

use crate::event::Waiting;
use crate::link::Link;
use crate::mailbox::Mailbox;
use crate::replica::Replica;

/// The data plane on one node. See the crate's documentation for the rules it keeps.
pub struct Shards {
    /// Shard 1 first.
    replicas: RwLock<Vec<Arc<Replica>>>,
    locals: Arc<Locals>,
    failure: SetOnce<String>,
}

/// The consumers whose connections are on this node.
pub(crate) struct Locals {
    /// To whom they belong, while there is somebody.
    owner: watch::Receiver<Option<Owner>>,
    consumers: Mutex<HashMap<ConsumerId, Local>>,
    next_consumer: AtomicU64,
}

struct Local {
    shard: u32,
    mailbox: Arc<Mailbox>,
}

impl Locals {
    fn new(owner: watch::Receiver<Option<Owner>>) -> Self {
        Self { owner, consumers: Mutex::default(), next_consumer: AtomicU64::new(0) }
    }

    /// To whom the consumers of this node belong now. Those that belong to somebody else are elsewhere, or about to end.
    pub(crate) fn owner(&self) -> Option<Owner> {
        *self.owner.borrow()
    }

    /// A consumer's number that this process gives only once.
    pub(crate) fn next(&self) -> u64 {
        self.next_consumer.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn insert(&self, consumer: ConsumerId, shard: u32, mailbox: &Arc<Mailbox>) {
        self.consumers.lock().insert(consumer, Local { shard, mailbox: Arc::clone(mailbox) });
    }

    pub(crate) fn remove(&self, consumer: ConsumerId) {
        self.consumers.lock().remove(&consumer);
    }

    /// Tells the consumers that are here what there is to tell, and drops what is for those that have just gone. Mailboxes to be woken go to `woken`.
    pub(crate) fn tell(&self, told: &mut Vec<(ConsumerId, Waiting)>, woken: &mut Vec<Arc<Mailbox>>) {
        if told.is_empty() {
            return;
        }
        let consumers = self.consumers.lock();
        let mut told = told.drain(..).peekable();
        while let Some((consumer, first)) = told.next() {
            let mut same = std::iter::from_fn(|| told.next_if(|(next, _)| *next == consumer));
            match consumers.get(&consumer) {
                Some(local) => {
                    let events = std::iter::once(first).chain(same.map(|(_, event)| event));
                    if local.mailbox.push(events) {
                        woken.push(Arc::clone(&local.mailbox));
                    }
                }
                None => drop(same.by_ref().count()),
            }
        }
    }

    /// Ends the connections of consumers for which `is_over` holds.
    pub(crate) fn end(&self, is_over: impl Fn(ConsumerId, u32) -> bool) {
        let mut ended = Vec::new();
        self.consumers.lock().retain(|consumer, local| {
            let over = is_over(*consumer, local.shard);
            if over {
                ended.push(Arc::clone(&local.mailbox));
            }
            !over
        });
        ended.iter().for_each(|mailbox| mailbox.end());
    }
}

impl Shards {
    /// A data plane whose consumers belong to `owner`: the node's session in the control plane, while it lives. It serves those
    /// shards whose replicas it was given by [`Shards::add`].
    pub fn new(owner: watch::Receiver<Option<Owner>>) -> Arc<Self> {
        let locals = Arc::new(Locals::new(owner));
        Arc::new(Self { replicas: RwLock::default(), locals, failure: SetOnce::new() })
    }

    /// Serves a shard from now on: the next one, from 1.
    ///
    /// # Panics
    /// If it is not the next one, or not started.
    pub fn add(&self, replica: Arc<Replica>) {
        let _started = replica.log();
        let mut replicas = self.replicas.write();
        assert_eq!(replica.shard() as usize, replicas.len() + 1, "shards are added in their order");
        replica.serve(Arc::clone(&self.locals));
        replicas.push(replica);
    }

    /// Ends connections with consumers when the node's session ends. Runs for as long as the node does.
    pub async fn follow_owner(&self) {
        let mut owner = self.locals.owner.clone();
        loop {
            let now = *owner.borrow_and_update();
            self.locals.end(|consumer, _| Some(consumer.owner) != now);
            if owner.changed().await.is_err() {
                return;
            }
        }
    }

    /// A connection's way in. `None` while the node has no session, and so its consumers would have no owner: it is just
    /// starting, or is cut off.
    pub fn connect(self: &Arc<Self>) -> Option<Link> {
        Some(Link::new(Arc::clone(self), self.locals.owner()?))
    }

    /// Whether consumers that belong to it are looked after: it is the session that the node has now.
    pub(crate) fn is_owner(&self, owner: Owner) -> bool {
        self.locals.owner() == Some(owner)
    }

    /// How many shards there are: 1 to this number. 0 before it serves.
    pub fn shard_count(&self) -> u32 {
        self.replicas.read().len() as u32
    }

    /// This node's replica of a shard.
    pub fn replica(&self, shard: u32) -> Option<Arc<Replica>> {
        self.replicas.read().get((shard as usize).checked_sub(1)?).map(Arc::clone)
    }

    /// What a partition holds, as far as this replica has applied.
    pub fn stats(&self, shard: u32, partition: PartitionId) -> Option<Stats> {
        self.replica(shard)?.stats(partition)
    }

    /// Completes when the data plane can't go on, and says why: a frame that was accepted can't be read.
    pub async fn failed(&self) -> String {
        self.failure.wait().await.clone()
    }

    pub(crate) fn fail(&self, why: &segments::ReadError) {
        let _earlier_failure = self.failure.set(format!("a frame can't be read: {why}"));
    }

    pub(crate) fn locals(&self) -> &Locals {
        &self.locals
    }
}
