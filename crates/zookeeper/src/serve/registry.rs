//! The connections that clients have, for those who ask about them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tree::SessionId;

use crate::codec::OpCode;

/// All connections, in the order in which they were accepted.
#[derive(Default)]
pub(crate) struct Registry {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    emptied: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    connections: BTreeMap<u64, Arc<ConnectionInfo>>,
    by_address: BTreeMap<IpAddr, usize>,
}

/// How many connections there may be. 0: as many as come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) all: usize,
    pub(crate) of_an_address: usize,
}

/// There are as many connections as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// In all.
    #[error("{0} clients are connected, which is the limit; raise connections-max if there are to be more")]
    All(usize),
    /// From this address.
    #[error(
        "{0} clients are connected from this address, which is the limit; raise connections-per-address-max if there are to \
         be more"
    )]
    Address(usize),
}

impl State {
    fn check(&self, peer: SocketAddr, limits: Limits) -> Result<(), Crowded> {
        if limits.all > 0 && self.connections.len() >= limits.all {
            return Err(Crowded::All(limits.all));
        }
        let of_an_address = self.by_address.get(&address_of(peer)).copied().unwrap_or(0);
        if limits.of_an_address > 0 && of_an_address >= limits.of_an_address {
            return Err(Crowded::Address(limits.of_an_address));
        }
        Ok(())
    }

    fn forget(&mut self, peer: SocketAddr) {
        let address = address_of(peer);
        let count = self.by_address.get_mut(&address).expect("whoever is connected was counted");
        *count -= 1;
        if *count == 0 {
            self.by_address.remove(&address);
        }
    }
}

/// A listener for both families sees IPv4 addresses inside IPv6 ones.
fn address_of(peer: SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

/// A connection as others see it.
pub(crate) struct ConnectionInfo {
    pub(crate) peer: SocketAddr,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub(crate) established_ms: i64,
    state: Mutex<ConnectionState>,
}

/// What changes while a connection lives. Brought up to date once for each batch of requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionState {
    pub(crate) session: SessionId,
    /// What is said is encrypted.
    pub(crate) is_secure: bool,
    /// Both sides have shown certificates.
    pub(crate) is_mutual: bool,
    pub(crate) timeout_ms: u32,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) outstanding: usize,
    pub(crate) last_op: Option<OpCode>,
    pub(crate) last_xid: i32,
    pub(crate) last_zxid: i64,
    pub(crate) last_response_ms: i64,
    pub(crate) latency: RequestLatency,
}

/// How long a connection's requests took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestLatency {
    pub(crate) last: Duration,
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    total: Duration,
    count: u32,
}

impl RequestLatency {
    pub(crate) fn record(&mut self, took: Duration) {
        self.min = if self.count == 0 { took } else { self.min.min(took) };
        self.max = self.max.max(took);
        self.last = took;
        self.total = self.total.saturating_add(took);
        self.count = self.count.saturating_add(1);
    }

    pub(crate) fn mean(&self) -> Duration {
        self.total.checked_div(self.count).unwrap_or_default()
    }
}

impl ConnectionInfo {
    /// Whether it comes from this machine.
    pub(crate) fn is_local(&self) -> bool {
        address_of(self.peer).is_loopback()
    }

    pub(crate) fn session(&self) -> SessionId {
        self.state.lock().session
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.state.lock().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ConnectionState)) {
        change(&mut self.state.lock());
    }
}

impl ConnectionState {
    /// In the numbers of ZooKeeper's selector: 1 if requests are read from it, 0 while it has as many unanswered as it may.
    pub(crate) fn interest_ops(&self, outstanding_max: usize) -> u8 {
        u8::from(self.outstanding < outstanding_max)
    }

    /// Begins the counts anew.
    pub(crate) fn reset(&mut self) {
        (self.received, self.sent, self.latency) = (0, 0, RequestLatency::default());
    }
}

impl Registry {
    /// A place for a new connection, if there is one.
    pub(crate) fn register(
        &self,
        peer: SocketAddr,
        established_ms: i64,
        limits: Limits,
    ) -> Result<Registration, Crowded> {
        let mut state = self.shared.state.lock();
        state.check(peer, limits)?;
        *state.by_address.entry(address_of(peer)).or_default() += 1;
        let info = Arc::new(ConnectionInfo { peer, established_ms, state: Mutex::default() });
        let number = state.next;
        state.next += 1;
        state.connections.insert(number, Arc::clone(&info));
        Ok(Registration { shared: Arc::clone(&self.shared), number, info })
    }

    pub(crate) fn len(&self) -> usize {
        self.shared.state.lock().connections.len()
    }

    pub(crate) fn all(&self) -> Vec<Arc<ConnectionInfo>> {
        self.shared.state.lock().connections.values().cloned().collect()
    }

    /// Completes when there is no connection.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.shared.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.len() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// A connection's place in the registry, until it is dropped.
pub(crate) struct Registration {
    shared: Arc<Shared>,
    number: u64,
    info: Arc<ConnectionInfo>,
}

impl Registration {
    pub(crate) fn info(&self) -> &Arc<ConnectionInfo> {
        &self.info
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.connections.remove(&self.number);
        state.forget(self.info.peer);
        if state.connections.is_empty() {
            self.shared.emptied.notify_waiters();
        }
    }
}
