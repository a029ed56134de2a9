//! A virtual host: its exchanges with what is bound to them, its queues, its policies and permissions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::binding::Binding;
use crate::destination::{Destination, DestinationName};
use crate::exchange::Exchange;
use crate::limits::Limits;
use crate::map::Map;
use crate::name::Name;
use crate::permission::{Permission, TopicPermission};
use crate::policy::Policy;
use crate::queue::Queue;
use crate::route::{Message, Routed, Table};

/// A virtual host.
#[derive(Clone)]
pub struct Vhost {
    /// Its name.
    pub name: Name,
    /// What else is known of it.
    pub record: VhostRecord,
    /// The version of its znode, which every declaration in it checks.
    pub(crate) version: i32,
    pub(crate) exchanges: Map<Name, Arc<Routes>>,
    pub(crate) queues: Map<Name, Arc<Queue>>,
    /// All bindings by what they lead to, also those that count for nothing; then by source and the name of the znode.
    pub(crate) leading_to: Map<DestinationName, Map<(Name, Name), Arc<Binding>>>,
    /// The highest priority first.
    pub(crate) policies: Arc<[Arc<Policy>]>,
    pub(crate) permissions: Map<Name, Arc<Permission>>,
    /// By user and exchange.
    pub(crate) topics: Map<(Name, Name), Arc<TopicPermission>>,
    /// Bindings that count for nothing.
    pub(crate) dead: Map<(Name, Name), ()>,
    /// Exchanges that were to go with their last binding, and have none any more.
    pub(crate) spent: Map<Name, ()>,
}

/// What a virtual host's znode holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VhostRecord {
    pub(crate) format: u32,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// For people and tools.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The type of queues that are declared without one, for tools that ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_queue_type: Option<String>,
    /// How much there may be of it and in it.
    #[serde(default, skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    /// On its way out: nothing can be made in it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) deleting: bool,
}

/// An exchange and where messages go from it.
#[derive(Clone)]
pub(crate) struct Routes {
    pub(crate) exchange: Arc<Exchange>,
    /// The version of its znode.
    pub(crate) version: i32,
    /// As declared, or as a policy has it.
    pub(crate) alternate: Option<Name>,
    pub(crate) table: Table,
    /// All its bindings by the names of their znodes, also those that count for nothing.
    pub(crate) bindings: Map<Name, Bound>,
}

/// A binding, and what it leads to in the routing table, if it counts.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(crate) binding: Arc<Binding>,
    pub(crate) linked: Option<Destination>,
}

impl Vhost {
    pub(crate) fn new(name: Name, record: VhostRecord, version: i32) -> Self {
        Self {
            name,
            record,
            version,
            exchanges: Map::default(),
            queues: Map::default(),
            leading_to: Map::default(),
            policies: Arc::from([]),
            permissions: Map::default(),
            topics: Map::default(),
            dead: Map::default(),
            spent: Map::default(),
        }
    }

    /// Where a message goes that is published to an exchange. False if there is no such exchange.
    pub fn route(&self, exchange: &[u8], message: &Message<'_>, routed: &mut Routed) -> bool {
        if exchange.is_empty() {
            routed.walk_default(self, message);
            return true;
        }
        let first = self.exchanges.get(exchange);
        if let Some(first) = first {
            routed.walk(self, first, message);
        }
        first.is_some()
    }

    /// A queue.
    pub fn queue(&self, name: &[u8]) -> Option<&Arc<Queue>> {
        self.queues.get(name)
    }

    /// All queues, in the order of their names.
    pub fn queues(&self) -> Vec<&Arc<Queue>> {
        let mut queues: Vec<_> = self.queues.values().collect();
        queues.sort_by_key(|queue| &queue.name);
        queues
    }

    /// How many queues there are.
    pub fn queue_count(&self) -> usize {
        self.queues.len()
    }

    /// An exchange. The default one is none.
    pub fn exchange(&self, name: &[u8]) -> Option<&Arc<Exchange>> {
        self.exchanges.get(name).map(|routes| &routes.exchange)
    }

