//! Whose consumers are gone: those of nodes whose sessions in the control plane have ended.

use std::sync::Arc;

use catalog::Catalog;
use runtime::BoxFuture;
use shards::Owners;
use streams::Owner;
use tokio::sync::watch;

/// The sessions of the nodes, as the catalog knows them.
pub(super) struct NodeSessions {
    catalog: Arc<Catalog>,
    changes: watch::Receiver<u64>,
}

impl NodeSessions {
    /// The sessions, and the work that tells of their changes.
    pub(super) fn new(catalog: Arc<Catalog>) -> (Self, impl Future<Output = ()>) {
        let (counter, changes) = watch::channel(0);
        let mut sessions = catalog.sessions();
        let following = async move {
            while sessions.changed().await.is_ok() {
                counter.send_modify(|count| *count += 1);
            }
        };
        (Self { catalog, changes }, following)
    }
}

impl Owners for NodeSessions {
    /// A session is there before its first consumer is, so whoever looks at consumers first and then at sessions of no earlier
    /// moment takes none for gone that lives. One that has left never comes back.
    fn gone(&self, owners: Vec<Owner>) -> BoxFuture<'_, Vec<Owner>> {
        Box::pin(async move {
            if self.catalog.sync().await.is_err() {
                return Vec::new();
            }
            let sessions = self.catalog.sessions();
            let sessions = sessions.borrow();
            owners.into_iter().filter(|owner| !sessions.contains_key(&owner.0)).collect()
        })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }
}
