//! From no connection to one that speaks for the session.

use std::sync::Arc;
use std::time::Duration;

use jute::{Auth, Credentials, Request, Xid, shake_hands};

use super::connection::Connection;
use super::{Session, State};
use crate::error::{Effect, ErrorKind, Failure};

pub(super) enum Attached {
    There(Connection),
    Over(ErrorKind),
}

/// Between two rounds through the servers. Grows from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(40);
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Session {
    /// Tries one server after another until one takes the session.
    pub(super) async fn attach(&mut self) -> Attached {
        let mut failed: usize = 0;
        loop {
            if self.asks.is_closed() && self.asks.is_empty() {
                return Attached::Over(ErrorKind::Closed);
            }
            let servers = &self.target.servers;
            let server: Arc<str> = servers[self.next_server % servers.len()].as_str().into();
            let why = match self.try_server(&server).await {
                Ok(Some(connection)) => return Attached::There(self.on_attached(connection)),
                Ok(None) => return Attached::Over(ErrorKind::SessionExpired),
                Err(why) => why,
            };
            tracing::debug!(%server, %why, "not connected");
            self.next_server += 1;
            failed += 1;
            if self.runtime.clock.now().saturating_since(self.detached_at) >= self.options.patience {
                let last = format!("{server}: {why}").into();
                let kind = ErrorKind::NotConnected { last };
                if self.ready.is_some() {
                    return Attached::Over(kind);
                }
                self.fail_waiting(&Failure { kind, effect: Effect::None, server: None });
            }
            let rounds = failed / self.target.servers.len();
            if failed.is_multiple_of(self.target.servers.len()) {
                self.pause(rounds).await;
            }
        }
    }

    /// A connection to `server`; `None` if the session has ended there.
    async fn try_server(&mut self, server: &Arc<str>) -> Result<Option<Connection>, String> {
        let clock = self.runtime.clock.clone();
        let patience = self.options.connect_timeout;
        let late = |what: &str| format!("it did not {what} within {patience:?}");
        let connected = clock.timeout(patience, self.runtime.network.connect(server)).await;
        let stream = connected.map_err(|_| late("answer"))?.map_err(|error| error.to_string())?;
        let mut connection =
            Connection::new(Arc::clone(server), stream, self.options.answer_bytes_max, clock.now());
        let timeout_ms = i32::try_from(self.options.session_timeout.as_millis()).unwrap_or(i32::MAX);
        let Connection { reader, writer, .. } = &mut connection;
        let shaken = shake_hands(reader, writer, self.credentials.as_ref(), timeout_ms, self.last_zxid);
        let shaken = clock.timeout(patience, shaken).await.map_err(|_| late("take up a session"))?;
        let taken = shaken.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                "it closed the connection: it has no quorum, too many clients, or has seen less than this client".into()
            }
            _ => error.to_string(),
        })?;
        match taken {
            Some(credentials) => {
                self.credentials = Some(credentials);
                connection.heard_at = clock.now();
                Ok(Some(connection))
            }
            None if self.credentials.is_some() => Ok(None),
            None => Err("it refused a new session".into()),
        }
    }

    /// Identities, watches, and what has to be asked again go first, in this order.
    fn on_attached(&mut self, mut connection: Connection) -> Connection {
        for identity in &self.identities {
            let auth = Auth { kind: 0, scheme: &identity.scheme, auth: Some(&identity.proof) };
            connection.put(Xid::AUTH, &Request::Auth(auth));
            connection.auths.push_back(None);
        }
        self.registry.put_again(self.last_zxid, |xid, request| connection.put(xid, request));
        self.registry.on_resumed();
        for ask in std::mem::take(&mut self.again) {
            let xid = self.next_xid(ask.op);
            connection.ask(xid, ask);
        }
        let session = self.credentials.as_ref().map_or(0, |credentials: &Credentials| credentials.session);
        self.state.send_replace(State::Attached { server: Arc::clone(connection.server()), session });
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(Ok(()));
        }
        connection
    }

    async fn pause(&self, rounds: usize) {
        let doubled = PAUSE_MIN * 2_u32.pow(u32::try_from(rounds).unwrap_or(u32::MAX).min(8));
        let longest = doubled.min(PAUSE_MAX);
        // Clients that lost one server together come back apart.
        let parts = u32::try_from(self.runtime.entropy.next_u64() % 512).expect("it is below 512") + 512;
        self.runtime.clock.sleep(longest * parts / 1024).await;
    }
}
