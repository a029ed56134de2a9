//! How much of what clients may have.

use super::FileSettings;

/// How many connections clients may have. 0: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In all. Default 0.
    pub all: usize,
    /// From one address. Default 60, as ZooKeeper's `maxClientCnxns`.
    pub of_an_address: usize,
}

impl ConnectionLimits {
    pub(super) fn of(settings: &FileSettings) -> Self {
        Self {
            all: settings.connections_max.unwrap_or(0),
            of_an_address: settings.connections_per_address_max.unwrap_or(60),
        }
    }
}
