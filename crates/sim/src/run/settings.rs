//! What a seed decides before anything happens.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use runtime::disk::sim::Latency;

use server::Sizes;

use super::Options;
use super::queues::Queues;
use crate::planted::{self, Bug};
use crate::seeded::mix;
use crate::world;
use verify::history::ClientId;
use verify::workload::{Habits, Layout};

/// What a run is like.
pub(super) struct Settings {
    pub(super) seed: u64,
    pub(super) world: world::Settings,
    pub(super) chaos: Duration,
    pub(super) layout: Layout,
    pub(super) clients: Vec<ClientSettings>,
    /// Nodes that join as observers before anything goes wrong.
    pub(super) observers: u64,
    /// Whether at first only a quorum is healed.
    pub(super) heals_quorum_first: bool,
    pub(super) bug: Option<Bug>,
    /// What clients of queues are like; `None`: there are none.
    pub(super) queues: Option<Queues>,
}

/// What one client is like.
pub(super) struct ClientSettings {
    pub(super) id: ClientId,
    pub(super) host: u64,
    pub(super) window: usize,
    pub(super) session_timeout: Duration,
    pub(super) is_linearizable: bool,
    pub(super) habits: Habits,
}

const CLIENT_HOSTS: u64 = 2;
/// Machines for nodes that come in for others.
const REPLACEMENTS: u64 = 2;

impl Settings {
    pub(super) fn draw(seed: u64, options: &Options) -> Self {
        let rng = &mut StdRng::seed_from_u64(mix(seed ^ 0x5e77));
        let nodes = options.nodes.unwrap_or_else(|| pick(rng, &[3, 3, 3, 3, 5, 1]));
        let observers = pick(rng, &[0, 0, 1, 2]);
        let sync_us = pick(rng, &[200, 1000, 3000]);
        let disk_latency = Latency {
            read: Duration::from_micros(sync_us / 4),
            write: Duration::from_micros(sync_us / 10),
            sync: Duration::from_micros(sync_us),
            names: Duration::from_micros(sync_us / 4),
        };
        let world = world::Settings {
            seed,
            nodes,
            spares: observers + pick(rng, &[0, 1, 2]) + REPLACEMENTS,
            client_hosts: CLIENT_HOSTS,
            tick: Duration::from_millis(pick(rng, &[1, 1, 2])),
            latency_max: Duration::from_millis(pick(rng, &[1, 5, 20, 60])),
            disk_latency,
            disk_view: planted::disk_view(options.bug),
            sizes: sizes(rng),
            shards: 0,
        };
        let clients: Vec<ClientSettings> = (1..=rng.random_range(3..=6)).map(|id| client(rng, id)).collect();
        let layout = Layout {
            registers: pick(rng, &[2, 6, 20]),
            places: pick(rng, &[2, 8]),
            clients: clients.iter().map(|client| client.id).collect(),
            ephemerals: 3,
            families: 2,
        };
        let heals_quorum_first = rng.random_bool(0.4);
        Self {
            seed,
            world,
            chaos: options.chaos,
            layout,
            clients,
            observers,
            heals_quorum_first,
            bug: options.bug,
            queues: None,
        }
        .with_queues(options)
    }
}

impl Settings {
    /// Draws from numbers of its own, so that runs without queues are what they were before there were any.
    fn with_queues(mut self, options: &Options) -> Self {
        let rng = &mut StdRng::seed_from_u64(mix(self.seed ^ 0x9e0e));
        if !options.queues {
            return self;
        }
        self.world.shards = pick(rng, &[1, 2, 2, 3]);
        self.world.sizes.shard_log_bytes = pick(rng, &[4 << 10, 16 << 10, 64 << 10]);
        self.world.sizes.frames = segments::Config {
            block_bytes: pick(rng, &[512, 4096, 64 << 10]),
            readahead_bytes: pick(rng, &[512, 64 << 10]),
            cache_bytes: pick(rng, &[1 << 10, 64 << 10, 4 << 20]),
            live_percent_min: pick(rng, &[10, 50, 90]),
            rewrite_bytes_max: pick(rng, &[1 << 10, 256 << 20]),
            tier_files: pick(rng, &[2, 3, 8]),
            ..segments::Config::default()
        };
        self.queues = Some(Queues::draw(rng));
        self
    }
}

/// Some runs fill many segments and take many snapshots, some none.
fn sizes(rng: &mut StdRng) -> Sizes {
    Sizes {
        journal: journal::Config {
            segment_bytes: pick(rng, &[64 << 10, 256 << 10, 4 << 20]),
            block_bytes: pick(rng, &[512, 4096]),
            batch_bytes_max: pick(rng, &[16 << 10, 4 << 20]),
            cache_bytes: pick(rng, &[4 << 10, 256 << 10, 32 << 20]),
            spares_max: pick(rng, &[0, 2, 8]),
            ..journal::Config::default()
        },
        snapshot_log_bytes: pick(rng, &[16 << 10, 128 << 10, 64 << 20]),
        log_entries_kept: pick(rng, &[0, 16, 512]),
        ..Sizes::default()
    }
}

fn client(rng: &mut StdRng, id: u32) -> ClientSettings {
    ClientSettings {
        id: ClientId(id),
        host: u64::from(id) % CLIENT_HOSTS + 1,
        window: pick(rng, &[1, 4, 16, 64]),
        session_timeout: Duration::from_millis(pick(rng, &[4000, 4000, 6000, 10_000])),
        is_linearizable: id.is_multiple_of(3),
        habits: Habits {
            burst: pick(rng, &[1, 4, 16]),
            pause: Duration::from_millis(pick(rng, &[20, 80, 300])),
            writes: pick(rng, &[1.0, 1.0, 0.5, 0.02, 0.0]),
            syncs: pick(rng, &[0.0, 0.0, 0.1, 0.5]),
        },
    }
}

fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    *from.choose(rng).expect("there is something to pick")
}
