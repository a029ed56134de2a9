//! One outgoing connection: one lane to one node, kept up for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use parking_lot::Mutex;
use runtime::{BoxStream, Clock, Pool, Runtime, Task};
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, info, warn};

use super::calls::Calls;
use super::frame::{self, FrameReader};
use super::registry::Greeter;
use super::{CallError, Lane};
use crate::identity::NodeId;
use crate::level::Level;
use crate::wire::{self, frame::Body};

/// Messages waiting for the connection's writer; senders wait beyond that.
const QUEUE_FRAMES_MAX: usize = 1024;
/// Messages that are put into one write.
const WRITE_FRAMES_MAX: usize = 128;
const WRITE_BYTES_MAX: usize = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const RETRY_MIN: Duration = Duration::from_millis(20);
const RETRY_FIRST: Duration = Duration::from_millis(1);
const RETRY_MAX: Duration = Duration::from_millis(500);
/// How often the other side is asked whether it is still there.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// Whatever is sent, the other side answers something within this time, or the connection is begun anew: what was under
/// way may be lost without either side being told. A peer that installs a snapshot does nothing else on that lane.
fn silent_probes_max(lane: Lane) -> u32 {
    match lane {
        Lane::Control | Lane::Log | Lane::Proposals => 4,
        Lane::Snapshots => 40,
    }
}

/// A handle to the connection. Messages are refused while there is none.
pub(crate) struct Link {
    shared: Arc<Shared>,
    _task: Task,
}

struct Shared {
    target: NodeId,
    lane: Lane,
    /// Present while connected.
    queue: Mutex<Option<mpsc::Sender<wire::Frame>>>,
    /// What the other side's binary can apply, as it said when it was connected last.
    stated: Mutex<Level>,
    calls: Calls,
    /// How many connections there were.
    connections: AtomicU64,
    /// How often the other side's machine has said that nobody listens there.
    refusals: watch::Sender<u64>,
}

/// A call whose answers are awaited; forgotten when dropped.
pub(crate) struct OpenCall {
    shared: Arc<Shared>,
    call: u64,
    queue: mpsc::Sender<wire::Frame>,
    group: u32,
}

impl Link {
    pub(crate) fn open(
        runtime: &Runtime,
        greeter: Arc<Greeter>,
        target: NodeId,
        address: String,
        lane: Lane,
    ) -> Self {
        let shared = Arc::new(Shared {
            target,
            lane,
            queue: Mutex::new(None),
            stated: Mutex::default(),
            calls: Calls::default(),
            connections: AtomicU64::new(0),
            refusals: watch::Sender::new(0),
        });
        let task = runtime.spawn(Pool::Consensus, keep_up(runtime.clone(), greeter, address, shared.clone()));
        Self { shared, _task: task }
    }

    /// Changes whenever what was sent before may be lost.
    pub(crate) fn connection(&self) -> u64 {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Completes when the other side's machine says, from now on, that nobody listens there: its process is gone.
    pub(crate) async fn refused(&self) {
        // An error would tell that the link is gone, and it is here.
        let _ = self.shared.refusals.subscribe().changed().await;
    }

    /// True while messages can be sent.
    pub(crate) fn is_connected(&self) -> bool {
        self.shared.queue.lock().is_some()
    }

    /// What the other side's binary can apply; `None` while it is not connected.
    pub(crate) fn stated_level(&self) -> Option<Level> {
        self.is_connected().then(|| self.shared.stated.lock().clone())
    }

    fn queue(&self) -> Result<mpsc::Sender<wire::Frame>, CallError> {
        self.shared.queue.lock().clone().ok_or(CallError::NotConnected)
    }

    /// Sends a message that has no answer; waits while the connection is busy.
    pub(crate) async fn send(&self, group: u32, body: Body) -> Result<(), CallError> {
        let frame = wire::Frame { group, call: 0, body: Some(body) };
        self.queue()?.send(frame).await.map_err(|_| CallError::Lost)
    }

    /// Sends a request and waits for its answer; the caller sets the deadline.
    pub(crate) async fn call(&self, group: u32, body: Body) -> Result<Body, CallError> {
        let (open, answer) = self.open_once(group)?;
        open.send(body).await?;
        answered(answer).await
    }

    /// Sends a request at once, if there is room. What it gives waits for the answer; the caller sets the deadline.
    pub(crate) fn begin(
        &self,
        group: u32,
        body: Body,
    ) -> Result<impl Future<Output = Result<Body, CallError>> + Send + use<>, CallError> {
        let (open, answer) = self.open_once(group)?;
        open.send_now(body)?;
        Ok(async move {
            let _open = open;
            answered(answer).await
        })
    }

    fn open_once(&self, group: u32) -> Result<(OpenCall, oneshot::Receiver<Body>), CallError> {
        let queue = self.queue()?;
        let (call, answer) = self.shared.calls.once();
        Ok((OpenCall { shared: self.shared.clone(), call, queue, group }, answer))
    }

    /// Opens a call of many messages and answers.
    pub(crate) fn open_call(
        &self,
        group: u32,
    ) -> Result<(OpenCall, mpsc::UnboundedReceiver<Body>), CallError> {
        let queue = self.queue()?;
        let (call, answers) = self.shared.calls.many();
        Ok((OpenCall { shared: self.shared.clone(), call, queue, group }, answers))
    }
}

impl OpenCall {
    pub(crate) async fn send(&self, body: Body) -> Result<(), CallError> {
        let frame = wire::Frame { group: self.group, call: self.call, body: Some(body) };
        self.queue.send(frame).await.map_err(|_| CallError::Lost)
    }

