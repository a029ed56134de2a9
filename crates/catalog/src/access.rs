//! What a connection may do: its user's permissions, and a few answers that it was given already.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{CatalogError, Resource};
use crate::name::Name;
use crate::permission::{Action, Permission, TopicPermission, Topics, Variables};
use crate::topology::{Topology, Vhost};

/// So many answers are kept. A connection that uses more resources in turn pays for a search each time.
const KEPT: usize = 12;

/// The name under which the default exchange is looked up.
const DEFAULT_EXCHANGE: &[u8] = b"amq.default";

/// What something is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A queue.
    Queue(&'a [u8]),
    /// An exchange.
    Exchange(&'a [u8]),
}

impl Target<'_> {
    fn name(&self) -> &[u8] {
        match self {
            Target::Queue(name) => name,
            Target::Exchange(b"") => DEFAULT_EXCHANGE,
            Target::Exchange(name) => name,
        }
    }

    fn resource(&self, vhost: &Vhost) -> Resource {
        match self {
            Target::Queue(name) => Resource::queue(vhost.name.clone(), *name),
            Target::Exchange(_) => Resource::exchange(vhost.name.clone(), self.name()),
        }
    }
}

/// A connection's user in its virtual host, as of one picture. Asked with a newer one, it forgets what it knew if the user's
/// permissions are others.
pub struct Access {
    user: Name,
    client_id: String,
    permission: Option<Arc<Permission>>,
    /// What was allowed lately, the newest last. Names do not say of what: permissions do not ask.
    allowed: VecDeque<(Action, Name)>,
    topics: Vec<(Arc<TopicPermission>, Topics)>,
}

impl Access {
    /// Of a connection of `user`. `client_id` is what patterns for routing keys may name.
    pub fn new(user: Name, client_id: String) -> Self {
        Self { user, client_id, permission: None, allowed: VecDeque::new(), topics: Vec::new() }
    }

    /// Who it is.
    pub fn user(&self) -> &Name {
        &self.user
    }

    /// Lets it into a virtual host.
    ///
    /// # Errors
    /// [`CatalogError::NoVhost`], [`CatalogError::VhostRefused`].
    pub fn enter(&self, topology: &Topology, vhost: &Name) -> Result<Arc<Vhost>, CatalogError> {
        let found = topology.vhost(vhost).ok_or_else(|| CatalogError::NoVhost(vhost.clone()))?;
        match found.permission(&self.user) {
            Some(_) => Ok(Arc::clone(found)),
            None => Err(CatalogError::VhostRefused { vhost: vhost.clone(), user: self.user.clone() }),
        }
    }

    /// Whether it may do something.
    ///
    /// # Errors
    /// [`CatalogError::Refused`].
    pub fn check(&mut self, vhost: &Vhost, action: Action, target: Target<'_>) -> Result<(), CatalogError> {
        let permission = vhost.permission(&self.user);
        if !is_same(self.permission.as_ref(), permission) {
            self.permission = permission.cloned();
            self.allowed.clear();
        }
        let name = target.name();
        if self.allowed.iter().any(|(known, of)| *known == action && **of == *name) {
            return Ok(());
        }
        if !permission.is_some_and(|permission| permission.permits(action, name)) {
            let (resource, user) = (target.resource(vhost), self.user.clone());
            return Err(CatalogError::Refused { action, resource, user });
        }
        if self.allowed.len() == KEPT {
            self.allowed.pop_front();
        }
        self.allowed.push_back((action, name.into()));
        Ok(())
    }

    /// Whether it may do something with a routing key of an exchange, beside what it may do with the exchange.
    ///
    /// # Errors
    /// [`CatalogError::TopicRefused`].
    pub fn check_topic(
        &mut self,
        vhost: &Vhost,
        action: Action,
        exchange: &Name,
        key: &[u8],
    ) -> Result<(), CatalogError> {
        let Some(permission) = vhost.topic_permission(&self.user, exchange) else { return Ok(()) };
        if self.topics(vhost, permission).permits(action, key) {
            return Ok(());
        }
        Err(CatalogError::TopicRefused {
            action,
            key: key.into(),
            exchange: Resource::exchange(vhost.name.clone(), exchange.clone()),
            user: self.user.clone(),
        })
    }

    /// The patterns for this connection, made once.
    fn topics(&mut self, vhost: &Vhost, permission: &Arc<TopicPermission>) -> &Topics {
        let at = match self.topics.iter().position(|(known, _)| Arc::ptr_eq(known, permission)) {
            Some(at) => at,
            None => {
                let (user, vhost) = (self.user.to_string(), vhost.name.to_string());
                let variables = Variables { user: &user, vhost: &vhost, client_id: &self.client_id };
                if self.topics.len() == KEPT {
                    self.topics.remove(0);
                }
                self.topics.push((Arc::clone(permission), permission.for_connection(&variables)));
                self.topics.len() - 1
            }
        };
        &self.topics[at].1
    }
}

fn is_same(known: Option<&Arc<Permission>>, now: Option<&Arc<Permission>>) -> bool {
    match (known, now) {
        (Some(known), Some(now)) => Arc::ptr_eq(known, now),
        (None, None) => true,
        _ => false,
    }
}
