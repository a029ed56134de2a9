//! The catalog on one node: a picture of what exists, and the way to change it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use runtime::{Pool, Runtime, Task};
use tokio::sync::{mpsc, oneshot, watch};
use tree::SubOperation;

use crate::change::{Plan, Then};
use crate::error::CatalogError;
use crate::janitor::Janitor;
use crate::keeper::{Keeper, Refusal, Request};
use crate::node::Founders;
use crate::topology::Topology;

/// So many changes may wait for their turn; whoever comes then waits to be let in.
const REQUESTS_MAX: usize = 1024;
/// After the leader could not be reached, before the next attempt.
const RETRY: Duration = Duration::from_millis(100);
/// So often a change is planned anew because others changed the same.
const ATTEMPTS_MAX: usize = 64;
/// So many ids a node takes at once.
pub(crate) const IDS_AT_ONCE: u64 = 256;

/// The settings of a node's catalog.
#[derive(Clone, Debug)]
pub struct CatalogConfig {
    /// How long this node may be out of touch with the leader before its exclusive queues and its consumers are given up. From 100 ms up.
    pub session_timeout: Duration,
    /// How many shards a new cluster gets. From 1 to 256. What exists is not changed.
    pub shards: u32,
    /// How many nodes vote in each shard of a new cluster. From 1 up. What exists is not changed.
    pub replication_factor: u32,
    /// Who founds shards.
    pub founders: Founders,
    /// The id of the cluster.
    pub cluster: String,
    /// Where this node's listeners are, by protocol, as `HOST:PORT`: for the other nodes.
    pub addresses: BTreeMap<String, String>,
    /// How long a change may take before its caller is told that it is not known whether it was made.
    pub patience: Duration,
}

impl Default for CatalogConfig {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(3),
            shards: 4,
            replication_factor: 3,
            founders: Founders::default(),
            cluster: String::new(),
            addresses: BTreeMap::new(),
            patience: Duration::from_secs(30),
        }
    }
}

/// What exists on the data plane, as this node knows it. See the crate's documentation.
pub struct Catalog {
    pub(crate) runtime: Runtime,
    pub(crate) control: Arc<Control>,
    pub(crate) config: CatalogConfig,
    pub(crate) topology: watch::Sender<Arc<Topology>>,
    /// This node's session, once its znode is there.
    pub(crate) session: watch::Sender<Option<i64>>,
    /// The sessions of all nodes that are there, with the nodes.
    pub(crate) sessions: watch::Sender<Arc<BTreeMap<i64, u64>>>,
    requests: mpsc::Sender<Request>,
    /// Taken and not given away yet.
    ids: tokio::sync::Mutex<Range<u64>>,
}

impl Catalog {
    /// Starts to follow the tree. `control` must have been started. All of it ends with the returned task.
    pub fn start(runtime: Runtime, control: Arc<Control>, config: CatalogConfig) -> (Arc<Self>, Task) {
        let (requests, received) = mpsc::channel(REQUESTS_MAX);
        let catalog = Arc::new(Self {
            control,
            config,
            topology: watch::Sender::new(Arc::default()),
            session: watch::Sender::new(None),
            sessions: watch::Sender::new(Arc::default()),
            requests,
            ids: tokio::sync::Mutex::new(0..0),
            runtime: runtime.clone(),
        });
        let keeper = Keeper::new(Arc::clone(&catalog), received);
        let janitor = Janitor::new(Arc::clone(&catalog));
        let task = runtime.spawn(Pool::Clients, async move {
            tokio::join!(biased; keeper.run(), janitor.run());
        });
        (catalog, task)
    }

    /// Completes when this node has a session and the catalog is read, made first if the cluster is new.
    pub async fn ready(&self) {
        let mut session = self.session.subscribe();
        session.wait_for(Option::is_some).await.expect("the sender is a field of this struct");
    }

