//! From a queue to what its shard is asked for: one partition, or a group of them.

use catalog::{Queue, Vhost};
use streams::{GroupId, Op, Overflow, PartitionId, Settings};

/// What makes a queue's partitions on its shard.
pub(crate) fn create(vhost: &Vhost, queue: &Queue) -> Op {
    let settings = settings(vhost, queue);
    match group(queue) {
        Some(group) => Op::CreateGroup { group, partitions: partitions(queue).collect(), settings },
        None => Op::Create { partition: PartitionId(queue.id), settings },
    }
}

/// What deletes them, with all that is in them.
pub(crate) fn delete(queue: &Queue, if_unused: bool, if_empty: bool) -> Op {
    match group(queue) {
        Some(group) => Op::DeleteGroup { group, if_unused, if_empty },
        None => Op::Delete { partition: PartitionId(queue.id), if_unused, if_empty },
    }
}

/// What drops all messages that are ready.
pub(crate) fn purge(queue: &Queue) -> Vec<Op> {
    partitions(queue).map(|partition| Op::Purge { partition }).collect()
}

/// The group of a queue with several partitions: its id is that of the first one.
pub(crate) fn group(queue: &Queue) -> Option<GroupId> {
    queue.partitions.map(|_| GroupId(queue.id))
}

/// All of its partitions.
pub(crate) fn partitions(queue: &Queue) -> impl Iterator<Item = PartitionId> {
    queue.partition_ids().map(PartitionId)
}

/// The settings of a queue's partitions. Tries the patterns of the policies.
pub(crate) fn settings(vhost: &Vhost, of: &Queue) -> Settings {
    let queue = vhost.settings(of);
    Settings {
        length_max: queue.length_max,
        bytes_max: queue.bytes_max,
        overflow: match queue.overflow {
            catalog::Overflow::DropHead => Overflow::DropHead,
            catalog::Overflow::Refuse => Overflow::Refuse,
            catalog::Overflow::RefuseAndDeadLetter => Overflow::RefuseAndDeadLetter,
        },
        ttl_ms: queue.ttl_ms,
        expires_ms: queue.expires_ms,
        priorities: queue.priorities,
        single_active: queue.single_active,
        delivery_limit: queue.delivery_limit,
        dead_letters: queue.dead_letter.is_some(),
        auto_delete: of.auto_delete,
    }
}
