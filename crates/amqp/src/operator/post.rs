//! A message published without a connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use amqp091::Body;
use bytes::{Bytes, BytesMut};
use catalog::{CatalogError, Queue, Resource, Routed, Vhost};
use streams::{Op, Outcome, PartitionId};

use super::OperatorError;
use crate::message::{Publication, Target, head_bytes, put};
use crate::serve::Server;

/// A message to be published.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// The user in whose name; what the property `user_id` says must be the same.
    pub user: &'a str,
    /// The exchange; empty: the default one.
    pub exchange: &'a [u8],
    /// The routing key; at most 255 bytes.
    pub key: &'a [u8],
    /// Flags and values, as [`amqp091::Properties::encode`] writes them.
    pub properties: &'a Bytes,
    /// The body.
    pub body: &'a Bytes,
}

impl Server {
    /// Publishes a message, and says whether it found a queue. It is safe in all that it found when this returns.
    ///
    /// # Errors
    /// [`OperatorError::BadMessage`], [`OperatorError::Full`], [`OperatorError::Unknown`]; [`CatalogError::NotFound`].
    pub async fn post(&self, vhost: &Vhost, post: Post<'_>) -> Result<bool, OperatorError> {
        self.metrics.published.add(1);
        let publication = self.read(&post)?;
        let mut routed = Routed::default();
        let message = catalog::Message {
            key: post.key,
            more_keys: &publication.more_keys,
            headers: publication.headers.unwrap_or_default(),
            message_id: publication.read.message_id.map(|id| id.as_bytes()),
            correlation_id: publication.read.correlation_id.map(|id| id.as_bytes()),
            timestamp: publication.read.timestamp,
            chance: self.runtime.entropy.next_u64(),
        };
        if !vhost.route(post.exchange, &message, &mut routed) {
            let exchange = Resource::exchange(vhost.name.clone(), post.exchange);
            return Err(CatalogError::NotFound(exchange).into());
        }
        let delay_ms = if routed.is_delayed() { publication.delay_ms() } else { 0 };
        let frame = frame(&post, &publication);
        let append = |queue: &Queue| Op::Append {
            partition: PartitionId(queue.partition_of(&message)),
            frame: frame.clone(),
            priority: publication.priority.unwrap_or(0),
            ttl_ms: publication.ttl_ms,
            delay_ms,
            stamp: publication.stamp,
        };
        self.append(routed.queues(), append).await?;
        let is_routed = !routed.queues().is_empty();
        self.metrics.unroutable.add(usize::from(!is_routed));
        Ok(is_routed)
    }

    fn read<'p>(&self, post: &Post<'p>) -> Result<Publication<'p>, OperatorError> {
        if post.key.len() > amqp091::SHORT_BYTES_MAX {
            return Err(OperatorError::BadMessage("a routing key has at most 255 bytes".into()));
        }
        let (size, max) = (post.body.len() as u64, self.config.message_bytes_max);
        if size > max {
            let text = format!("message size {size} is larger than configured max size {max}");
            return Err(OperatorError::BadMessage(text));
        }
        Publication::read(post.properties, post.user, false)
            .map_err(|fault| OperatorError::BadMessage(fault.reply_text()))
    }

    async fn append(
        &self,
        queues: &[Arc<Queue>],
        append: impl Fn(&Queue) -> Op,
    ) -> Result<(), OperatorError> {
        let mut courier = self.courier()?;
        let mut is_full = false;
        let mut by_shard: BTreeMap<u32, Vec<&Arc<Queue>>> = BTreeMap::new();
        for queue in queues {
            by_shard.entry(queue.shard).or_default().push(queue);
        }
        for (shard, queues) in by_shard {
            let ops = queues.iter().map(|queue| append(queue)).collect();
            let outcomes = courier.ask(shard, ops).await?;
            is_full |= outcomes.contains(&Outcome::Refused);
            let new = queues.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::NoPartition);
            for (queue, _) in new {
                // It is in the catalog before its partition is on its shard; unless it was deleted meanwhile.
                if self.catalog.topology().queue_by_id(queue.id).is_some() {
                    let outcomes = courier.ask(shard, vec![self.create(queue)?, append(queue)]).await?;
                    is_full |= outcomes.contains(&Outcome::Refused);
                }
            }
        }
        if is_full { Err(OperatorError::Full) } else { Ok(()) }
    }
}

/// The message as queues keep it.
fn frame(post: &Post<'_>, publication: &Publication<'_>) -> Bytes {
    let target = Target { exchange: post.exchange, key: post.key, more_keys: &publication.more_keys };
    let size = head_bytes(&target, &publication.properties) + post.body.len();
    let mut frame = BytesMut::with_capacity(size);
    put(&target, &publication.properties, &Body::from(Bytes::clone(post.body)), &mut frame);
    frame.freeze()
}
