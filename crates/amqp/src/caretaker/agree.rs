//! Makes the partitions of a shard those that the catalog has queues for, and has them behave as it says.
//!
//! Whatever dies in the middle of something leaves one of the two behind the other: exclusive queues end with a session or a connection,
//! virtual hosts with all that is in them; a queue is deleted in one and not yet in the other; somebody who has not heard of that publishes
//! and makes its partition again; a policy changes.
//!
//! The rule that makes it safe: a queue is in the catalog before its partition is on a shard, and its id is never given again. So a
//! partition that was there *before* the catalog was asked, and whose queue is not in an answer as new as the question, has lost that queue
//! for ever.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Deletion, Queue, Topology};
use runtime::Instant;
use shards::Replica;
use streams::{Op, PartitionId};

use super::Unfinished;
use super::look::{Agreed, Found, inventory};
use crate::broker::partitions;
use crate::serve::Server;

/// Between two looks, whatever happens. Changes that come meanwhile are looked at together.
const REST: Duration = Duration::from_secs(1);
/// Everything is looked at again after so long, whether something has happened or not.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// So many partitions are put in order with one command.
const AT_ONCE: usize = 500;

/// Queues that were found without a partition, by id, and since when.
type Missing = BTreeMap<u64, Instant>;

impl Server {
    /// Keeps the partitions of a shard as the catalog has them, whenever this node leads it.
    pub(super) async fn keep_agreed(&self, replica: &Replica) {
        let clock = &self.runtime.clock;
        let (mut leads, mut made, mut changed) = (replica.leads(), replica.made(), self.catalog.changed());
        let mut missing = Missing::new();
        let mut agreed = None;
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            made.mark_unchanged();
            changed.mark_unchanged();
            let is_whole = agreed.is_none();
            let looked = self.agree(replica, agreed.take().unwrap_or_default()).await;
            let is_done = match looked {
                Ok(now) => {
                    agreed = Some(now);
                    !is_whole || self.give_up_missing(replica, &mut missing).await.is_ok()
                }
                Err(why) => {
                    tracing::info!(shard = replica.shard(), %why, "partitions and queues can't be compared now");
                    false
                }
            };
            clock.sleep(REST).await;
            tokio::select! {
                biased;
                led = leads.changed() => {
                    if led.is_err() {
                        return;
                    }
                    // Somebody else may have led meanwhile.
                    (agreed, missing) = (None, Missing::new());
                }
                made = made.changed(), if is_done => if made.is_err() { return },
                changed = changed.changed(), if is_done => if changed.is_err() { return },
                () = clock.sleep(LOOK_AGAIN), if is_done => agreed = None,
                () = std::future::ready(()), if !is_done => {}
            }
        }
    }

    /// Looks once, and puts in order what is not.
    async fn agree(&self, replica: &Replica, agreed: Agreed) -> Result<Agreed, Unfinished> {
        // First the partitions: see the rule above.
        let partitions = replica.read(inventory);
        let topology = self.catalog.topology();
        let found = agreed.look(&partitions, &topology);
        if !found.is_nothing() {
            self.catalog.sync().await?;
            self.put_in_order(replica, found).await?;
        }
        Ok(Agreed::with(topology, &partitions))
    }

    /// Corrects what is still found so, now that the catalog is as new as the look.
    async fn put_in_order(&self, replica: &Replica, found: Found) -> Result<(), Unfinished> {
        let shard = replica.shard();
        let topology = self.catalog.topology();
        let Found { unknown, different } = found;
        let mut ops: Vec<Op> = unknown
            .into_iter()
            .filter(|(id, _)| topology.queue_of_partition(id.0).is_none())
            .map(|(partition, group)| match group {
                Some(group) => Op::DeleteGroup { group, if_unused: false, if_empty: false },
                None => Op::Delete { partition, if_unused: false, if_empty: false },
            })
            .collect();
        // One a group is enough.
        ops.dedup();
        if !ops.is_empty() && !topology.is_whole() {
            tracing::warn!(
                shard,
                partitions = ops.len(),
                "partitions whose queues are not known are kept, because records in the catalog can't be read: upgrade this node, or restore them"
            );
            ops.clear();
        }
        if !ops.is_empty() {
            tracing::info!(shard, partitions = ops.len(), "partitions are deleted whose queues are gone");
        }
        ops.extend(different.into_iter().filter_map(|(partition, found)| {
            let queue = topology.queue_of_partition(partition.0)?;
            let settings = partitions::settings(topology.vhost(&queue.vhost)?, queue);
            (settings != found).then_some(Op::Alter { partition, settings })
        }));
        let mut courier = self.courier()?;
        for ops in ops.chunks(AT_ONCE) {
            courier.ask(shard, ops.to_vec()).await?;
        }
        Ok(())
    }

    /// Deletes queues that were to go by themselves and whose partitions went, while whoever deleted them died before the catalog was told.
    /// A queue that was just declared has no partition for a moment either: only those are meant that have had none for long.
    async fn give_up_missing(&self, replica: &Replica, missing: &mut Missing) -> Result<(), Unfinished> {
        let topology = self.catalog.topology();
        let is_missing = |queue: &Queue| replica.stats(PartitionId(queue.id)).is_none();
        let all = topology.queues_of_shard(replica.shard());
        let now_missing: Vec<&Arc<Queue>> =
            all.filter(|queue| is_missing(queue) && goes_by_itself(&topology, queue)).collect();
        let now = self.runtime.clock.now();
        let since = |queue: &&Arc<Queue>| (queue.id, missing.get(&queue.id).copied().unwrap_or(now));
        *missing = now_missing.iter().map(since).collect();
        let is_long = |queue: &&Arc<Queue>| now.saturating_since(missing[&queue.id]) >= LOOK_AGAIN;
        let long_missing: Vec<&Arc<Queue>> = now_missing.into_iter().filter(is_long).collect();
        if long_missing.is_empty() {
            return Ok(());
        }
        // What is answered now was applied here: there is nothing that this replica has not heard of.
        self.courier()?.ask(replica.shard(), vec![Op::Tick]).await?;
        for queue in long_missing.into_iter().filter(|queue| is_missing(queue)) {
            tracing::info!(queue = %queue.name, "a queue is deleted whose partition went with its last user");
            self.catalog.delete_queue(&queue.vhost, &queue.name, Deletion::ById(queue.id), None).await?;
        }
        Ok(())
    }
}

/// Whether a queue is deleted without anybody asking for it.
fn goes_by_itself(topology: &Topology, queue: &Queue) -> bool {
    let vhost = topology.vhost(&queue.vhost);
    queue.auto_delete || vhost.is_some_and(|vhost| vhost.settings(queue).expires_ms.is_some())
}
