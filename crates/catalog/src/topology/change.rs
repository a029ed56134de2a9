//! From a change of a znode to the next picture.
//!
//! Every change says what is there now, not what happened, so the order within one state of the tree does not matter, as long as what
//! is above comes before what is below.

use std::sync::Arc;

use super::Topology;
use super::vhost::{Bound, Routes, Vhost, VhostRecord};
use crate::binding::{self, Binding};
use crate::destination::{Destination, DestinationName};
use crate::exchange::{self, Exchange};
use crate::map::Map;
use crate::name::Name;
use crate::node::{IdsRecord, NodeRecord, ShardsRecord};
use crate::permission::{self, Permission, TopicPermission};
use crate::place::{FORMAT, Place};
use crate::policy;
use crate::queue::{self, Queue};
use crate::route::Table;
use crate::user;

/// A znode as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Znode {
    pub(crate) data: Option<Arc<[u8]>>,
    pub(crate) version: i32,
}

/// Records that can not be read count as absent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("written in format {0} by a newer version; upgrade this node")]
    Newer(u32),
    #[error("it is no record of ours ({0}); delete it, or restore what was there")]
    Malformed(#[from] serde_json::Error),
    #[error("its name or a value in it makes no sense; delete it, or restore what was there")]
    Senseless,
}

#[derive(serde::Deserialize)]
struct Format {
    format: u32,
}

fn parse<T: serde::de::DeserializeOwned>(znode: &Znode) -> Result<T, Unreadable> {
    let data = znode.data.as_deref().unwrap_or_default();
    match serde_json::from_slice::<Format>(data)?.format {
        ..=FORMAT => Ok(serde_json::from_slice(data)?),
        newer => Err(Unreadable::Newer(newer)),
    }
}

impl Topology {
    /// Takes over what a znode holds; `None`: it is not there.
    ///
    /// # Errors
    /// When it can not be read: then it counts as absent.
    pub(crate) fn set(&mut self, place: &Place, znode: Option<&Znode>) -> Result<(), Unreadable> {
        let result = znode.map_or(Ok(()), |znode| self.put(place, znode));
        if znode.is_none() || result.is_err() {
            self.remove(place);
        }
        self.note_unreadable(place, znode.is_some(), result.is_err());
        result
    }

    fn note_unreadable(&mut self, place: &Place, is_there: bool, is_unreadable: bool) {
        if !matches!(place, Place::Vhost(_) | Place::Queue(..) | Place::Policy(..)) {
            return;
        }
        if is_unreadable {
            self.unreadable.insert(place.path().as_str().into(), ());
        } else if !(self.unreadable.is_empty() || is_there && matches!(place, Place::Vhost(_))) {
            // What is in a virtual host that was not known before was not taken over: the next whole reading does that.
            self.unreadable.remove(&Name::from(place.path().as_str()));
        }
    }

