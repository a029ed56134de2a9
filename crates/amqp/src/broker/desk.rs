//! What everything that is done for a connection shares.

use std::collections::VecDeque;
use std::sync::Arc;

use catalog::{Catalog, CatalogError, Exchange, ExclusiveOwner, Name, Queue, Resource, Topology, Vhost};
use parking_lot::Mutex;
use shards::Shards;
use streams::{Op, Outcome};
use tokio::sync::oneshot;

use crate::auth::User;
use crate::config::Config;
use crate::fault::Fault;

/// Who works where, and with what.
pub(crate) struct Desk {
    pub(crate) config: Arc<Config>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) entropy: Arc<dyn runtime::Entropy>,
    pub(crate) clock: runtime::Clock,
    pub(crate) user: User,
    pub(crate) vhost: Name,
    /// Whose its exclusive queues are.
    pub(crate) owner: ExclusiveOwner,
    /// Operations that jobs wait for.
    pub(crate) calls: Mutex<VecDeque<Call>>,
}

/// An operation whose outcome a job waits for.
pub(crate) struct Call {
    pub(crate) shard: u32,
    pub(crate) op: Op,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

impl Desk {
    /// What exists now, and the virtual host in it.
    pub(crate) fn look(&self) -> Result<(Arc<Topology>, Arc<Vhost>), Fault> {
        let topology = self.catalog.topology();
        let vhost = topology.vhost(&self.vhost).cloned();
        let vhost = vhost.ok_or_else(|| CatalogError::NoVhost(self.vhost.clone()))?;
        Ok((topology, vhost))
    }

    /// Asks a shard.
    pub(crate) async fn call(&self, shard: u32, op: Op) -> Result<Outcome, Fault> {
        let (answer, outcome) = oneshot::channel();
        self.calls.lock().push_back(Call { shard, op, answer });
        outcome.await.map_err(|_| Fault::internal_error("the outcome is not known; try again"))
    }

    pub(crate) fn queue_resource(&self, name: &str) -> Resource {
        Resource::queue(self.vhost.clone(), name)
    }

    pub(crate) fn exchange_resource(&self, name: &str) -> Resource {
        Resource::exchange(self.vhost.clone(), name)
    }

    /// A queue that is there and may be used on this connection.
    pub(crate) fn queue(&self, vhost: &Vhost, name: &str) -> Result<Arc<Queue>, Fault> {
        let queue =
            vhost.queue(name.as_bytes()).ok_or_else(|| CatalogError::NotFound(self.queue_resource(name)))?;
        queue.check_access(self.owner)?;
        Ok(Arc::clone(queue))
    }

    /// An exchange that is there.
    pub(crate) fn exchange<'v>(&self, vhost: &'v Vhost, name: &str) -> Result<&'v Arc<Exchange>, Fault> {
        let exchange = vhost.exchange(name.as_bytes());
        exchange.ok_or_else(|| CatalogError::NotFound(self.exchange_resource(name)).into())
    }

    /// A name that nobody else has.
    pub(crate) fn fresh_name(&self, prefix: &str) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        format!("{prefix}{}", crate::text::base64_url(&bytes))
    }
}

impl From<CatalogError> for Fault {
    fn from(error: CatalogError) -> Self {
        Fault::new(error.reply_code(), &error)
    }
}
