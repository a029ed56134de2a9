//! Limits of users and virtual hosts.

use std::sync::Arc;

use catalog::{CatalogError, Limit, Name};

use super::Server;
use crate::fault::Fault;
use crate::note::Note;
use crate::usage::{Counted, Usage};

impl Server {
    /// Whether a user may have one more connection, and a virtual host too.
    pub(super) fn check_connection_limits(&self, user: &Name, vhost: &Name) -> Result<(), CatalogError> {
        let topology = self.catalog.topology();
        let of_vhost = topology.vhost(vhost).and_then(|it| it.record.limits.max(Limit::MaxConnections));
        if let Some(max) = of_vhost
            && self.count(Counted::VhostConnections, &vhost.to_string(), None) >= max
        {
            return Err(CatalogError::VhostFull { vhost: vhost.clone(), user: user.clone(), max });
        }
        let of_user = topology.user(user).and_then(|it| it.limits.max(Limit::MaxConnections));
        match of_user {
            Some(max) if self.count(Counted::UserConnections, &user.to_string(), None) >= max => {
                Err(CatalogError::TooManyConnections { user: user.clone(), max })
            }
            _ => Ok(()),
        }
    }

    /// Says whether a user may have one more channel on a connection, which has so many already.
    pub(super) fn channel_gate(
        self: &Arc<Self>,
        user: Name,
        connection: u64,
    ) -> impl Fn(usize) -> Result<(), Fault> + Send + Sync + use<> {
        let server = Arc::downgrade(self);
        move |own| {
            let Some(server) = server.upgrade() else { return Ok(()) };
            let topology = server.catalog.topology();
            let max = topology.user(&user).and_then(|it| it.limits.max(Limit::MaxChannels));
            let Some(max) = max else { return Ok(()) };
            let others = server.count(Counted::UserChannels, &user.to_string(), Some(connection));
            if others + own as u64 >= max {
                return Err(CatalogError::TooManyChannels { user: user.clone(), max }.into());
            }
            Ok(())
        }
    }

    /// How many there are on all nodes, without those of one connection.
    fn count(&self, counted: Counted, whose: &str, without: Option<u64>) -> u64 {
        let others = self.usages.count(counted, whose, self.runtime.clock.now());
        self.registry.count(counted, whose, without) + others
    }

    /// Tells the other nodes how much those have here that are limited. To be called every second.
    pub fn share_usage(&self) {
        let topology = self.catalog.topology();
        let users = topology.users().into_iter().filter(|user| !user.limits.is_empty());
        let vhosts = topology.vhosts().into_iter().filter(|vhost| !vhost.record.limits.is_empty());
        let users = users.flat_map(|user| {
            [Counted::UserConnections, Counted::UserChannels].map(|counted| (counted, user.name.to_string()))
        });
        let limited = users.chain(vhosts.map(|vhost| (Counted::VhostConnections, vhost.name.to_string())));
        let usage: Usage = limited
            .map(|(counted, whose)| {
                let count = self.registry.count(counted, &whose, None);
                ((counted, whose), u32::try_from(count).unwrap_or(u32::MAX))
            })
            .collect();
        if !usage.is_empty() {
            let note = Note::Usage(usage).encode();
            self.colleagues.others().into_iter().for_each(|node| self.colleagues.tell(node, note.clone()));
        }
    }
}