    fn send_now(&self, body: Body) -> Result<(), CallError> {
        let frame = wire::Frame { group: self.group, call: self.call, body: Some(body) };
        self.queue.try_send(frame).map_err(|error| match error {
            TrySendError::Full(_) => CallError::Busy,
            TrySendError::Closed(_) => CallError::Lost,
        })
    }

    /// Tells the other side that no more comes, if there is room to say so.
    pub(crate) fn end(&self) {
        let body = Some(Body::StreamEnd(wire::StreamEnd {}));
        // If not, the other side learns it from the next stream or from the end of the connection.
        let _ = self.queue.try_send(wire::Frame { group: self.group, call: self.call, body });
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.shared.calls.forget(self.call);
    }
}

async fn answered(answer: oneshot::Receiver<Body>) -> Result<Body, CallError> {
    match answer.await {
        Ok(Body::Failure(failure)) => Err(CallError::Failed(failure.reason)),
        Ok(body) => Ok(body),
        Err(_) => Err(CallError::Lost),
    }
}

async fn keep_up(runtime: Runtime, greeter: Arc<Greeter>, address: String, shared: Arc<Shared>) {
    let (target, lane) = (shared.target, shared.lane);
    let mut delay = RETRY_MIN;
    let mut complained = false;
    loop {
        let connected =
            runtime.clock.timeout(CONNECT_TIMEOUT, connect(&runtime, &greeter, &address, &shared)).await;
        match connected {
            Ok(Ok((reader, writer))) => {
                info!(peer = %target, ?lane, "connected to peer");
                let why = carry(&runtime.clock, &greeter, reader, writer, &shared).await;
                info!(peer = %target, ?lane, %why, "connection to peer ended");
                // Whether anybody is left is asked at once.
                (delay, complained) = (RETRY_FIRST, false);
            }
            Ok(Err(why)) if !complained => {
                shared.note(&why);
                warn!(peer = %target, %address, ?lane, %why, "can't connect to peer; trying again and again");
                complained = true;
            }
            Ok(Err(why)) => {
                shared.note(&why);
                debug!(peer = %target, ?lane, %why, "can't connect to peer");
            }
            Err(elapsed) => debug!(peer = %target, ?lane, %elapsed, "can't connect to peer"),
        }
        // Nodes that restart together must not knock in step.
        let jitter = Duration::from_millis(runtime.entropy.next_u64() % (delay.as_millis() as u64 + 1));
        runtime.clock.sleep(delay + jitter).await;
        delay = (delay * 2).min(RETRY_MAX);
    }
}

impl Shared {
    /// Why there is no connection.
    fn note(&self, error: &AnyError) {
        let error = error.downcast_ref::<std::io::Error>();
        if error.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
            self.refusals.send_modify(|refusals| *refusals += 1);
        }
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Halves = (FrameReader<ReadHalf<BoxStream>>, WriteHalf<BoxStream>);

async fn connect(
    runtime: &Runtime,
    greeter: &Greeter,
    address: &str,
    shared: &Shared,
) -> Result<Halves, AnyError> {
    let stream = runtime.network.connect(address).await?;
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = FrameReader::new(reader);
    frame::write(&mut writer, &greeter.hello(shared.target, shared.lane)).await?;
    let welcome: wire::Welcome = reader.next().await?.ok_or("closed during the greeting")?;
    *shared.stated.lock() = greeter.check_welcome(shared.target, welcome)?;
    Ok((reader, writer))
}

/// Carries messages both ways until the connection breaks; says why it did.
async fn carry(
    clock: &Clock,
    greeter: &Greeter,
    mut reader: FrameReader<ReadHalf<BoxStream>>,
    writer: WriteHalf<BoxStream>,
    shared: &Shared,
) -> String {
    let (sender, receiver) = mpsc::channel(QUEUE_FRAMES_MAX);
    shared.connections.fetch_add(1, Ordering::AcqRel);
    *shared.queue.lock() = Some(sender.clone());
    let heard = AtomicU64::new(0);
    let tells = (shared.lane == Lane::Control).then_some(greeter);
    let why = tokio::select! {
        biased;
        why = read_answers(&mut reader, &shared.calls, &heard) => why,
        why = probe(clock, sender, &heard, silent_probes_max(shared.lane), tells) => why,
        error = write_frames(writer, receiver) => error.to_string(),
    };
    *shared.queue.lock() = None;
    shared.connections.fetch_add(1, Ordering::AcqRel);
    shared.calls.clear();
    why
}

/// Asks again and again whether the other side is there, and tells it of the other peers; says so when it has been silent for
/// too long.
async fn probe(
    clock: &Clock,
    queue: mpsc::Sender<wire::Frame>,
    heard: &AtomicU64,
    silent_max: u32,
    tells: Option<&Greeter>,
) -> String {
    let (mut known, mut silent) = (0, 0);
    let mut told = None;
    loop {
        if let Some((version, starts)) = tells.and_then(|greeter| greeter.news(told)) {
            let frame = wire::Frame { body: Some(Body::Starts(starts)), ..Default::default() };
            told = queue.try_send(frame).map_or(told, |()| Some(version));
        }
        // With a full queue there is enough under way that must be answered.
        let _ = queue.try_send(wire::Frame::default());
        clock.sleep(PROBE_EVERY).await;
        let now = heard.load(Ordering::Relaxed);
        silent = if now == known { silent + 1 } else { 0 };
        known = now;
        if silent >= silent_max {
            return format!("the peer was silent for {:?}", PROBE_EVERY * silent);
        }
    }
}

async fn read_answers(
    reader: &mut FrameReader<ReadHalf<BoxStream>>,
    calls: &Calls,
    heard: &AtomicU64,
) -> String {
    loop {
        let frame = reader.next::<wire::Frame>().await;
        heard.fetch_add(1, Ordering::Relaxed);
        match frame {
            Ok(Some(wire::Frame { call, body: Some(body), .. })) => calls.answer(call, body),
            Ok(Some(_)) => {} // To a probe; or a newer peer's, to something we can't have asked.
            Ok(None) => return "closed by the peer".into(),
            Err(error) => return error.to_string(),
        }
    }
}

/// Writes what is queued, as much as possible at a time.
pub(crate) async fn write_frames(
    mut writer: WriteHalf<BoxStream>,
    mut queue: mpsc::Receiver<wire::Frame>,
) -> std::io::Error {
    let mut frames = Vec::with_capacity(WRITE_FRAMES_MAX);
    let mut buffer = BytesMut::new();
    loop {
        if queue.recv_many(&mut frames, WRITE_FRAMES_MAX).await == 0 {
            return std::io::Error::other("no one sends any more");
        }
        for message in frames.drain(..) {
            frame::put(&mut buffer, &message);
            if buffer.len() >= WRITE_BYTES_MAX
                && let Err(error) = write_out(&mut writer, &mut buffer).await
            {
                return error;
            }
        }
        if let Err(error) = write_out(&mut writer, &mut buffer).await {
            return error;
        }
    }
}

async fn write_out(writer: &mut WriteHalf<BoxStream>, buffer: &mut BytesMut) -> std::io::Result<()> {
    writer.write_all(buffer).await?;
    writer.flush().await?;
    buffer.clear();
    if buffer.capacity() > 4 * WRITE_BYTES_MAX {
        *buffer = BytesMut::new();
    }
    Ok(())
}
