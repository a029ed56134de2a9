//! On what terms clients are served.

use std::sync::Arc;

use runtime::Security;

/// What a client's reads promise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// ZooKeeper's promise: a state that was, never an older one than the client has seen.
    #[default]
    Local,
    /// All that was committed anywhere before the read came. Costs a round trip to the leader, which asks a quorum, and is
    /// shared by all reads that wait.
    Linearizable,
}

impl Reads {
    /// What it is called in the configuration, and by clients.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "local" => Some(Self::Local),
            "linearizable" => Some(Self::Linearizable),
            _ => None,
        }
    }
}

/// What holds for the clients of one listener.
#[derive(Clone, Default)]
pub struct Terms {
    /// What a stream goes through before anything is read from it; `None`: nothing.
    pub security: Option<Arc<dyn Security>>,
    /// What their reads promise, unless they ask for something else: see `docs/consistency.md`.
    pub reads: Reads,
}
