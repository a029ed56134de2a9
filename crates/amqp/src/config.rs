//! What a listener's owner decides.

use std::time::Duration;

use amqp091::FrameMax;

use crate::CertificateName;

/// The settings of the AMQP front end.
#[derive(Clone, Debug)]
pub struct Config {
    /// `product` in the server's properties. Clients choose their behaviour by it: kombu sends channel-wide limits to "RabbitMQ" only.
    pub product: String,
    /// `version` in the server's properties. Some clients compare it with versions of RabbitMQ.
    pub version: String,
    /// `cluster_name` in the server's properties.
    pub cluster_name: String,
    /// The most channels of one connection; from 1 up.
    pub channel_max: u16,
    /// The largest frame, in bytes; 0 is no limit.
    pub frame_max: FrameMax,
    /// Heartbeats that the server proposes; zero is none. Whole seconds.
    pub heartbeat: Duration,
    /// The largest body of a message, in bytes; at most [`amqp091::BODY_BYTES_MAX`]. RabbitMQ's `max_message_size`.
    pub message_bytes_max: u64,
    /// Which users certificates are for.
    pub certificate_name: CertificateName,
    /// How long a TLS handshake may take.
    pub tls_handshake_timeout: Duration,
    /// How many TLS handshakes may be under way. Those that begin beyond are closed at once.
    pub tls_handshakes_max: usize,
    /// How long a connection may take until it is open.
    pub handshake_timeout: Duration,
    /// How long a client that could not prove who it is waits for its end.
    pub refusal_delay: Duration,
    /// How long a client may take to answer connection.close.
    pub close_timeout: Duration,
    /// When the server stops, how long a connection may take to bring out what it still has to say.
    pub drain_timeout: Duration,
    /// Connections beyond this number are closed at once. 0: no limit.
    pub connections_max: usize,
    /// Above this much output that the client does not take, none of its requests are taken, and it gets no deliveries.
    pub output_bytes_max: usize,
    /// Messages under way to a consumer that wants no limit (`prefetch_count` 0 or `no_ack`).
    pub open_window: u32,
    /// How long a client may keep a message before it settles it, unless its queue or its consumer says otherwise; then its channel is closed.
    /// Zero is for ever. RabbitMQ's `consumer_timeout`.
    pub consumer_timeout: Duration,
    /// Whether a message that is given back with basic.nack has failed, which counts against its queue's delivery limit. RabbitMQ did so until
    /// 4.2 and does not since 4.3.
    pub nack_is_failure: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            product: "Quorate".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster_name: "quorate".to_owned(),
            channel_max: 2047,
            frame_max: FrameMax::DEFAULT,
            heartbeat: Duration::from_secs(60),
            message_bytes_max: 16 << 20,
            certificate_name: CertificateName::default(),
            tls_handshake_timeout: Duration::from_secs(5),
            tls_handshakes_max: 250,
            handshake_timeout: Duration::from_secs(10),
            refusal_delay: Duration::from_secs(3),
            close_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(2),
            connections_max: 0,
            output_bytes_max: 1 << 20,
            open_window: 512,
            consumer_timeout: Duration::from_secs(30 * 60),
            nack_is_failure: false,
        }
    }
}
