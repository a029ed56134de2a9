//! What whoever leads a shard does for the queues on it: dead letters are carried to where they belong, queues that were unused for
//! too long or have lost their last consumer are deleted, and partitions and catalog are made to agree.
//!
//! A dead letter stays with its queue until it has arrived, so a carrier that fails half-way, or a second one after a change of the leader,
//! carries it again: it may arrive twice, and is never lost.

mod agree;
mod carry;
pub(crate) mod courier;
mod look;
mod orphans;

use std::sync::Arc;
use std::time::Duration;

use catalog::{CatalogError, Deletion};
use shards::Replica;
use streams::{Offset, Op, Outcome, PartitionId};

use self::carry::Letters;
use self::courier::{Courier, Interrupted};
use crate::serve::Server;

/// How soon it is tried again after something was in the way.
const RETRY: Duration = Duration::from_secs(1);
/// Ranges of dead letters that are looked at at a time.
const RANGES_MAX: usize = 64;

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
enum Unfinished {
    /// Nobody knows what came of it.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// The catalog was not changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Frames can't be read.
    #[error(transparent)]
    Unreadable(#[from] segments::ReadError),
}

impl Server {
    /// Looks after the queues of a shard whenever this node leads it. Runs for as long as the node does.
    pub async fn look_after(self: Arc<Self>, replica: Arc<Replica>) {
        tokio::join!(biased; self.care_for(&replica), self.keep_agreed(&replica));
    }

    /// Looks after dead letters, and queues that are to go.
    async fn care_for(&self, replica: &Replica) {
        let (mut leads, mut care) = (replica.leads(), replica.care());
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            care.mark_unchanged();
            let is_done = match self.round(replica).await {
                Ok(is_done) => is_done,
                Err(why) => {
                    tracing::info!(shard = replica.shard(), %why, "dead letters and unused queues have to wait");
                    false
                }
            };
            tokio::select! {
                biased;
                changed = care.changed() => if changed.is_err() { return },
                () = self.runtime.clock.sleep(RETRY), if !is_done => {}
                changed = leads.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Does what there is to do; false if something has to wait.
    async fn round(&self, replica: &Replica) -> Result<bool, Unfinished> {
        let expired: Vec<PartitionId> = replica.read(|shard| shard.expired().collect());
        if expired.is_empty() && replica.read(|shard| shard.dead(START, 1)).is_empty() {
            return Ok(true);
        }
        let mut courier = self.courier()?;
        let mut is_done = true;
        for partition in expired {
            is_done &= self.delete_unused(replica, &mut courier, partition).await?;
        }
        Ok(self.carry_all(replica, &mut courier).await? && is_done)
    }

    /// False if older nodes in the cluster can't do that yet.
    async fn delete_unused(
        &self,
        replica: &Replica,
        courier: &mut Courier,
        partition: PartitionId,
    ) -> Result<bool, Unfinished> {
        // First the partition, with the others of its queue: it knows whether somebody has come meanwhile.
        let outcomes = courier.ask(replica.shard(), vec![Op::Expire { partition }]).await?;
        let is_gone = matches!(outcomes[..], [Outcome::Deleted(_) | Outcome::NoPartition]);
        let queue = self.catalog.topology().queue_of_partition(partition.0).cloned();
        if let Some(queue) = queue.filter(|_| is_gone) {
            self.catalog.delete_queue(&queue.vhost, &queue.name, Deletion::ById(queue.id), None).await?;
        }
        Ok(!matches!(outcomes[..], [Outcome::TooNew]))
    }

    /// Carries dead letters until there are none, or only such that have to wait.
    async fn carry_all(&self, replica: &Replica, courier: &mut Courier) -> Result<bool, Unfinished> {
        let (mut from, mut is_done) = (START, true);
        loop {
            let page = replica.read(|shard| shard.dead(from, RANGES_MAX));
            let Some((partition, last, _)) = page.last() else { return Ok(is_done) };
            from = (*partition, last.end);
            // Queues and bindings may be older than the letters and newer than what this node has heard of: letters for what it does
            // not know would be buried.
            self.catalog.sync().await?;
            for (partition, offsets, reason) in page {
                let letters = Letters { shard: replica.shard(), partition, offsets, reason };
                is_done &= self.carry(replica, courier, letters).await?;
            }
        }
    }
}

const START: (PartitionId, Offset) = (PartitionId(0), Offset(0));
