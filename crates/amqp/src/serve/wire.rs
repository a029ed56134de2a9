//! A client's socket and the bytes on their way through it.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use runtime::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::output::{Output, SLICES_MAX};

/// A read takes at least, and at most, so many bytes at once; what a client sends decides between them.
const READ_BYTES_MIN: usize = 4 << 10;
const READ_BYTES_MAX: usize = 256 << 10;

/// What a wait on the socket has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more input.
    Read,
    /// There will be no more input.
    Eof,
    /// All output is with the kernel.
    Flushed,
}

pub(crate) struct Wire {
    stream: BoxStream,
    /// Received and not used. Frames share it, so it is never cleared in place.
    pub(crate) input: BytesMut,
    /// To be sent.
    pub(crate) output: Output,
    /// What was sent may wait in the stream: one that encrypts does not hand on all at once.
    unflushed: bool,
    read_bytes: usize,
    eof: bool,
}

impl Wire {
    pub(crate) fn new(stream: BoxStream) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: Output::default(),
            unflushed: false,
            read_bytes: READ_BYTES_MIN,
            eof: false,
        }
    }

    /// Sends what there is to send, and completes when something was read (if it `wants_input`) or, if it does not, when
    /// all was sent. Loses nothing when it is dropped.
    pub(crate) async fn progress(&mut self, wants_input: bool) -> io::Result<Progress> {
        poll_fn(|context| self.poll_progress(context, wants_input)).await
    }

    fn poll_progress(&mut self, context: &mut Context<'_>, wants_input: bool) -> Poll<io::Result<Progress>> {
        let had_output = self.has_output();
        if let Poll::Ready(Err(error)) = self.poll_send(context) {
            return Poll::Ready(Err(error));
        }
        if had_output && !self.has_output() {
            // Whoever held back for a slow client may go on.
            return Poll::Ready(Ok(Progress::Flushed));
        }
        if wants_input && !self.eof { self.poll_receive(context) } else { Poll::Pending }
    }

    pub(crate) fn has_output(&self) -> bool {
        self.unflushed || !self.output.is_empty()
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let count = self.output.slices(&mut slices);
            let sent = match Pin::new(&mut self.stream).poll_write_vectored(context, &slices[..count]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => sent,
                other => return other.map_ok(|_| ()),
            };
            self.output.advance(sent);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Progress>> {
        if self.input.is_empty() && self.input.capacity() > 2 * self.read_bytes {
            self.input = BytesMut::new();
        }
        self.input.reserve(self.read_bytes);
        let room = self.input.capacity() - self.input.len();
        let received = match pin!(self.stream.read_buf(&mut self.input)).poll(context) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(received) => received?,
        };
        if received == room {
            self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
        } else if received < self.read_bytes / 4 {
            self.read_bytes = (self.read_bytes / 2).max(READ_BYTES_MIN);
        }
        self.eof = received == 0;
        Poll::Ready(Ok(if self.eof { Progress::Eof } else { Progress::Read }))
    }

    /// Sends what the kernel takes at once.
    pub(crate) async fn try_send(&mut self) -> io::Result<()> {
        poll_fn(|context| match self.poll_send(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        })
        .await
    }

    /// Sends all that is left, and says that there will be no more.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        while self.has_output() {
            self.progress(false).await?;
        }
        self.stream.shutdown().await
    }
}
