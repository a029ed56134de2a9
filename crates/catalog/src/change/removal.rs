//! What goes with what is deleted: its bindings, and exchanges that are deleted with their last binding.

use std::collections::BTreeSet;

use tree::{ANY_VERSION, SubOperation};

use super::{Plan, Then, delete};
use crate::destination::DestinationName;
use crate::name::Name;
use crate::place::Place;
use crate::topology::Vhost;

/// So much is deleted in one transaction, so that applying it keeps nobody waiting.
const AT_ONCE: usize = 2_000;

/// A set of things that go together.
pub(super) struct Removal<'v> {
    vhost: &'v Vhost,
    queues: BTreeSet<Name>,
    exchanges: BTreeSet<Name>,
    /// By source and the name of the znode.
    bindings: BTreeSet<(Name, Name)>,
}

impl<'v> Removal<'v> {
    pub(super) fn new(vhost: &'v Vhost) -> Self {
        Self { vhost, queues: BTreeSet::new(), exchanges: BTreeSet::new(), bindings: BTreeSet::new() }
    }

    pub(super) fn queue(&mut self, name: &Name) {
        if self.queues.insert(name.clone()) {
            self.bindings_to(&DestinationName::Queue(name.clone()));
        }
    }

    pub(super) fn exchange(&mut self, name: &Name) {
        let Some(routes) = self.vhost.routes(name) else { return };
        if self.exchanges.insert(name.clone()) {
            self.bindings.extend(routes.bindings.keys().map(|znode| (name.clone(), znode.clone())));
            self.bindings_to(&DestinationName::Exchange(name.clone()));
        }
    }

    pub(super) fn binding(&mut self, source: &Name, znode: &Name) {
        if self.bindings.insert((source.clone(), znode.clone())) {
            self.spent(source);
        }
    }

    fn bindings_to(&mut self, destination: &DestinationName) {
        for ((source, znode), _) in self.vhost.all_bindings_to(destination) {
            self.binding(source, znode);
        }
    }

    /// An exchange that is deleted with its last binding has perhaps lost it.
    fn spent(&mut self, source: &Name) {
        let Some(routes) = self.vhost.routes(source).filter(|routes| routes.exchange.auto_delete) else {
            return;
        };
        let mut live = routes.bindings.iter().filter(|(_, bound)| bound.linked.is_some());
        if live.all(|(znode, _)| self.bindings.contains(&(source.clone(), znode.clone()))) {
            self.exchange(source);
        }
    }

    /// To delete it all; in several transactions if it is much. Then bindings go first, so that what they lead from or to is there until
    /// the last.
    pub(super) fn plan<T>(&self, value: T) -> Plan<T> {
        let mut operations = self.operations();
        if operations.len() <= AT_ONCE {
            return Plan::commit(operations, value);
        }
        operations.truncate(AT_ONCE);
        Plan::Commit { operations, session: None, then: Then::LookAgain }
    }

    /// The deletions, in an order in which each is possible. A znode that has got another child meanwhile is not deleted, and with it
    /// nothing is.
    fn operations(&self) -> Vec<SubOperation> {
        let vhost = &self.vhost.name;
        let bindings = self.bindings.iter().map(|(source, znode)| {
            let znode = String::from_utf8_lossy(znode).into_owned();
            delete(&Place::Binding(vhost.clone(), source.clone(), znode), ANY_VERSION)
        });
        let exchanges = self.exchanges.iter().map(|name| {
            let version = self.vhost.routes(name).map_or(ANY_VERSION, |routes| routes.version);
            delete(&Place::Exchange(vhost.clone(), name.clone()), version)
        });
        let queues =
            self.queues.iter().map(|name| delete(&Place::Queue(vhost.clone(), name.clone()), ANY_VERSION));
        bindings.chain(exchanges).chain(queues).collect()
    }
}
