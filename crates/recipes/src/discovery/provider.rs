//! The instances of one service, to pick from.

use std::sync::Arc;
use std::time::Duration;

use client::Sessions;
use parking_lot::Mutex;
use runtime::{Instant, Runtime};

use super::strategy::{Picking, Strategy};
use super::{DiscoveryError, Instance, decode};
use crate::cache::{Cache, CacheError, Changes, Scope};
use crate::paths;

/// When an instance that fails is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DownPolicy {
    /// So many failures leave it out; 1 or more. 2 by default, as in Curator.
    pub failures: u32,
    /// Failures are forgotten after this time, and so is that it was left out. 30 s by default, as in Curator.
    pub forgotten_after: Duration,
}

impl Default for DownPolicy {
    fn default() -> Self {
        Self { failures: 2, forgotten_after: Duration::from_secs(30) }
    }
}

/// How instances are picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProviderOptions {
    /// Which one is next.
    pub strategy: Strategy,
    /// Which ones are left out.
    pub down: DownPolicy,
}

/// The instances of one service, from memory.
pub struct Provider {
    cache: Cache,
    runtime: Runtime,
    options: ProviderOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The cache's generation that the instances were read at.
    generation: Option<u64>,
    instances: Vec<Arc<Instance>>,
    failures: Vec<Failure>,
    picking: Picking,
}

struct Failure {
    id: String,
    at: Instant,
}

/// Failures that are remembered; the oldest are forgotten first.
const FAILURES_MAX: usize = 4096;

impl Provider {
    pub(super) async fn open(
        sessions: &Sessions,
        path: &str,
        options: ProviderOptions,
    ) -> Result<Self, DiscoveryError> {
        let runtime = sessions.client().await?.runtime().clone();
        let cache = Cache::open(sessions, path, Scope::Children).await?;
        cache.complete().await?;
        Ok(Self { cache, runtime, options, state: Mutex::default() })
    }

    /// All instances, in the byte order of their znodes' names, used or not.
    pub fn all(&self) -> Vec<Arc<Instance>> {
        let mut state = self.state.lock();
        state.refresh(&self.cache);
        state.instances.clone()
    }

    /// The instance to use next; `None` if none is enabled and not left out.
    pub fn pick(&self) -> Option<Arc<Instance>> {
        let now = self.runtime.clock.now();
        let mut state = self.state.lock();
        state.refresh(&self.cache);
        state.forget(now, self.options.down.forgotten_after);
        let State { instances, failures, picking, .. } = &mut *state;
        let limit = usize::try_from(self.options.down.failures.max(1)).unwrap_or(usize::MAX);
        let usable: Vec<&Arc<Instance>> = instances
            .iter()
            .filter(|instance| instance.enabled && of(failures, instance).count() < limit)
            .collect();
        let failed_at = |instance: &Instance| of(failures, instance).max();
        picking.pick(self.options.strategy, &usable, failed_at, &*self.runtime.entropy)
    }

    /// An instance that was picked could not be used.
    pub fn note_failure(&self, instance: &Instance) {
        let at = self.runtime.clock.now();
        let mut state = self.state.lock();
        if state.failures.len() >= FAILURES_MAX {
            state.failures.remove(0);
        }
        state.failures.push(Failure { id: instance.id.clone(), at });
    }

    /// Tells when instances come, change, and go, beginning with those that are there. Their data is [`Instance`] as JSON.
    pub fn changes(&self) -> Changes {
        self.cache.changes()
    }

    /// Whether instances are still followed, and if not, why.
    pub fn failure(&self) -> Option<CacheError> {
        self.cache.failure()
    }
}

impl State {
    fn refresh(&mut self, cache: &Cache) {
        // Before reading, so that what changes meanwhile is read next time.
        let generation = Some(cache.generation());
        if self.generation == generation {
            return;
        }
        let all = cache.all();
        let decoded = all.iter().filter_map(|(path, node)| decode(paths::name(path), node.data.as_deref()));
        self.instances = decoded.map(Arc::new).collect();
        self.generation = generation;
    }

    fn forget(&mut self, now: Instant, after: Duration) {
        self.failures.retain(|failure| now.saturating_since(failure.at) < after);
    }
}

/// When an instance failed.
fn of<'a>(failures: &'a [Failure], instance: &'a Instance) -> impl Iterator<Item = Instant> + 'a {
    failures.iter().filter(|failure| failure.id == instance.id).map(|failure| failure.at)
}
