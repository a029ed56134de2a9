//! What exists, as one node knows it: an immutable picture, of which the next shares whatever did not change.

mod change;
mod vhost;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use change::Znode;
pub(crate) use vhost::Routes;
pub use vhost::{Vhost, VhostRecord};

use crate::error::{CatalogError, Resource};
use crate::map::Map;
use crate::name::Name;
use crate::node::{Founder, NodeRecord};
use crate::queue::Queue;
use crate::route::{Message, Routed};
use crate::user::User;

/// What exists. A clone is cheap, and so is the next version: it shares what did not change.
#[derive(Clone, Default)]
pub struct Topology {
    /// By whom each shard was founded, shard 1 first.
    pub(crate) founders: Arc<Vec<Vec<Founder>>>,
    /// The cluster in which they did.
    pub(crate) shards_cluster: String,
    pub(crate) replication_factor: u32,
    pub(crate) shards_version: i32,
    /// The next id that is not given away, and the version of its znode.
    pub(crate) ids: (u64, i32),
    pub(crate) vhosts: Map<Name, Arc<Vhost>>,
    pub(crate) users: Map<Name, Arc<User>>,
    pub(crate) nodes: BTreeMap<u64, NodeRecord>,
    /// By id.
    pub(crate) queues: Map<u64, Arc<Queue>>,
    /// The queues of further partitions, by the partitions' ids: those of queues with several, but for the first of each.
    pub(crate) further: Map<u64, u64>,
    /// How many queues each shard has.
    pub(crate) placed: Map<u32, u32>,
    /// Where queues, or what decides over them, have records that can't be read.
    pub(crate) unreadable: Map<Name, ()>,
}

impl Topology {
    /// How many shards there are; they are numbered from 1.
    pub fn shards(&self) -> u32 {
        u32::try_from(self.founders.len()).expect("there are at most 256 shards")
    }

    /// By whom the shards were founded, shard 1 first.
    pub fn founders(&self) -> &Arc<Vec<Vec<Founder>>> {
        &self.founders
    }

    /// How many nodes vote in each shard, if there are so many.
    pub fn replication_factor(&self) -> u32 {
        self.replication_factor
    }

    /// The id of the cluster in which the shards were founded: see [`Catalog::take_over_shards`](crate::Catalog::take_over_shards).
    pub fn shards_cluster(&self) -> &str {
        &self.shards_cluster
    }

    /// A virtual host.
    pub fn vhost(&self, name: &[u8]) -> Option<&Arc<Vhost>> {
        self.vhosts.get(name).filter(|vhost| !vhost.record.deleting)
    }

    /// All virtual hosts, in the order of their names.
    pub fn vhosts(&self) -> Vec<&Arc<Vhost>> {
        let mut vhosts: Vec<_> = self.vhosts.values().filter(|vhost| !vhost.record.deleting).collect();
        vhosts.sort_by_key(|vhost| &vhost.name);
        vhosts
    }

    /// A user.
    pub fn user(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.users.get(name)
    }

    /// All users, in the order of their names.
    pub fn users(&self) -> Vec<&Arc<User>> {
        let mut users: Vec<_> = self.users.values().collect();
        users.sort_by_key(|user| &user.name);
        users
    }

    /// The queue with this id.
    pub fn queue_by_id(&self, id: u64) -> Option<&Arc<Queue>> {
        self.queues.get(&id)
    }

    /// The queue that has the partition with this id.
    pub fn queue_of_partition(&self, id: u64) -> Option<&Arc<Queue>> {
        self.queues.get(&id).or_else(|| self.queues.get(self.further.get(&id)?))
    }

    /// The queues that belong to connections of one session, in no order.
    pub fn exclusive_to(&self, session: i64) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues
            .values()
            .filter(move |queue| queue.exclusive.is_some_and(|owner| owner.session == session))
    }

    /// The queues whose partitions are on a shard, in no order.
    pub fn queues_of_shard(&self, shard: u32) -> impl Iterator<Item = &Arc<Queue>> {
        self.queues.values().filter(move |queue| queue.shard == shard)
    }

    /// Whether all that there is of queues, their policies and virtual hosts could be read. If not, there may be queues that this node
    /// does not know: none may be taken for gone because it is not here.
    pub fn is_whole(&self) -> bool {
        self.unreadable.is_empty()
    }

    /// How many queues there are in all virtual hosts.
    pub fn queue_count(&self) -> usize {
        self.queues.len()
    }

    /// The nodes that are there, by number.
    pub fn nodes(&self) -> &BTreeMap<u64, NodeRecord> {
        &self.nodes
    }

    /// The node whose session this is, if it is there.
    pub fn node_of_session(&self, session: i64) -> Option<u64> {
        self.nodes.iter().find(|(_, node)| node.session == session).map(|(number, _)| *number)
    }

    /// The shard with the fewest queues; of several, one that `salt` chooses, so that nodes that place at the same time do not all
    /// choose the same.
    pub fn place(&self, salt: u64) -> u32 {
        let shards = self.shards().max(1);
        let start = u32::try_from(salt % u64::from(shards)).expect("it is below a number of 32 bits");
        let in_turn = (0..shards).map(|step| (start + step) % shards + 1);
        in_turn.min_by_key(|shard| self.placed.get(shard).copied().unwrap_or(0)).unwrap_or(1)
    }

    /// How many queues a shard has.
    pub fn queues_on(&self, shard: u32) -> u32 {
        self.placed.get(&shard).copied().unwrap_or(0)
    }

    /// Where a message goes that is published to an exchange.
    ///
    /// # Errors
    /// [`CatalogError::NoVhost`], [`CatalogError::NotFound`].
    pub fn route(
        &self,
        vhost: &[u8],
        exchange: &[u8],
        message: &Message<'_>,
        routed: &mut Routed,
    ) -> Result<(), CatalogError> {
        let found = self.vhost(vhost).ok_or_else(|| CatalogError::NoVhost(vhost.into()))?;
        if found.route(exchange, message, routed) {
            return Ok(());
        }
        Err(CatalogError::NotFound(Resource::exchange(vhost, exchange)))
    }
}
