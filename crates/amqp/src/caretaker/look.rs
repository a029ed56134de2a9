//! Which partitions of a shard are not as the catalog has them.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{Name, Queue, Topology};
use streams::{GroupId, PartitionId, Settings, Shard};

use crate::broker::partitions;

/// What was in order when somebody looked last: what has not changed since needs no look.
#[derive(Default)]
pub(super) struct Agreed {
    /// By which the partitions were judged.
    topology: Arc<Topology>,
    /// Ascending.
    partitions: Vec<PartitionId>,
}

/// A partition as it was found.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    id: PartitionId,
    /// The group that it belongs to.
    group: Option<GroupId>,
    settings: Settings,
}

/// What a look has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// No queue has them; each with its group, with which it goes.
    pub(super) unknown: Vec<(PartitionId, Option<GroupId>)>,
    /// They behave otherwise than their queues are to, namely so.
    pub(super) different: Vec<(PartitionId, Settings)>,
}

impl Found {
    pub(super) fn is_nothing(&self) -> bool {
        self.unknown.is_empty() && self.different.is_empty()
    }
}

/// All partitions, ascending.
pub(super) fn inventory(shard: &Shard) -> Vec<Standing> {
    shard.inventory().map(|(id, group, settings)| Standing { id, group, settings: *settings }).collect()
}

impl Agreed {
    /// Judges partitions by what exists. Those that were in order, and whose queue and policies are still the same, need only be there.
    pub(super) fn look(&self, partitions: &[Standing], topology: &Topology) -> Found {
        let steady = self.steady(topology);
        let mut found = Found::default();
        for Standing { id, group, settings } in partitions {
            match topology.queue_of_partition(id.0) {
                None => found.unknown.push((*id, *group)),
                Some(queue) if self.covers(*id, queue, &steady) => {}
                Some(queue) if is_different(topology, queue, settings) => {
                    found.different.push((*id, *settings))
                }
                Some(_) => {}
            }
        }
        found
    }

    /// What is in order from now on, or being put in order.
    pub(super) fn with(topology: Arc<Topology>, partitions: &[Standing]) -> Self {
        Self { topology, partitions: partitions.iter().map(|standing| standing.id).collect() }
    }

    /// The virtual hosts whose policies are the same as they were. Equal addresses are equal policies: what was seen last is kept.
    fn steady(&self, topology: &Topology) -> BTreeSet<Name> {
        let is_steady = |name: &Name| {
            let (before, now) = (self.topology.vhost(name)?, topology.vhost(name)?);
            Some(std::ptr::eq(before.policies(), now.policies()))
        };
        let names = topology.vhosts().into_iter().map(|vhost| vhost.name.clone());
        names.filter(|name| is_steady(name) == Some(true)).collect()
    }

    fn covers(&self, id: PartitionId, queue: &Arc<Queue>, steady: &BTreeSet<Name>) -> bool {
        steady.contains(&queue.vhost)
            && self.topology.queue_of_partition(id.0).is_some_and(|before| Arc::ptr_eq(before, queue))
            && self.partitions.binary_search(&id).is_ok()
    }
}

fn is_different(topology: &Topology, queue: &Queue, settings: &Settings) -> bool {
    let vhost = topology.vhost(&queue.vhost);
    vhost.is_some_and(|vhost| partitions::settings(vhost, queue) != *settings)
}
