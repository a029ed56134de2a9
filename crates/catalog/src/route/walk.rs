//! The walk over exchanges that are bound to one another.

use std::sync::Arc;

use super::Message;
use crate::destination::Destination;
use crate::name::Name;
use crate::queue::Queue;
use crate::topology::{Routes, Vhost};

/// Where a message goes. Reused for many messages, it allocates next to nothing.
#[derive(Default)]
pub struct Routed {
    queues: Vec<Arc<Queue>>,
    delayed: bool,
    /// The exchanges after the first that were found on the way, in the order in which they are asked.
    found: Vec<Name>,
}

impl Routed {
    /// Nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The queues, each once, in an order without meaning.
    pub fn queues(&self) -> &[Arc<Queue>] {
        &self.queues
    }

    /// Whether an `x-delayed-message` exchange was on the way: then the message's header `x-delay` counts.
    pub fn is_delayed(&self) -> bool {
        self.delayed
    }

    /// Walks from an exchange, asking every exchange once.
    pub(crate) fn walk(&mut self, vhost: &Vhost, first: &Routes, message: &Message<'_>) {
        self.begin();
        self.ask(first, &first.exchange.name, message);
        let mut asked = 0;
        while let Some(name) = self.found.get(asked) {
            asked += 1;
            match vhost.routes(name) {
                Some(routes) => self.ask(routes, &first.exchange.name, message),
                None if name.is_empty() => self.ask_default(vhost, message),
                None => {}
            }
        }
        if asked > 0 || !first.table.finds_once(message) {
            self.leave_each_once();
        }
    }

    /// What the default exchange does: keys are names of queues.
    pub(crate) fn walk_default(&mut self, vhost: &Vhost, message: &Message<'_>) {
        self.begin();
        self.ask_default(vhost, message);
        if !message.more_keys.is_empty() {
            self.leave_each_once();
        }
    }

    fn begin(&mut self) {
        self.queues.clear();
        self.found.clear();
        self.delayed = false;
    }

    fn ask(&mut self, routes: &Routes, first: &Name, message: &Message<'_>) {
        self.delayed |= routes.exchange.kind.delayed;
        let Self { queues, found, .. } = self;
        let mut see = |name: &Name| {
            if name != first && !found.contains(name) {
                found.push(name.clone());
            }
        };
        let mut matched = false;
        routes.table.find(message, |destination| {
            matched = true;
            match destination {
                Destination::Queue(queue) => queues.push(Arc::clone(queue)),
                Destination::Exchange(name) => see(name),
            }
        });
        if !matched && let Some(alternate) = &routes.alternate {
            see(alternate);
        }
    }

    fn ask_default(&mut self, vhost: &Vhost, message: &Message<'_>) {
        self.queues.extend(message.keys().filter_map(|key| vhost.queue(key)).cloned());
    }

    fn leave_each_once(&mut self) {
        if self.queues.len() > 1 {
            self.queues.sort_unstable_by_key(|queue| queue.id);
            self.queues.dedup_by_key(|queue| queue.id);
        }
    }
}
