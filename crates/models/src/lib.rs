//! The designs that are ours, as models checked for safety and liveness.

pub mod checker;
pub mod forwarding;
pub mod gossip;
pub mod model;
pub mod rebalance;
pub mod recovery;
pub mod sessions;
mod wire;

use model::Entry;

/// All models.
pub const MODELS: &[Entry] = &[
    Entry::of::<forwarding::Forwarding>(),
    Entry::of::<gossip::Gossip>(),
    Entry::of::<rebalance::resource_barrier::ResourceBarrier>(),
    Entry::of::<rebalance::global_barrier::GlobalBarrier>(),
    Entry::of::<recovery::Recovery>(),
    Entry::of::<sessions::Sessions>(),
];
