//! Asks shards one thing after another.

use bytes::Bytes;
use shards::{Event, Link};
use streams::{ConsumerId, Delivery, Op, Outcome, PartitionId};

use crate::serve::Server;

/// Nobody knows what came of it.
#[derive(Debug, thiserror::Error)]
#[error("the node was cut off, or far behind")]
pub(crate) struct Interrupted;

/// A connection of the node's own.
pub(crate) struct Courier {
    link: Link,
    events: Vec<Event>,
}

impl Server {
    /// A connection of the node's own, while the node has a session.
    pub(crate) fn courier(&self) -> Result<Courier, Interrupted> {
        self.shards.connect().map(Courier::new).ok_or(Interrupted)
    }
}

impl Courier {
    pub(crate) fn new(link: Link) -> Self {
        Self { link, events: Vec::new() }
    }

    /// What comes of operations on a shard.
    pub(crate) async fn ask(&mut self, shard: u32, ops: Vec<Op>) -> Result<Vec<Outcome>, Interrupted> {
        self.link.room().await;
        let asked = self.link.submit(shard, ops);
        loop {
            self.link.woken().await;
            self.link.take(&mut self.events).await.map_err(|_| Interrupted)?;
            for event in self.events.drain(..) {
                match event {
                    Event::Outcomes { ticket, outcomes } if ticket == asked => return Ok(outcomes),
                    Event::Lost { .. } | Event::Over => return Err(Interrupted),
                    _ => {}
                }
            }
        }
    }

    /// A consumer that nobody else is.
    pub(crate) fn consumer(&self) -> ConsumerId {
        self.link.consumer()
    }

    /// Has a consumer take what is ready, at most so many frames. They come in the order in which they were taken. An outcome a
    /// take tells how many were left. Never completes if the partition goes while frames are on their way.
    pub(crate) async fn take(
        &mut self,
        shard: u32,
        partition: PartitionId,
        consumer: ConsumerId,
        count: usize,
    ) -> Result<(Vec<Outcome>, Vec<(Delivery, Bytes)>), Interrupted> {
        self.link.room().await;
        let take = || Op::Take { partition, consumer, settle: false };
        let asked = self.link.submit(shard, std::iter::repeat_with(take).take(count).collect());
        let (mut told, mut taken): (Option<Vec<Outcome>>, _) = (None, Vec::new());
        loop {
            if let Some(outcomes) = told.take_if(|told| is_all(told, taken.len())) {
                return Ok((outcomes, taken));
            }
            self.link.woken().await;
            self.link.take(&mut self.events).await.map_err(|_| Interrupted)?;
            for event in self.events.drain(..) {
                match event {
                    Event::Outcomes { ticket, outcomes } if ticket == asked => told = Some(outcomes),
                    Event::Deliver { delivery, frame, .. } => taken.push((delivery, frame)),
                    Event::Lost { .. } | Event::Over => return Err(Interrupted),
                    _ => {}
                }
            }
        }
    }
}

/// Whether as many frames have come as were taken.
fn is_all(outcomes: &[Outcome], came: usize) -> bool {
    let taken = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Taken(Some(_), _)));
    taken.count() == came
}
