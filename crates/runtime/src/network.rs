//! Byte streams between hosts.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::BoxFuture;

/// A connected byte stream.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connected byte stream of any kind.
pub type BoxStream = Box<dyn Stream>;

/// Accepts connections.
pub trait Listener: Send {
    /// The next connection and the address it comes from.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>>;
    /// The address it listens on, with the port that was chosen if port 0 was asked for.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// Opens and accepts byte streams. Addresses are `HOST:PORT`; names are resolved at each call.
pub trait Network: Send + Sync {
    /// Listens on `address`.
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>>;
    /// Connects to `address`. The caller sets the deadline.
    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>>;
}

/// What is made of a client's stream before anything is read from it.
pub trait Security: Send + Sync {
    /// Agrees with the client on how to go on. An error is the end of the stream. The caller sets the deadline.
    fn secure(&self, stream: BoxStream) -> BoxFuture<'static, io::Result<Secured>>;
}

/// A stream that nobody else can read or change.
pub struct Secured {
    /// What the client says, and hears.
    pub stream: BoxStream,
    /// The subject of the certificate by which the client has proved who it is.
    pub subject: Option<Subject>,
}

/// The subject of a certificate. Servers write the same name in different ways, and whoever was known to one of them must stay known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// RFC 2253 as Java's `X500Principal.getName()` reads it: the last attribute first.
    pub x500: String,
    /// RFC 4514 as RabbitMQ reads it, likewise.
    pub distinguished: String,
    /// The common names, in the certificate's order and with commas between; `None` if there is none.
    pub common: Option<String>,
}

/// TCP of the operating system, without Nagle's delay.
pub struct SystemNetwork;

#[expect(clippy::disallowed_methods, reason = "this is the one place that opens sockets")]
impl Network for SystemNetwork {
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listener = tokio::net::TcpListener::bind(address).await?;
            Ok(Box::new(SystemListener(listener)) as Box<dyn Listener>)
        })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxStream)
        })
    }
}

struct SystemListener(tokio::net::TcpListener);

impl Listener for SystemListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            let (stream, peer) = self.0.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream) as BoxStream, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