    fn put(&mut self, place: &Place, znode: &Znode) -> Result<(), Unreadable> {
        match place {
            Place::Root | Place::Directory => {}
            Place::Ids => self.ids = (parse::<IdsRecord>(znode)?.next, znode.version),
            Place::Shards => {
                let record: ShardsRecord = parse(znode)?;
                self.founders = Arc::new(record.founders);
                self.shards_cluster = record.cluster;
                self.replication_factor = record.replication_factor;
                self.shards_version = znode.version;
            }
            Place::Node(node) => {
                self.nodes.insert(*node, parse::<NodeRecord>(znode)?);
            }
            Place::User(name) => {
                let record: user::Record = parse(znode)?;
                let user = record.into_user(name.clone(), znode.version).ok_or(Unreadable::Senseless)?;
                self.users.insert(name.clone(), Arc::new(user));
            }
            Place::Vhost(name) => {
                let record: VhostRecord = parse(znode)?;
                let new = || Arc::new(Vhost::new(name.clone(), record.clone(), znode.version));
                let vhost = Arc::make_mut(self.vhosts.entry(name, new));
                (vhost.record, vhost.version) = (record.clone(), znode.version);
            }
            Place::Queue(vhost, name) => {
                let record: queue::Record = parse(znode)?;
                let queue = record.into_queue(vhost.clone(), name.clone());
                self.put_queue(Arc::new(queue));
            }
            Place::Exchange(vhost, name) => {
                let record: exchange::Record = parse(znode)?;
                let exchange =
                    record.into_exchange(vhost.clone(), name.clone()).ok_or(Unreadable::Senseless)?;
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.put_exchange(exchange, znode.version);
                }
            }
            Place::Binding(vhost, source, name) => {
                let record: binding::Record = parse(znode)?;
                let binding =
                    Binding::from_record(source.clone(), name, record).ok_or(Unreadable::Senseless)?;
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.put_binding(name, Arc::new(binding));
                }
            }
            Place::Policy(vhost, name) => {
                let record: policy::Record = parse(znode)?;
                let policy = record.into_policy(name.clone()).ok_or(Unreadable::Senseless)?;
                self.change_policies(vhost, name, Some(Arc::new(policy)));
            }
            Place::Permission(vhost, user) => {
                let record: permission::Record = parse(znode)?;
                let permission = Permission::of(record).ok_or(Unreadable::Senseless)?;
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.permissions.insert(user.clone(), Arc::new(permission));
                }
            }
            Place::Topic(vhost, user, exchange) => {
                let record: permission::TopicRecord = parse(znode)?;
                let topic = TopicPermission::of(record).ok_or(Unreadable::Senseless)?;
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.topics.insert((user.clone(), exchange.clone()), Arc::new(topic));
                }
            }
        }
        Ok(())
    }

    fn remove(&mut self, place: &Place) {
        match place {
            Place::Root | Place::Ids | Place::Directory | Place::Shards => {}
            Place::Node(node) => {
                self.nodes.remove(node);
            }
            Place::User(name) => {
                self.users.remove(name);
            }
            Place::Vhost(name) => {
                if let Some(vhost) = self.vhosts.remove(name) {
                    vhost.queues.values().for_each(|queue| self.unplace(queue));
                }
            }
            Place::Queue(vhost, name) => {
                let queue = self.vhost_mut(vhost).and_then(|vhost| vhost.replace_queue(name, None));
                if let Some(queue) = queue {
                    self.unplace(&queue);
                }
            }
            Place::Exchange(vhost, name) => {
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.remove_exchange(name);
                }
            }
            Place::Binding(vhost, source, name) => {
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.remove_binding(source, &Name::from(name.as_str()));
                }
            }
            Place::Policy(vhost, name) => self.change_policies(vhost, name, None),
            Place::Permission(vhost, user) => {
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.permissions.remove(user);
                }
            }
            Place::Topic(vhost, user, exchange) => {
                if let Some(vhost) = self.vhost_mut(vhost) {
                    vhost.topics.remove(&(user.clone(), exchange.clone()));
                }
            }
        }
    }

    /// What is in a virtual host that is gone needs no change.
    fn vhost_mut(&mut self, name: &Name) -> Option<&mut Vhost> {
        self.vhosts.get_mut(name).map(Arc::make_mut)
    }

    fn put_queue(&mut self, queue: Arc<Queue>) {
        let Some(vhost) = self.vhost_mut(&queue.vhost) else { return };
        let before = vhost.replace_queue(&queue.name, Some(Arc::clone(&queue)));
        if let Some(before) = before {
            self.unplace(&before);
        }
        *self.placed.entry(&queue.shard, || 0) += 1;
        for partition in queue.partition_ids().skip(1) {
            self.further.insert(partition, queue.id);
        }
        self.queues.insert(queue.id, queue);
    }

    fn unplace(&mut self, queue: &Queue) {
        self.queues.remove(&queue.id);
        for partition in queue.partition_ids().skip(1) {
            self.further.remove(&partition);
        }
        if let Some(count) = self.placed.get_mut(&queue.shard) {
            *count = count.saturating_sub(1);
        }
    }

    fn change_policies(&mut self, vhost: &Name, name: &Name, policy: Option<Arc<policy::Policy>>) {
        let Some(vhost) = self.vhost_mut(vhost) else { return };
        let others = vhost.policies.iter().filter(|other| other.name != *name).cloned();
        let mut policies: Vec<_> = others.chain(policy).collect();
        policies.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        vhost.policies = policies.into();
        vhost.refresh_alternates();
    }
}

impl Vhost {
    /// Puts a queue in the place of another, or of none, and gives back what was there.
    fn replace_queue(&mut self, name: &Name, queue: Option<Arc<Queue>>) -> Option<Arc<Queue>> {
        let destination = DestinationName::Queue(name.clone());
        self.unlink_all(&destination);
        let before = match queue {
            Some(queue) => self.queues.insert(name.clone(), queue),
            None => self.queues.remove(name),
        };
        self.link_all(&destination);
        before
    }

    fn put_exchange(&mut self, exchange: Exchange, version: i32) {
        let name = exchange.name.clone();
        let alternate = self.alternate_of(&exchange);
        let exchange = Arc::new(exchange);
        let same = |routes: &&mut Arc<Routes>| routes.exchange.id == exchange.id;
        if let Some(routes) = self.exchanges.get_mut(&name).filter(same) {
            let routes = Arc::make_mut(routes);
            (routes.exchange, routes.version, routes.alternate) = (exchange, version, alternate);
            self.note_spent(&name);
            return;
        }
        let destination = DestinationName::Exchange(name.clone());
        self.unlink_all(&destination);
        // Bindings that are not its own have changes of their own behind this one.
        let bindings = self.exchanges.get(&name).map(|routes| routes.bindings.clone()).unwrap_or_default();
        let table = Table::new(&exchange);
        let routes = Routes { exchange, version, alternate, table, bindings: Map::default() };
        self.exchanges.insert(name.clone(), Arc::new(routes));
        for (znode, bound) in bindings.iter() {
            self.link(znode, &bound.binding);
        }
        self.link_all(&destination);
        self.note_spent(&name);
    }

