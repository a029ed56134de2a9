//! What a listener's owner decides.

use std::sync::Arc;
use std::time::Duration;

use measure::Summary;

use crate::codec::DEFAULT_FRAME_BYTES_MAX;
use crate::ensemble::Ensemble;
use crate::words::Word;

/// What a node does to its disk.
#[derive(Clone, Debug, Default)]
pub struct DiskUse {
    /// Bytes that its data takes.
    pub data_bytes: u64,
    /// How long the write and sync of a batch took, in microseconds.
    pub batch_us: Summary,
    /// Batches that took a second or longer.
    pub slow_batches: u64,
}

/// The settings of the ZooKeeper front end.
#[derive(Clone)]
pub struct Config {
    /// The shortest session timeout that is granted. ZooKeeper's default is two ticks.
    pub session_timeout_min: Duration,
    /// The longest session timeout that is granted. ZooKeeper's default is twenty ticks.
    pub session_timeout_max: Duration,
    /// The largest request, in bytes of payload: `jute.maxbuffer`.
    pub frame_bytes_max: usize,
    /// Requests of one connection that may be unanswered before the server stops reading from it. From 1 up.
    pub outstanding_max: usize,
    /// Connections beyond this number are closed at once. 0: no limit.
    pub connections_max: usize,
    /// Of one address; those beyond this number are closed at once. 0: no limit. ZooKeeper's `maxClientCnxns`.
    pub connections_per_address_max: usize,
    /// Whether hard limits of quotas bind the writes of this server's clients. ZooKeeper's `enforceQuota`.
    pub enforce_quotas: bool,
    /// `user:base64(sha1(user:password))` of the superuser, who passes every check. ZooKeeper's `superDigest`.
    pub super_digest: Option<String>,
    /// Makes the changes of the members that `reconfig` asks for; `None`: it is disabled, as by default in ZooKeeper.
    pub ensemble: Option<Arc<dyn Ensemble>>,
    /// TLS handshakes that may be under way at a time; connections beyond this number are closed at once. From 1 up.
    pub tls_handshakes_max: usize,
    /// How long a TLS handshake may take.
    pub tls_handshake_timeout: Duration,
    /// How long a new connection may take until it has a session.
    pub handshake_timeout: Duration,
    /// When the server stops, how long a connection may take to finish what is under way.
    pub drain_timeout: Duration,
    /// Four-letter words that are answered.
    pub words: Vec<Word>,
    /// The port that clients use, for `conf`.
    pub client_port: u16,
    /// The port that clients use with TLS, for `conf`.
    pub secure_client_port: Option<u16>,
    /// The data directory, for `conf`.
    pub data_dir: String,
    /// What the node does to its disk, for monitoring. Asked when monitoring asks.
    pub disk: Arc<dyn Fn() -> DiskUse + Send + Sync>,
}

impl Config {
    /// The defaults for a server with this tick.
    pub fn with_tick(tick: Duration) -> Self {
        Self { session_timeout_min: tick * 2, session_timeout_max: tick * 20, ..Self::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_timeout_min: Duration::from_secs(4),
            session_timeout_max: Duration::from_secs(40),
            frame_bytes_max: DEFAULT_FRAME_BYTES_MAX,
            outstanding_max: 1000,
            connections_max: 0,
            connections_per_address_max: 60,
            enforce_quotas: false,
            super_digest: None,
            ensemble: None,
            tls_handshakes_max: 250,
            tls_handshake_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(2),
            words: Word::ALL.to_vec(),
            client_port: 2181,
            secure_client_port: None,
            data_dir: String::new(),
            disk: Arc::new(DiskUse::default),
        }
    }
}
