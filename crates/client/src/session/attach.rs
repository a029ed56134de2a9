//! From no connection to one that speaks for the session.

use std::io;
use std::io::ErrorKind::{ConnectionReset, UnexpectedEof};
use std::sync::Arc;
use std::time::Duration;

use jute::{Auth, Credentials, FrameError, Request, Xid, shake_hands};
use tls::Caller;

use super::connection::Connection;
use super::{Session, State};
use crate::error::{Effect, ErrorKind, Failure};

pub(super) enum Attached {
    There(Connection),
    Over(ErrorKind),
}

/// Why a server was of no use.
struct Useless {
    why: String,
    /// It and this client do not agree on TLS, which trying again does not change.
    is_insecure: bool,
}

impl From<String> for Useless {
    fn from(why: String) -> Self {
        Self { why, is_insecure: false }
    }
}

impl Useless {
    /// What TLS has against it, or another failure while a stream was made secure or was new.
    fn of_secured(error: io::Error) -> Self {
        Self { is_insecure: error.kind() == io::ErrorKind::InvalidData, why: error.to_string() }
    }
}

/// Between two rounds through the servers. Grows from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(40);
const PAUSE_MAX: Duration = Duration::from_secs(1);

const CLOSED: &str =
    "it closed the connection: it has no quorum, too many clients, or has seen less than this client";

impl Session {
    /// Tries one server after another until one takes the session.
    pub(super) async fn attach(&mut self) -> Attached {
        let mut insecure: usize = 0;
        loop {
            let servers = self.target.servers.len();
            if self.failures > 0 && self.failures.is_multiple_of(servers) {
                self.pause(self.failures / servers).await;
            }
            if self.asks.is_closed() && self.asks.is_empty() {
                return Attached::Over(ErrorKind::Closed);
            }
            let servers = &self.target.servers;
            let server: Arc<str> = servers[self.next_server % servers.len()].as_str().into();
            let Useless { why, is_insecure } = match self.try_server(&server).await {
                Ok(Some(connection)) => return Attached::There(self.on_attached(connection)),
                Ok(None) => return Attached::Over(ErrorKind::SessionExpired),
                Err(useless) => useless,
            };
            tracing::debug!(%server, %why, "not connected");
            self.next_server += 1;
            self.failures += 1;
            insecure = if is_insecure { insecure + 1 } else { 0 };
            if insecure >= self.target.servers.len() && self.ready.is_some() {
                return Attached::Over(ErrorKind::Insecure { last: format!("{server}: {why}").into() });
            }
            if self.runtime.clock.now().saturating_since(self.detached_at) >= self.options.patience {
                let last = format!("{server}: {why}").into();
                let kind = ErrorKind::NotConnected { last };
                if self.ready.is_some() {
                    return Attached::Over(kind);
                }
                self.fail_waiting(&Failure { kind, effect: Effect::None, server: None });
            }
        }
    }

    /// A connection that lived so long was lost. A server that takes the session and soon drops it is as useless as one that does
    /// not take it.
    pub(super) fn on_lost(&mut self, lived: Duration) {
        self.failures = if lived < PAUSE_MAX { self.failures + 1 } else { 0 };
    }

    /// A connection to `server`; `None` if the session has ended there.
    async fn try_server(&mut self, server: &Arc<str>) -> Result<Option<Connection>, Useless> {
        let clock = self.runtime.clock.clone();
        let patience = self.options.connect_timeout;
        let late = |what: &str| format!("it did not {what} within {patience:?}");
        let connected = clock.timeout(patience, self.runtime.network.connect(server)).await;
        let stream = connected.map_err(|_| late("answer"))?.map_err(|error| error.to_string())?;
        let stream = match &self.tls {
            None => stream,
            Some(tls) => {
                let secured = clock.timeout(patience, tls.secure(server, stream)).await;
                secured.map_err(|_| late("begin to speak TLS"))?.map_err(Useless::of_secured)?
            }
        };
        let mut connection =
            Connection::new(Arc::clone(server), stream, self.options.answer_bytes_max, clock.now());
        let timeout_ms = i32::try_from(self.options.session_timeout.as_millis()).unwrap_or(i32::MAX);
        let Connection { reader, writer, .. } = &mut connection;
        let asked = clock.now();
        let shaken = shake_hands(reader, writer, self.credentials.as_ref(), timeout_ms, self.last_zxid);
        let shaken = clock.timeout(patience, shaken).await.map_err(|_| late("take up a session"))?;
        let taken = shaken.map_err(|error| match (&self.tls, error.kind()) {
            (None, UnexpectedEof) => Useless::from(CLOSED.to_owned()),
            (Some(_), UnexpectedEof | ConnectionReset) => {
                Useless::from(format!("{CLOSED}; or it wants another certificate of this client"))
            }
            (Some(_), _) => Useless::of_secured(Caller::explain(error)),
            (None, _) if is_tls(&error) => Useless::from(
                "it speaks TLS on this port; give the authorities of its certificate".to_owned(),
            ),
            (None, _) => Useless::from(error.to_string()),
        })?;
        match taken {
            Some(credentials) => {
                let granted = Duration::from_millis(u64::try_from(credentials.timeout_ms).unwrap_or(0));
                self.life.on_attached(credentials.session, granted, asked);
                self.credentials = Some(credentials);
                connection.heard_at = clock.now();
                Ok(Some(connection))
            }
            None if self.credentials.is_some() => Ok(None),
            None => Err("it refused a new session".to_owned().into()),
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

/// Whether what came instead of a frame is an alert of TLS (RFC 8446, 5.1), whose sender expected TLS.
fn is_tls(error: &io::Error) -> bool {
    const ALERT: std::ops::Range<i32> = 0x1503_0000..0x1504_0000;
    let frame = error.get_ref().and_then(|error| error.downcast_ref::<FrameError>());
    frame.is_some_and(|frame| ALERT.contains(&frame.length))
}
