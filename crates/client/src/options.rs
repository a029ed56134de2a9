//! What a client can be told.

use std::fmt;
use std::time::Duration;

pub use tls::{CallerFiles as TlsFiles, OwnFiles};

/// How a client behaves. All of it has a sensible default.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the session shall outlive a silent client. Servers may change it, usually to between 2 and 20 of
    /// their ticks (4 s to 40 s). 10 s by default.
    pub session_timeout: Duration,
    /// How long one server may take to accept a connection and, again, to take up the session. 3 s by default.
    pub connect_timeout: Duration,
    /// How long requests wait for a server when there is none; then they fail, unsent. 15 s by default.
    pub patience: Duration,
    /// How many requests may be under way on the connection, 1 or more; others wait. 512 by default. ZooKeeper stops
    /// reading from its clients while 1000 of all of them are under way.
    pub outstanding_max: usize,
    /// How many requests may wait for the window, or for a connection; beyond that they fail at once, unsent. 16384 by
    /// default.
    pub queue_max: usize,
    /// The largest request in bytes. By default ZooKeeper's `jute.maxbuffer`: servers close connections beyond it.
    pub request_bytes_max: usize,
    /// The largest answer in bytes. 64 MiB by default, which the names of a million children need.
    pub answer_bytes_max: usize,
    /// How many events of a persistent watch wait for the application; what is beyond ends the watch. 4096 by default.
    pub watch_queue_max: usize,
    /// Who the client is, on every connection. None by default.
    pub identities: Vec<Identity>,
    /// TLS, on every connection: whose certificates servers must have, and what they are shown. The files are followed: what
    /// changes counts for new connections. None by default: no TLS.
    pub tls: Option<TlsFiles>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            session_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            patience: Duration::from_secs(15),
            outstanding_max: 512,
            queue_max: 16_384,
            request_bytes_max: jute::DEFAULT_FRAME_BYTES_MAX,
            answer_bytes_max: 64 << 20,
            watch_queue_max: 4096,
            identities: Vec::new(),
            tls: None,
        }
    }
}

/// A proof of who the client is.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// How the proof is to be understood.
    pub scheme: String,
    /// The proof.
    pub proof: Vec<u8>,
}

impl Identity {
    /// A user and password. No server refuses one; lists of access decide what it is good for.
    pub fn digest(user: &str, password: &str) -> Self {
        Self { scheme: "digest".into(), proof: format!("{user}:{password}").into_bytes() }
    }

    /// No identity, but the wish that every read of the session sees all that was committed anywhere before it was asked, for
    /// the price of a message to the leader and back. It goes with the identities because that is how Quorate is told
    /// (`addauth reads linearizable`); ZooKeeper ends sessions that say so.
    pub fn linearizable_reads() -> Self {
        Self { scheme: "reads".into(), proof: b"linearizable".to_vec() }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} identity", self.scheme)
    }
}
