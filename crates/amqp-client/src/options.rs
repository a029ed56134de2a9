//! What a connection, a queue, a consumer or a message can be told.

use std::fmt;
use std::time::Duration;

use amqp091::{FrameMax, Properties, TableBuf};
use bytes::{Bytes, BytesMut};

/// How a connection behaves.
#[derive(Clone)]
pub struct Options {
    /// Who the client is. "guest" by default.
    pub user: String,
    /// The password that proves it. "guest" by default.
    pub password: String,
    /// The virtual host. "/" by default.
    pub vhost: String,
    /// How operators see the connection. Empty by default: it has no name.
    pub name: String,
    /// How long connecting may take, from the socket to connection.open-ok. 5 s by default.
    pub connect_timeout: Duration,
    /// A side that was not heard for two of these is given up; whole seconds, and zero is never. 10 s by default; the server may lower it.
    pub heartbeat: Duration,
    /// The largest frame to agree to. That of most clients by default.
    pub frame_max: FrameMax,
    /// The most bytes of what waits to be written. 256 KiB by default.
    pub output_bytes_max: usize,
    /// The most bytes of bodies of what was delivered and not taken. 16 MiB by default.
    pub input_bytes_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user: "guest".to_owned(),
            password: "guest".to_owned(),
            vhost: "/".to_owned(),
            name: String::new(),
            connect_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(10),
            frame_max: FrameMax::DEFAULT,
            output_bytes_max: 256 << 10,
            input_bytes_max: 16 << 20,
        }
    }
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, vhost, name, heartbeat, .. } = self;
        write!(f, "Options {{ user: {user:?}, vhost: {vhost:?}, name: {name:?}, heartbeat: {heartbeat:?} }}")
    }
}

/// How a queue is declared.
#[derive(Clone, Debug, Default)]
pub struct QueueOptions {
    /// Only ask whether it is there.
    pub passive: bool,
    /// It outlives the server.
    pub durable: bool,
    /// It is this connection's alone, and goes with it.
    pub exclusive: bool,
    /// It goes with its last consumer.
    pub auto_delete: bool,
    /// What else: `x-single-active-consumer` and the like.
    pub arguments: TableBuf,
}

impl QueueOptions {
    /// A queue that stays.
    pub fn durable() -> Self {
        Self { durable: true, ..Self::default() }
    }

    /// With these arguments.
    pub fn with(self, arguments: TableBuf) -> Self {
        Self { arguments, ..self }
    }
}

/// How an exchange is declared.
#[derive(Clone, Debug, Default)]
pub struct ExchangeOptions {
    /// It outlives the server.
    pub durable: bool,
    /// It goes with its last binding.
    pub auto_delete: bool,
    /// Only exchanges publish to it.
    pub internal: bool,
    /// What else.
    pub arguments: TableBuf,
}

/// How a consumer is started.
#[derive(Clone, Debug, Default)]
pub struct ConsumeOptions {
    /// Deliveries are settled as they are sent.
    pub no_ack: bool,
    /// Nobody else may consume.
    pub exclusive: bool,
    /// What else: `x-priority`, say.
    pub arguments: TableBuf,
}

/// A message and where it goes. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Publication<'a> {
    /// The exchange; the default one is "".
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// Whether it comes back if no queue takes it.
    pub mandatory: bool,
    /// The properties, encoded: see [`encode`]. Empty is none.
    pub properties: Bytes,
    /// The body.
    pub body: Bytes,
}

impl<'a> Publication<'a> {
    /// A message for one queue, by the default exchange, without properties.
    pub fn to_queue(queue: &'a str, body: Bytes) -> Self {
        Self { routing_key: queue, body, ..Self::default() }
    }
}

/// Properties as a [`Publication`] takes them. Once for many messages, if they are the same.
pub fn encode(properties: &Properties<'_>) -> Bytes {
    let mut out = BytesMut::new();
    properties.encode(&mut out);
    out.freeze()
}
