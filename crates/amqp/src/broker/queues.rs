//! queue.purge, and partitions that are not there.

use amqp091::queue;
use catalog::{Action, Queue};
use streams::{Op, PartitionId};

use super::Session;
use super::dispatch::Progress;
use super::outbound::Origin;
use super::settings::settings;
use crate::channel::ChannelRef;
use crate::fault::Fault;

impl Session {
    pub(super) fn purge(&mut self, at: ChannelRef, purge: &queue::Purge<'_>) -> Result<Progress, Fault> {
        let name = self.queue_name(at, purge.queue.as_str())?;
        self.check_queue(Action::Read, &name)?;
        let queue = self.desk.queue(&self.vhost, &name)?;
        self.flush_settlements();
        let op = Op::Purge { partition: PartitionId(queue.id) };
        self.outbound.push(queue.shard, op, Origin::Purge { at, nowait: purge.nowait });
        Ok(Progress::Busy)
    }

    /// Makes the partition of a queue that the catalog knows: who declared it did not come so far. False if the catalog does not know it.
    pub(super) fn make_partition(&mut self, queue: &Queue) -> bool {
        let is_known = self.topology.queue_by_id(queue.id).is_some();
        if is_known {
            let settings = settings(&self.vhost, queue);
            let op = Op::Create { partition: PartitionId(queue.id), settings };
            self.outbound.push(queue.shard, op, Origin::Nothing);
        }
        is_known
    }
}
