//! Where a binding leads.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::map::Map;
use crate::name::Name;
use crate::queue::Queue;

/// What a binding leads to, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DestinationName {
    /// A queue.
    Queue(Name),
    /// An exchange.
    Exchange(Name),
}

impl DestinationName {
    /// The name.
    pub fn name(&self) -> &Name {
        match self {
            DestinationName::Queue(name) | DestinationName::Exchange(name) => name,
        }
    }

    /// Whether it is a queue.
    pub fn is_queue(&self) -> bool {
        matches!(self, DestinationName::Queue(_))
    }
}

/// What a binding leads to. Two are the same that have the same name: of what was replaced, nothing is left in a routing table.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Queue(Arc<Queue>),
    Exchange(Name),
}

impl Destination {
    fn key(&self) -> (bool, &Name) {
        match self {
            Destination::Queue(queue) => (true, &queue.name),
            Destination::Exchange(name) => (false, name),
        }
    }
}

impl PartialEq for Destination {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Destination {}

impl PartialOrd for Destination {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Destination {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Destination {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Destinations, each with by how many bindings it is there.
#[derive(Clone, Default)]
pub(crate) struct Destinations(Map<Destination, u32>);

impl Destinations {
    pub(crate) fn add(&mut self, destination: &Destination) {
        *self.0.entry(destination, || 0) += 1;
    }

    pub(crate) fn remove(&mut self, destination: &Destination) {
        if let Some(count) = self.0.get_mut(destination) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(destination);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Destination> {
        self.0.keys()
    }
}