    /// What exists.
    pub fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.topology.borrow())
    }

    /// What exists, and every time it has changed. What was changed through this node is in when the call that did so returns.
    pub fn changed(&self) -> watch::Receiver<Arc<Topology>> {
        self.topology.subscribe()
    }

    /// This node's session in the control plane: `None` before there is one, and from when it is known to have ended until there is
    /// another. Exclusive queues belong to it and are gone when it is.
    pub fn session(&self) -> watch::Receiver<Option<i64>> {
        self.session.subscribe()
    }

    /// The sessions of all nodes that are there, each with its node. One that was in and is no longer has ended for ever. One that was not in
    /// yet may be so new that this node has not heard of it: whether it has ended is known after [`Catalog::sync`].
    pub fn sessions(&self) -> watch::Receiver<Arc<BTreeMap<i64, u64>>> {
        self.sessions.subscribe()
    }

    /// Completes when [`Catalog::topology`] shows everything that was done anywhere before the call.
    ///
    /// # Errors
    /// [`CatalogError::Unavailable`] if no leader answers.
    pub async fn sync(&self) -> Result<(), CatalogError> {
        self.control.barrier().await.map_err(|_| CatalogError::Unavailable)?;
        match self.commit(Vec::new(), None).await {
            Ok(()) => Ok(()),
            Err(_) => Err(CatalogError::Unavailable),
        }
    }

    /// Makes a change that is planned on a picture of what exists: anew on a fresh one, until nobody has interfered.
    ///
    /// What needs no change, or can not be done, is decided on a picture that is as new as the call.
    pub(crate) async fn change<T>(
        &self,
        plan: impl FnMut(&Topology) -> Result<Plan<T>, CatalogError>,
    ) -> Result<T, CatalogError> {
        let changed = self.runtime.clock.timeout(self.config.patience, self.change_at_leisure(plan)).await;
        changed.unwrap_or(Err(CatalogError::Unavailable))
    }

    async fn change_at_leisure<T>(
        &self,
        mut plan: impl FnMut(&Topology) -> Result<Plan<T>, CatalogError>,
    ) -> Result<T, CatalogError> {
        // Whether the picture is as new as the call.
        let mut is_fresh = false;
        for _ in 0..ATTEMPTS_MAX {
            let planned = plan(&self.topology());
            let (operations, session, then) = match planned {
                Ok(Plan::Commit { operations, session, then }) => (operations, session, then),
                done_or_refused => {
                    if is_fresh {
                        return done_or_refused.map(Plan::into_done);
                    }
                    self.catch_up().await;
                    is_fresh = true;
                    continue;
                }
            };
            match self.commit(operations, session).await {
                Ok(()) => match then {
                    Then::Return(value) => return Ok(value),
                    Then::LookAgain => is_fresh = true,
                },
                // Whatever was in the way was told before the answer.
                Err(Refusal::Conflict) => is_fresh = true,
                Err(Refusal::Lost) => self.catch_up().await,
                Err(Refusal::NoSession) => return Err(CatalogError::NoSession),
                Err(Refusal::Full) => return Err(CatalogError::Full),
                Err(Refusal::Tree(error)) => return Err(CatalogError::Tree(error)),
            }
        }
        Err(CatalogError::Contended("what is to be changed".to_owned()))
    }

    /// As [`Catalog::sync`], until it succeeds.
    async fn catch_up(&self) {
        while self.sync().await.is_err() {
            self.runtime.clock.sleep(RETRY).await;
        }
    }

    /// Has the keeper make a transaction. Without operations, it only looks around.
    pub(crate) async fn commit(
        &self,
        operations: Vec<SubOperation>,
        session: Option<i64>,
    ) -> Result<(), Refusal> {
        let (answer, answered) = oneshot::channel();
        let request = Request { operations, session, answer };
        self.requests.send(request).await.map_err(|_| Refusal::Lost)?;
        answered.await.unwrap_or(Err(Refusal::Lost))
    }

    /// An id that nobody ever got and nobody will.
    pub(crate) async fn new_id(&self) -> Result<u64, CatalogError> {
        self.take_ids(1).await
    }

    /// The first of so many of them that follow one another.
    pub(crate) async fn take_ids(&self, count: u32) -> Result<u64, CatalogError> {
        let count = u64::from(count);
        let mut ids = self.ids.lock().await;
        if ids.end - ids.start < count {
            *ids = self.change(|topology| Ok(topology.plan_ids(IDS_AT_ONCE.max(count)))).await?;
        }
        let first = ids.start;
        ids.start += count;
        Ok(first)
    }
}
