//! queue.purge, and partitions that are not there.

use std::sync::Arc;

use amqp091::{Method, queue};
use catalog::{Action, Queue};
use futures::future::try_join_all;
use streams::Outcome;

use super::Session;
use super::declare::Answer;
use super::desk::Desk;
use super::outbound::Origin;
use super::partitions;
use crate::channel::ChannelRef;
use crate::fault::Fault;

impl Session {
    pub(super) fn purge(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        purge: &queue::Purge<'_>,
    ) -> Result<(), Fault> {
        let name = self.queue_name(at, purge.queue.as_str())?;
        self.check_queue(Action::Read, &name)?;
        let queue = self.desk.queue(&self.vhost, &name)?;
        let (desk, nowait) = (Arc::clone(&self.desk), purge.nowait);
        self.start_method(at, method, async move {
            let messages = desk.purge(&queue).await?;
            let message_count = u32::try_from(messages).unwrap_or(u32::MAX);
            Ok(Answer::plain(nowait, queue::PurgeOk { message_count }))
        });
        Ok(())
    }

    /// Makes the partitions of a queue that the catalog knows: who declared it did not come so far. False if the catalog does not know it.
    pub(super) fn make_partitions(&mut self, queue: &Queue) -> bool {
        let is_known = self.topology.queue_by_id(queue.id).is_some();
        if is_known {
            let op = partitions::create(&self.vhost, queue);
            self.outbound.push(queue.shard, op, Origin::Nothing);
        }
        is_known
    }
}

impl Desk {
    /// Drops all messages of a queue that are ready, and says how many that were.
    async fn purge(&self, queue: &Queue) -> Result<u64, Fault> {
        let purges = partitions::purge(queue).into_iter().map(|op| self.call(queue.shard, op));
        let outcomes = try_join_all(purges).await?;
        let purged = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Purged(messages) => messages,
            // A queue whose partition is not made yet has nothing in it.
            _ => 0,
        });
        Ok(purged.sum())
    }
}
