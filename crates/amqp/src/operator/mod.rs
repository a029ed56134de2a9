//! What operators do with queues, without an AMQP connection of their own: over HTTP, or on the command line.
//!
//! Whether they may is for the caller to say.

mod get;
mod peek;
mod post;

use std::sync::Arc;

use catalog::{CatalogError, Declared, Deletion, Name, Queue, QueueSpec};
use streams::{Op, Outcome};
use thiserror::Error;

pub use self::get::{AfterGet, Got};
pub use self::peek::Peeked;
pub use self::post::Post;
use crate::broker::partitions;
use crate::caretaker::courier::Interrupted;
use crate::serve::Server;

/// No connection has this number: they are counted from 1.
const NO_CONNECTION: u64 = 0;

/// Why it was not done.
#[derive(Debug, Error)]
pub enum OperatorError {
    /// It can not be done with what exists.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The message can not be published.
    #[error("{0}")]
    BadMessage(String),
    /// A queue has no room.
    #[error("a queue is full and takes no more; the message is in those queues that had room")]
    Full,
    /// Messages go to the consumer that was chosen for the queue, or for their partition.
    #[error(
        "messages of this queue go to its single active consumer only, or to one for each partition; peek shows them"
    )]
    SingleActive,
    /// Nobody knows what came of it.
    #[error("it is not known whether it was done; the node was cut off, or far behind; try again")]
    Unknown,
    /// A frame can not be read.
    #[error(transparent)]
    Unreadable(#[from] segments::ReadError),
    /// A queue has what this version does not know.
    #[error(transparent)]
    Damaged(#[from] crate::message::DamagedMessage),
}

impl From<Interrupted> for OperatorError {
    fn from(_: Interrupted) -> Self {
        OperatorError::Unknown
    }
}

impl Server {
    /// Makes a queue, or finds it as it is wanted.
    ///
    /// # Errors
    /// Those of [`catalog::Catalog::declare_queue`]; [`OperatorError::Unknown`].
    pub async fn declare(
        &self,
        vhost: &Name,
        name: &Name,
        spec: &QueueSpec,
    ) -> Result<Declared<Arc<Queue>>, OperatorError> {
        let declared = self.catalog.declare_queue(vhost, name, spec, NO_CONNECTION).await?;
        let create = self.create(&declared.value)?;
        self.courier()?.ask(declared.value.shard, vec![create]).await?;
        Ok(declared)
    }

    /// Deletes a queue with what is in it, and says how many messages that were.
    ///
    /// # Errors
    /// [`CatalogError::InUse`], [`CatalogError::NotEmpty`]; [`OperatorError::Unknown`].
    pub async fn delete(&self, queue: &Queue, if_unused: bool, if_empty: bool) -> Result<u64, OperatorError> {
        let mut courier = self.courier()?;
        let delete = partitions::delete(queue, if_unused, if_empty);
        let outcomes = courier.ask(queue.shard, vec![delete]).await?;
        let messages = match outcomes[..] {
            [Outcome::Deleted(messages)] => messages,
            [Outcome::NotUnused] => return Err(CatalogError::InUse(queue.resource()).into()),
            [Outcome::NotEmpty] => return Err(CatalogError::NotEmpty(queue.resource()).into()),
            // It was not made yet, or somebody else deletes it.
            _ => 0,
        };
        self.catalog.delete_queue(&queue.vhost, &queue.name, Deletion::ById(queue.id), None).await?;
        // Somebody may have published in between, and made it again.
        courier.ask(queue.shard, vec![partitions::delete(queue, false, false)]).await?;
        Ok(messages)
    }

    /// Deletes a virtual host with everything in it.
    ///
    /// # Errors
    /// Those of [`catalog::Catalog::delete_vhost`]; [`OperatorError::Unknown`].
    pub async fn delete_vhost(&self, vhost: &Name) -> Result<(), OperatorError> {
        let queues = self.catalog.delete_vhost(vhost).await?;
        let mut courier = self.courier()?;
        for queue in queues {
            courier.ask(queue.shard, vec![partitions::delete(&queue, false, false)]).await?;
        }
        Ok(())
    }

    /// Drops what is ready in a queue, and says how many messages that were.
    ///
    /// # Errors
    /// [`OperatorError::Unknown`].
    pub async fn purge(&self, queue: &Queue) -> Result<u64, OperatorError> {
        let outcomes = self.courier()?.ask(queue.shard, partitions::purge(queue)).await?;
        let purged = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Purged(messages) => messages,
            _ => 0,
        });
        Ok(purged.sum())
    }

    /// What makes the partitions of a queue.
    fn create(&self, queue: &Queue) -> Result<Op, CatalogError> {
        let topology = self.catalog.topology();
        let vhost = topology.vhost(&queue.vhost).ok_or_else(|| CatalogError::NoVhost(queue.vhost.clone()))?;
        Ok(partitions::create(vhost, queue))
    }
}
