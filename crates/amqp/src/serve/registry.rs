//! The connections that clients have, for those who ask about them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::usage::Counted;

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
    last: u64,
    connections: BTreeMap<u64, Arc<ConnectionInfo>>,
}

/// A connection as others see it.
#[derive(Debug)]
pub struct ConnectionInfo {
    /// Its number on this node, never given twice while the process lives.
    pub number: u64,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// When it was accepted, in milliseconds since 1970.
    pub since_ms: i64,
    state: Mutex<ConnectionState>,
    /// Why an operator wants it closed.
    close: Mutex<Option<String>>,
    closing: Notify,
}

/// What changes while a connection lives.
#[derive(Debug, Clone, Default)]
pub struct ConnectionState {
    /// The user.
    pub user: Option<String>,
    /// The virtual host.
    pub vhost: Option<String>,
    /// Whether it is encrypted.
    pub is_secure: bool,
    /// The subject of the certificate that the client has shown, as RabbitMQ writes names.
    pub certificate: Option<String>,
    /// How the client has said who it is.
    pub mechanism: Option<&'static str>,
    /// The name that the client gave it.
    pub name: Option<String>,
    /// The client's product.
    pub product: Option<String>,
    /// Channels that are open.
    pub channels: usize,
    /// Whether publishes are held up by an alarm.
    pub blocked: bool,
}

impl ConnectionInfo {
    /// What it is like now.
    pub fn state(&self) -> ConnectionState {
        self.state.lock().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut ConnectionState)) {
        change(&mut self.state.lock());
    }

    /// Closes the connection with 320 and this reason.
    pub fn close(&self, reason: &str) {
        *self.close.lock() = Some(reason.to_owned());
        self.closing.notify_one();
    }

    /// Completes when somebody wants it closed.
    pub(crate) async fn closing(&self) -> String {
        loop {
            if let Some(reason) = self.close.lock().take() {
                return reason;
            }
            self.closing.notified().await;
        }
    }
}

/// There are as many connections as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} AMQP clients are connected, which is the limit")]
pub(crate) struct Crowded(usize);

impl Registry {
    /// Takes a connection in, if there are fewer than `max` (0: any number).
    pub(crate) fn register(
        &self,
        peer: SocketAddr,
        since_ms: i64,
        max: usize,
    ) -> Result<Registration, Crowded> {
        let mut state = self.shared.state.lock();
        if max > 0 && state.connections.len() >= max {
            return Err(Crowded(state.connections.len()));
        }
        state.last += 1;
        let info = Arc::new(ConnectionInfo {
            number: state.last,
            peer,
            since_ms,
            state: Mutex::default(),
            close: Mutex::default(),
            closing: Notify::new(),
        });
        state.connections.insert(info.number, Arc::clone(&info));
        Ok(Registration { shared: Arc::clone(&self.shared), info })
    }

    pub(crate) fn all(&self) -> Vec<Arc<ConnectionInfo>> {
        self.shared.state.lock().connections.values().cloned().collect()
    }

    /// How much somebody has on connections that are open, without one of them.
    pub(crate) fn count(&self, counted: Counted, whose: &str, without: Option<u64>) -> u64 {
        let state = self.shared.state.lock();
        let counted = state.connections.values().filter(|it| Some(it.number) != without).map(|it| {
            let state = it.state.lock();
            let name = match counted {
                Counted::UserConnections | Counted::UserChannels => &state.user,
                Counted::VhostConnections => &state.vhost,
            };
            match counted {
                _ if state.vhost.is_none() || name.as_deref() != Some(whose) => 0,
                Counted::UserChannels => state.channels as u64,
                Counted::UserConnections | Counted::VhostConnections => 1,
            }
        });
        counted.sum()
    }

    /// Completes when there is no connection.
    pub(crate) async fn emptied(&self) {
        loop {
            let emptied = self.shared.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            if self.shared.state.lock().connections.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

/// A connection's place in the registry, until it is dropped.
pub(crate) struct Registration {
    shared: Arc<Shared>,
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
        state.connections.remove(&self.info.number);
        if state.connections.is_empty() {
            self.shared.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_than_there_may_be() {
        let registry = Registry::default();
        let peer = "127.0.0.1:1".parse().unwrap();
        let first = registry.register(peer, 0, 1).unwrap();
        assert!(registry.register(peer, 0, 1).is_err());
        drop(first);
        assert_eq!(registry.register(peer, 0, 1).unwrap().info().number, 2);
        assert!(registry.all().is_empty());
    }
}