    fn remove_exchange(&mut self, name: &Name) {
        let destination = DestinationName::Exchange(name.clone());
        self.unlink_all(&destination);
        if let Some(routes) = self.exchanges.remove(name) {
            routes.bindings.iter().for_each(|(znode, bound)| self.forget(znode, &bound.binding));
        }
        self.spent.remove(name);
        // Those that led here count for nothing now.
        self.link_all(&destination);
    }

    /// Whether an exchange was to go with its last binding, and has none.
    fn note_spent(&mut self, name: &Name) {
        let is_spent = self.routes(name).is_some_and(|routes| {
            routes.exchange.auto_delete && routes.exchange.was_bound && routes.bindings.is_empty()
        });
        if is_spent {
            self.spent.insert(name.clone(), ());
        } else {
            self.spent.remove(name);
        }
    }

    fn put_binding(&mut self, znode: &str, binding: Arc<Binding>) {
        let znode = Name::from(znode);
        self.remove_binding(&binding.source, &znode);
        if !self.exchanges.contains(&binding.source) {
            return;
        }
        let there = self.leading_to.entry(&binding.destination, Map::default);
        there.insert((binding.source.clone(), znode.clone()), Arc::clone(&binding));
        self.link(&znode, &binding);
    }

    fn remove_binding(&mut self, source: &Name, znode: &Name) {
        self.unlink(source, znode);
        let Some(routes) = self.exchanges.get_mut(source) else { return };
        if let Some(bound) = Arc::make_mut(routes).bindings.remove(znode) {
            self.forget(znode, &bound.binding);
            self.note_spent(source);
        }
    }

    fn forget(&mut self, znode: &Name, binding: &Binding) {
        self.dead.remove(&(binding.source.clone(), znode.clone()));
        if let Some(there) = self.leading_to.get_mut(&binding.destination) {
            there.remove(&(binding.source.clone(), znode.clone()));
            if there.is_empty() {
                self.leading_to.remove(&binding.destination);
            }
        }
    }

    fn target(&self, binding: &Binding) -> Option<Destination> {
        if !self.is_live(binding) {
            return None;
        }
        match &binding.destination {
            DestinationName::Queue(name) => self.queue(name).cloned().map(Destination::Queue),
            DestinationName::Exchange(name) => Some(Destination::Exchange(name.clone())),
        }
    }

    /// Notes a binding with its exchange and, if it counts, in the routing table; unless it is there.
    fn link(&mut self, znode: &Name, binding: &Arc<Binding>) {
        let target = self.target(binding);
        let Some(routes) = self.exchanges.get_mut(&binding.source) else { return };
        let routes = Arc::make_mut(routes);
        let new = || Bound { binding: Arc::clone(binding), linked: None };
        let bound = routes.bindings.entry(znode, new);
        if bound.linked.is_none()
            && let Some(target) = target
        {
            routes.table.add(binding, &target);
            bound.linked = Some(target);
        }
        let place = (binding.source.clone(), znode.clone());
        if bound.linked.is_some() {
            self.dead.remove(&place);
        } else {
            self.dead.insert(place, ());
        }
        self.note_spent(&binding.source);
    }

    /// Takes a binding out of the routing table, if it is there.
    fn unlink(&mut self, source: &Name, znode: &Name) {
        let Some(routes) = self.exchanges.get_mut(source) else { return };
        let routes = Arc::make_mut(routes);
        if let Some(bound) = routes.bindings.get_mut(znode)
            && let Some(target) = bound.linked.take()
        {
            routes.table.remove(&bound.binding, &target);
        }
    }

    fn unlink_all(&mut self, destination: &DestinationName) {
        let bindings = self.leading_to.get(destination).cloned().unwrap_or_default();
        bindings.keys().for_each(|(source, znode)| self.unlink(source, znode));
    }

    fn link_all(&mut self, destination: &DestinationName) {
        let bindings = self.leading_to.get(destination).cloned().unwrap_or_default();
        bindings.iter().for_each(|((_, znode), binding)| self.link(znode, binding));
    }

    fn alternate_of(&self, exchange: &Exchange) -> Option<Name> {
        exchange.alternate().or_else(|| {
            let policy = self.policy_of_exchange(&exchange.name)?;
            policy.definition.alternate_exchange.as_deref().map(Name::from)
        })
    }

    fn refresh_alternates(&mut self) {
        let names: Vec<Name> = self.exchanges.keys().cloned().collect();
        for name in names {
            let Some(routes) = self.routes(&name) else { continue };
            let alternate = self.alternate_of(&routes.exchange);
            if alternate != routes.alternate
                && let Some(routes) = self.exchanges.get_mut(&name)
            {
                Arc::make_mut(routes).alternate = alternate;
            }
        }
    }
}
