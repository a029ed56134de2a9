//! Deletes the exclusive queues of connections that have ended on this node and could not take them along, because a shard or the control
//! plane did not answer in time. Those of a node that dies go with its session.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use catalog::{Deletion, Queue};

use super::Unfinished;
use crate::serve::Server;

/// Between two looks.
const REST: Duration = Duration::from_secs(1);
/// It is looked again after so long, whether something has happened or not.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Server {
    /// Deletes what connections leave behind. Runs for as long as the node does.
    pub async fn tidy_up(self: Arc<Self>) {
        let clock = &self.runtime.clock;
        let mut changed = self.catalog.changed();
        loop {
            let left = self.left_over.notified();
            changed.mark_unchanged();
            if let Err(why) = self.delete_orphans().await {
                tracing::info!(%why, "exclusive queues of connections that have ended have to wait");
                clock.sleep(REST).await;
                continue;
            }
            clock.sleep(REST).await;
            tokio::select! {
                biased;
                () = left => {}
                changed = changed.changed() => if changed.is_err() { return },
                () = clock.sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn delete_orphans(&self) -> Result<(), Unfinished> {
        let Some(session) = *self.catalog.session().borrow() else { return Ok(()) };
        // First the queues: a connection is there before its first one.
        let topology = self.catalog.topology();
        let queues: Vec<&Arc<Queue>> = topology.exclusive_to(session).collect();
        if queues.is_empty() {
            return Ok(());
        }
        let there: BTreeSet<u64> = self.connections().iter().map(|connection| connection.number).collect();
        let is_orphan =
            |queue: &&&Arc<Queue>| queue.exclusive.is_some_and(|owner| !there.contains(&owner.connection));
        for queue in queues.iter().filter(is_orphan) {
            tracing::info!(queue = %queue.name, "an exclusive queue is deleted after its connection");
            self.catalog.delete_queue(&queue.vhost, &queue.name, Deletion::ById(queue.id), None).await?;
        }
        Ok(())
    }
}
