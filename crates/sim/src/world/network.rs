//! The simulated network as a host's processes see it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use runtime::{BoxFuture, BoxStream, Clock, Listener, Network};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;
use turmoil::net::{TcpListener, TcpStream};

use super::wires::{End, Half, Reach};
use super::{Host, Way, Wires};

/// How long an attempt to connect takes to be refused, and to be repeated when nothing answers.
const REFUSED_AFTER: Duration = Duration::from_millis(1);
const REPEATED_AFTER: Duration = Duration::from_millis(200);

/// One host's way to all others.
#[derive(Clone)]
pub struct HostNetwork {
    pub(super) host: Host,
    pub(super) wires: Arc<Wires>,
    pub(super) clock: Clock,
}

impl Network for HostNetwork {
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let (_, port) = split(address)?;
            let listener = TcpListener::bind(("0.0.0.0", port)).await?;
            Ok(Box::new(HostListener { host: self.host, wires: Arc::clone(&self.wires), listener })
                as Box<dyn Listener>)
        })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            let (name, port) = split(address)?;
            let to = Host::named(name).ok_or(io::ErrorKind::NotFound)?;
            let way = Way { from: self.host, to };
            loop {
                match self.wires.reach(way) {
                    Reach::Open => break,
                    Reach::Refused => {
                        self.clock.sleep(REFUSED_AFTER).await;
                        return Err(io::ErrorKind::ConnectionRefused.into());
                    }
                    Reach::Silent => self.clock.sleep(REPEATED_AFTER).await,
                }
            }
            let inner = TcpStream::connect((name, port)).await?;
            debug!(target: "sim::net", from = %way.from, to = %way.to, port, "connected");
            Ok(Box::new(self.stream(way, inner)) as BoxStream)
        })
    }
}

impl HostNetwork {
    fn stream(&self, way: Way, inner: TcpStream) -> HostStream {
        HostStream { way, wires: Arc::clone(&self.wires), end: self.wires.open(way), inner }
    }
}

fn split(address: &str) -> io::Result<(&str, u16)> {
    let (name, port) = address.rsplit_once(':').ok_or(io::ErrorKind::InvalidInput)?;
    Ok((name, port.parse().map_err(|_| io::ErrorKind::InvalidInput)?))
}

struct HostListener {
    host: Host,
    wires: Arc<Wires>,
    listener: TcpListener,
}

impl Listener for HostListener {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(BoxStream, SocketAddr)>> {
        Box::pin(async move {
            let (inner, peer) = self.listener.accept().await?;
            let name = turmoil::reverse_lookup(peer.ip());
            let to = name.as_deref().and_then(Host::named).ok_or(io::ErrorKind::NotFound)?;
            let way = Way { from: self.host, to };
            let stream = HostStream { way, wires: Arc::clone(&self.wires), end: self.wires.open(way), inner };
            Ok((Box::new(stream) as BoxStream, peer))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection, seen from one end.
struct HostStream {
    way: Way,
    wires: Arc<Wires>,
    end: Arc<End>,
    inner: TcpStream,
}

impl HostStream {
    fn check(&self, half: Half, context: &Context<'_>) -> io::Result<()> {
        if self.end.is_reset(half, context.waker()) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for HostStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(Half::Read, context)?;
        if self.end.is_held() {
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl AsyncWrite for HostStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(Half::Write, context)?;
        let written = ready!(Pin::new(&mut self.inner).poll_write(context, bytes))?;
        let lost = self.wires.sent(self.way);
        let crc = crc32c::crc32c(&bytes[..written]);
        debug!(target: "sim::net", from = %self.way.from, to = %self.way.to, bytes = written, crc, lost, "sent");
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
