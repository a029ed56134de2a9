//! A connection's handle on the data plane.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use streams::{Command, ConsumerId, Delivery, GroupId, Op, Owner, PartitionId};
use thiserror::Error;

use crate::event::{Event, Waiting};
use crate::mailbox::Mailbox;
use crate::plane::Shards;

/// Bytes of frames that [`Link::take`] hands out at a time, one frame at least.
const TAKEN_BYTES_MAX: usize = 1 << 20;

/// One connection. Dropping it releases its consumers: what they hold goes back to its places.
pub struct Link {
    plane: Arc<Shards>,
    mailbox: Arc<Mailbox>,
    owner: Owner,
    /// Its consumers that may hold something.
    consumers: BTreeMap<ConsumerId, (u32, Source)>,
    last_ticket: u64,
    /// Taken out of the mailbox and not handed out yet.
    backlog: VecDeque<Waiting>,
}

/// What a consumer consumes from.
#[derive(Clone, Copy)]
enum Source {
    Partition(PartitionId),
    Group(GroupId),
}

impl Source {
    /// Of an operation after which a consumer may get something.
    fn of(op: &Op) -> Option<(ConsumerId, Self)> {
        match op {
            Op::Attach { partition, consumer, .. } | Op::Take { partition, consumer, .. } => {
                Some((*consumer, Source::Partition(*partition)))
            }
            Op::Subscribe { group, consumer, .. } => Some((*consumer, Source::Group(*group))),
            _ => None,
        }
    }

    fn release(self, consumer: ConsumerId) -> Op {
        match self {
            Source::Partition(partition) => Op::Release { partition, consumer },
            Source::Group(group) => Op::Unsubscribe { group, consumer, release: true },
        }
    }
}

/// A frame that was accepted can't be read here: this node's disk lies, and the node must not go on.
#[derive(Debug, Error)]
#[error("shard {shard}, partition {partition}: a frame can't be read: {why}")]
pub struct Unreadable {
    shard: u32,
    partition: u64,
    why: segments::ReadError,
}

impl Link {
    pub(crate) fn new(plane: Arc<Shards>, owner: Owner) -> Self {
        Self {
            plane,
            mailbox: Arc::default(),
            owner,
            consumers: BTreeMap::new(),
            last_ticket: 0,
            backlog: VecDeque::new(),
        }
    }

    /// A consumer that nobody else is. It belongs to one partition or group: the first that it is used with; and it ends with the session
    /// that the node had when the connection began: if that has ended already, the connection is told so when it uses it.
    pub fn consumer(&self) -> ConsumerId {
        ConsumerId { owner: self.owner, number: self.plane.locals().next() }
    }

    /// Submits operations to a shard, to be applied together and in this order, and returns their ticket: the number of this
    /// connection's submission, from 1. Never waits: wait for [`Link::room`] before taking more from a client.
    ///
    /// A frame that is taken with [`Op::Take`] must be settled by an operation of its own: settled at once, its bytes may be
    /// gone before they are read.
    ///
    /// # Panics
    /// If there is no such shard: shards come from the catalog, which knows how many there are.
    pub fn submit(&mut self, shard: u32, ops: Vec<Op>) -> u64 {
        let replica =
            self.plane.replica(shard).expect("the catalog places partitions on shards that there are");
        for op in &ops {
            if let Some((consumer, source)) = Source::of(op)
                && self.consumers.insert(consumer, (shard, source)).is_none()
            {
                self.plane.locals().insert(consumer, shard, &self.mailbox);
                // After that, so that either this or the one who follows the session sees its end.
                if !self.plane.is_owner(consumer.owner) {
                    self.mailbox.end();
                }
            }
        }
        self.last_ticket += 1;
        replica.propose(&Command { ops }, Some((Arc::clone(&self.mailbox), self.last_ticket)));
        self.last_ticket
    }

    /// A consumer that holds nothing any more and is detached: it is forgotten without a word to its shard.
    pub fn forget(&mut self, consumer: ConsumerId) {
        self.consumers.remove(&consumer);
        self.plane.locals().remove(consumer);
    }