    /// All exchanges but the default one, in the order of their names.
    pub fn exchanges(&self) -> Vec<&Arc<Exchange>> {
        let mut exchanges: Vec<_> = self.exchanges.values().map(|routes| &routes.exchange).collect();
        exchanges.sort_by_key(|exchange| &exchange.name);
        exchanges
    }

    /// The bindings that lead from an exchange, in the order of their znodes' names.
    pub fn bindings_from(&self, exchange: &[u8]) -> Vec<&Arc<Binding>> {
        let bindings = self.exchanges.get(exchange).into_iter().flat_map(|routes| routes.bindings.iter());
        let mut bindings: Vec<_> = bindings.filter(|(_, bound)| bound.linked.is_some()).collect();
        bindings.sort_by_key(|(znode, _)| *znode);
        bindings.into_iter().map(|(_, bound)| &bound.binding).collect()
    }

    /// The bindings that lead to something, in the order of their sources.
    pub fn bindings_to(&self, destination: &DestinationName) -> Vec<&Arc<Binding>> {
        let mut bindings: Vec<_> =
            self.all_bindings_to(destination).filter(|(_, binding)| self.is_live(binding)).collect();
        bindings.sort_by_key(|(place, _)| *place);
        bindings.into_iter().map(|(_, binding)| binding).collect()
    }

    /// All policies, the highest priority first.
    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// The policy that counts for a queue.
    pub fn policy_of_queue(&self, queue: &Queue) -> Option<&Arc<Policy>> {
        self.policies.iter().find(|policy| policy.applies_to_queue(&queue.name, queue.options.queue_type))
    }

    /// The policy that counts for an exchange.
    pub fn policy_of_exchange(&self, name: &Name) -> Option<&Arc<Policy>> {
        self.policies.iter().find(|policy| policy.applies_to_exchange(name))
    }

    /// What a user may do here. `None`: nothing, not even enter.
    pub fn permission(&self, user: &[u8]) -> Option<&Arc<Permission>> {
        self.permissions.get(user)
    }

    /// All permissions, in the order of the users' names.
    pub fn permissions(&self) -> Vec<(&Name, &Arc<Permission>)> {
        let mut permissions: Vec<_> = self.permissions.iter().collect();
        permissions.sort_by_key(|(user, _)| *user);
        permissions
    }

    /// What a user may do with the routing keys of an exchange. `None`: anything.
    pub fn topic_permission(&self, user: &Name, exchange: &Name) -> Option<&Arc<TopicPermission>> {
        if self.topics.is_empty() { None } else { self.topics.get(&(user.clone(), exchange.clone())) }
    }

    /// All permissions on routing keys, in the order of the users' and exchanges' names.
    pub fn topic_permissions(&self) -> Vec<(&Name, &Name, &Arc<TopicPermission>)> {
        let mut topics: Vec<_> =
            self.topics.iter().map(|((user, exchange), topic)| (user, exchange, topic)).collect();
        topics.sort_by_key(|(user, exchange, _)| (*user, *exchange));
        topics
    }

    pub(crate) fn routes(&self, exchange: &[u8]) -> Option<&Routes> {
        self.exchanges.get(exchange).map(|routes| &**routes)
    }

    /// Those that count for nothing included, by source and the name of the znode.
    pub(crate) fn all_bindings_to(
        &self,
        destination: &DestinationName,
    ) -> impl Iterator<Item = (&(Name, Name), &Arc<Binding>)> {
        self.leading_to.get(destination).into_iter().flat_map(Map::iter)
    }

    /// Whether what a binding leads to is still what it was made for.
    pub(crate) fn is_live(&self, binding: &Binding) -> bool {
        let id = match &binding.destination {
            DestinationName::Queue(name) => self.queue(name).map(|queue| queue.id),
            DestinationName::Exchange(name) => self.exchange(name).map(|exchange| exchange.id),
        };
        id == Some(binding.destination_id)
    }
}
