//! Sweeps up what nobody deleted in time: bindings to what has gone, exchanges that were to go with their last binding, and virtual
//! hosts whose deletion was interrupted.
//!
//! Every node does it, some time after it has seen what is to be done, so that usually one has done it before the others begin. Nothing
//! depends on it being soon: what is swept up counts for nothing already.

use std::sync::Arc;
use std::time::Duration;

use tree::ANY_VERSION;

use crate::catalog::Catalog;
use crate::change::{Plan, delete};
use crate::error::CatalogError;
use crate::name::Name;
use crate::place::Place;
use crate::topology::{Topology, Vhost};

/// A node looks at most so often ...
const REST_MS: u64 = 200;
/// ... and at random some time later.
const SPREAD_MS: u64 = 800;
/// So much is swept up in one transaction.
const AT_ONCE: usize = 500;

pub(crate) struct Janitor {
    catalog: Arc<Catalog>,
}

impl Janitor {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog }
    }

    /// Goes on for ever.
    pub(crate) async fn run(self) {
        let mut changed = self.catalog.changed();
        loop {
            if changed.wait_for(|topology| topology.has_litter()).await.is_err() {
                return;
            }
            let spread = self.catalog.runtime.entropy.next_u64() % SPREAD_MS;
            self.catalog.runtime.clock.sleep(Duration::from_millis(REST_MS + spread)).await;
            if let Err(error) = self.sweep().await {
                tracing::debug!(%error, "sweep of the catalog failed; it is tried again");
            }
        }
    }

    async fn sweep(&self) -> Result<(), CatalogError> {
        let topology = self.catalog.topology();
        for name in topology.closing_vhosts() {
            self.catalog.clear_vhost(&name).await?;
        }
        if topology.vhosts.values().any(|vhost| vhost.has_litter()) {
            self.catalog.change(|topology| Ok(topology.plan_sweep())).await?;
        }
        Ok(())
    }
}

impl Topology {
    fn has_litter(&self) -> bool {
        self.vhosts.values().any(|vhost| vhost.record.deleting || vhost.has_litter())
    }

    fn closing_vhosts(&self) -> Vec<Name> {
        let closing = self.vhosts.values().filter(|vhost| vhost.record.deleting);
        closing.map(|vhost| vhost.name.clone()).collect()
    }

    fn plan_sweep(&self) -> Plan<()> {
        let open = self.vhosts.values().filter(|vhost| !vhost.record.deleting);
        let operations: Vec<_> = open.flat_map(|vhost| vhost.litter()).take(AT_ONCE).collect();
        if operations.is_empty() { Plan::Done(()) } else { Plan::commit(operations, ()) }
    }
}

impl Vhost {
    fn has_litter(&self) -> bool {
        !self.dead.is_empty() || !self.spent.is_empty()
    }

    /// The deletions. Names of dead bindings are never used again, so any version will do. The version of an exchange that was bound is
    /// above 0, that of one which was declared anew is 0.
    fn litter(&self) -> impl Iterator<Item = tree::SubOperation> {
        let dead = self.dead.keys().map(|(source, znode)| {
            let znode = String::from_utf8_lossy(znode).into_owned();
            delete(&Place::Binding(self.name.clone(), source.clone(), znode), ANY_VERSION)
        });
        let spent = self.spent.keys().filter_map(|name| {
            let routes = self.routes(name)?;
            Some(delete(&Place::Exchange(self.name.clone(), name.clone()), routes.version))
        });
        dead.chain(spent)
    }
}
