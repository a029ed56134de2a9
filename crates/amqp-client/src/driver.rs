//! The task that owns a connection's stream.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use amqp091::HEARTBEAT_FRAME;
use bytes::{Buf, BytesMut};
use runtime::{BoxFuture, BoxStream, Clock};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::dispatch::{Flow, dispatch_all};
use crate::error::ErrorKind;
use crate::shared::Shared;

const READ_BYTES: usize = 64 << 10;
/// A buffer above this size is given back as soon as it is empty.
const KEPT_BYTES: usize = 1 << 20;
/// A server that was told of the end may take so long to say so.
const PARTING: Duration = Duration::from_secs(3);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    stream: BoxStream,
    input: BytesMut,
    /// What is being written.
    sending: BytesMut,
    /// What was written may wait in the stream.
    unflushed: bool,
    pulse: Option<Pulse>,
    clock: Clock,
}

/// Signs of life in both directions, looked at twice in a heartbeat's time.
struct Pulse {
    half: Duration,
    next: BoxFuture<'static, ()>,
    sent: bool,
    /// Looks since the server was heard.
    silent: u32,
}

/// Two heartbeats' time.
const SILENT_MAX: u32 = 4;

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, stream: BoxStream, input: BytesMut, clock: Clock) -> Self {
        let heartbeat_s = shared.state.lock().tuned.heartbeat_s;
        let half = Duration::from_secs(heartbeat_s.into()) / 2;
        let pulse =
            (heartbeat_s > 0).then(|| Pulse { half, next: clock.sleep(half), sent: false, silent: 0 });
        Self { shared, stream, input, sending: BytesMut::new(), unflushed: false, pulse, clock }
    }

    /// Reads and writes until the connection is over.
    pub(crate) async fn run(mut self) {
        let why = match dispatch_all(&self.shared, &mut self.input) {
            Ok(Flow::Open) => poll_fn(|context| self.poll(context)).await,
            Ok(Flow::Over) => ErrorKind::Closed,
            Err(why) => why,
        };
        // A last word, if there is one: the answer to a close.
        let clock = self.clock.clone();
        let _ = clock.timeout(PARTING, self.finish()).await;
        self.shared.end(&why);
    }

    async fn finish(&mut self) {
        let left = std::mem::take(&mut self.shared.state.lock().output);
        let written = async {
            self.stream.write_all(&self.sending).await?;
            self.stream.write_all(&left).await?;
            self.stream.shutdown().await
        };
        if let Err(error) = written.await {
            // Nobody waits for what could not be said to a server that is gone.
            drop(error);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ErrorKind> {
        self.shared.driver.register(context.waker());
        loop {
            let mut progress = false;
            match self.poll_send(context) {
                Ok(sent) => progress |= sent,
                Err(why) => return Poll::Ready(why),
            }
            match self.poll_receive(context) {
                Ok((Flow::Over, _)) => return Poll::Ready(ErrorKind::Closed),
                Ok((Flow::Open, received)) => progress |= received,
                Err(why) => return Poll::Ready(why),
            }
            match self.poll_pulse(context) {
                Ok(beat) => progress |= beat,
                Err(why) => return Poll::Ready(why),
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }

    /// Writes what there is. True if there may be more.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Result<bool, ErrorKind> {
        if self.sending.is_empty() {
            if self.sending.capacity() > KEPT_BYTES {
                self.sending = BytesMut::new();
            }
            self.sending.clear();
            let mut state = self.shared.state.lock();
            if !state.output.is_empty() {
                std::mem::swap(&mut state.output, &mut self.sending);
                drop(state);
                self.shared.room.notify_waiters();
            }
        }
        let mut sent = false;
        while !self.sending.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.sending) {
                Poll::Ready(Ok(0)) => return Err(ErrorKind::lost("it takes no more")),
                Poll::Ready(Ok(written)) => self.sending.advance(written),
                Poll::Ready(Err(error)) => return Err(ErrorKind::lost(error)),
                Poll::Pending => return Ok(false),
            }
            (sent, self.unflushed) = (true, true);
            if let Some(pulse) = &mut self.pulse {
                pulse.sent = true;
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Err(ErrorKind::lost(error)),
                Poll::Pending => {}
            }
        }
        Ok(sent)
    }

    /// Reads once. True if there may be more.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Result<(Flow, bool), ErrorKind> {
        if self.shared.is_full() {
            return Ok((Flow::Open, false));
        }
        self.input.reserve(READ_BYTES);
        let received = match pin!(self.stream.read_buf(&mut self.input)).poll(context) {
            Poll::Pending => return Ok((Flow::Open, false)),
            Poll::Ready(received) => received.map_err(ErrorKind::lost)?,
        };
        if received == 0 {
            return Err(ErrorKind::lost("the server closed the socket"));
        }
        if let Some(pulse) = &mut self.pulse {
            pulse.silent = 0;
        }
        Ok((dispatch_all(&self.shared, &mut self.input)?, true))
    }

    fn poll_pulse(&mut self, context: &mut Context<'_>) -> Result<bool, ErrorKind> {
        let Some(pulse) = &mut self.pulse else { return Ok(false) };
        if pulse.next.as_mut().poll(context).is_pending() {
            return Ok(false);
        }
        pulse.next = self.clock.sleep(pulse.half);
        // Who does not listen has no right to complain of silence.
        pulse.silent = if self.shared.is_full() { 0 } else { pulse.silent + 1 };
        if pulse.silent > SILENT_MAX {
            return Err(ErrorKind::lost(format_args!(
                "nothing was heard for {:?}",
                pulse.half * pulse.silent
            )));
        }
        if !std::mem::take(&mut pulse.sent) {
            self.shared.state.lock().output.extend_from_slice(&HEARTBEAT_FRAME);
        }
        Ok(true)
    }
}