    /// Whether a shard takes no more now.
    pub fn is_full(&self) -> bool {
        (1..=self.plane.shard_count()).any(|shard| self.plane.replica(shard).is_some_and(|it| it.is_full()))
    }

    /// Whether a shard's disk is so far behind its log that those who publish should wait.
    pub fn is_crowded(&self) -> bool {
        (1..=self.plane.shard_count())
            .any(|shard| self.plane.replica(shard).is_some_and(|it| it.is_crowded()))
    }

    /// Completes when all shards take more.
    pub async fn room(&self) {
        for shard in 1..=self.plane.shard_count() {
            if let Some(replica) = self.plane.replica(shard) {
                replica.room().await;
            }
        }
    }

    /// Completes when there is something to take. One task at a time.
    pub async fn woken(&self) {
        if self.backlog.is_empty() {
            self.mailbox.filled().await;
        }
    }

    /// Takes what waits: all of it, or as much as about a megabyte of frames come with. Reads frames that have left memory.
    ///
    /// # Errors
    /// When a frame can't be read; the node is told to stop.
    pub async fn take(&mut self, into: &mut Vec<Event>) -> Result<(), Unreadable> {
        self.mailbox.take(&mut self.backlog);
        let mut bytes = 0;
        while bytes < TAKEN_BYTES_MAX {
            match self.backlog.pop_front() {
                None => return Ok(()),
                Some(Waiting::Ready(event)) => {
                    if let Event::Deliver { frame, .. } = &event {
                        bytes += frame.len();
                    }
                    into.push(event);
                }
                Some(Waiting::Unread { shard, consumer, delivery }) => {
                    bytes += self.read_run(shard, consumer, delivery, into).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads a frame and those behind it in the backlog that come from the same partition.
    async fn read_run(
        &mut self,
        shard: u32,
        consumer: ConsumerId,
        first: Delivery,
        into: &mut Vec<Event>,
    ) -> Result<usize, Unreadable> {
        let partition = first.partition;
        let mut run = vec![(consumer, first)];
        run.extend(self.backlog.iter().map_while(|waiting| match waiting {
            Waiting::Unread { shard: of, consumer, delivery }
                if *of == shard && delivery.partition == partition =>
            {
                Some((*consumer, *delivery))
            }
            _ => None,
        }));
        let offsets: Vec<u64> = run.iter().map(|(_, delivery)| delivery.offset.0).collect();
        let replica = self.plane.replica(shard).expect("what is delivered comes from a shard");
        let read = replica.frames().read(partition.0, &offsets, TAKEN_BYTES_MAX).await;
        let read = read.map_err(|why| {
            self.plane.fail(&why);
            Unreadable { shard, partition: partition.0, why }
        })?;
        let bytes: usize = read.iter().map(|(_, frame)| frame.len()).sum();
        // Up to where it came. A frame that is not there any more went with its partition.
        let last = read.last().filter(|_| bytes >= TAKEN_BYTES_MAX).map(|(offset, _)| *offset);
        let place = last.and_then(|last| offsets.iter().rposition(|offset| *offset == last));
        let reached = place.map_or(run.len(), |place| place + 1);
        let mut frames = read.into_iter().peekable();
        for (consumer, delivery) in run.drain(..reached) {
            if let Some((_, frame)) = frames.next_if(|(offset, _)| *offset == delivery.offset.0) {
                into.push(Event::Deliver { consumer, delivery, frame });
            }
        }
        // The first of the run had left the backlog already.
        self.backlog.drain(..reached.saturating_sub(1));
        Ok(bytes)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.mailbox.abandon();
        let mut releases: BTreeMap<u32, Vec<Op>> = BTreeMap::new();
        for (&consumer, &(shard, source)) in &self.consumers {
            self.plane.locals().remove(consumer);
            releases.entry(shard).or_default().push(source.release(consumer));
        }
        for (shard, ops) in releases {
            if let Some(replica) = self.plane.replica(shard) {
                replica.propose(&Command { ops }, None);
            }
        }
    }
}
