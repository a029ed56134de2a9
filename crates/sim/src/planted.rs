//! Bugs put in on purpose, which the checks must find. They live here, between the real server or client and the world:
//! nothing of the product knows of them.

mod disk;
mod network;

use runtime::{Network, SimDisk};
use std::sync::Arc;

pub use disk::lying_disk;

use crate::world::{DiskView, HostNetwork};

/// A bug to plant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// Disks say that a sync is done and do nothing: acknowledged writes are lost when the power goes.
    LyingSync,
    /// Something between client and server sends a request twice: writes are applied twice.
    RepeatedRequest,
    /// A cache between client and server gives old data in new replies.
    StaleCache,
    /// Watch events get lost.
    LostEvents,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 4] = [Bug::LyingSync, Bug::RepeatedRequest, Bug::StaleCache, Bug::LostEvents];
}

/// How nodes see their disk.
pub fn disk_view(bug: Option<Bug>) -> DiskView {
    match bug {
        Some(Bug::LyingSync) => lying_disk,
        _ => honest_disk,
    }
}

fn honest_disk(disk: SimDisk) -> Arc<dyn runtime::Disk> {
    Arc::new(disk)
}

/// How clients see the network.
pub fn client_network(bug: Option<Bug>, network: HostNetwork, seed: u64) -> Box<dyn Network> {
    match bug {
        Some(bug @ (Bug::RepeatedRequest | Bug::StaleCache | Bug::LostEvents)) => {
            Box::new(network::Tampered::new(network, bug, seed))
        }
        _ => Box::new(network),
    }
}
