//! One client's connection, from its first byte to its last.

mod requests;
mod sync;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use control::{CloseReason, Connection, Delivery, Turn};
use runtime::{BoxFuture, BoxStream, Instant};

use self::sync::Syncs;
use super::auth::Who;
use super::handshake::{Established, establish};
use super::pipeline::Pipeline;
use super::registry::{ConnectionInfo, RequestLatency};
use super::request::{convert, put_outcome};
use super::wire::{Progress, Wire};
use super::{ConnectionState, Server};
use crate::codec::{OpCode, WatcherEvent, put_event_frame};
use crate::errors::Ending;

/// Above this much output that the client does not take, no more of its requests are.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// How long a connection that ends may take to bring out what it still has to say.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves a client until its connection ends, and says why it did.
pub(super) async fn serve(server: &Arc<Server>, stream: BoxStream, info: &Arc<ConnectionInfo>) -> Ending {
    let mut wire = Wire::new(stream);
    let clock = &server.runtime.clock;
    let who = Who::at(info.peer.ip());
    let handshake = establish(server, &mut wire, who);
    let ending = match clock.timeout(server.config.handshake_timeout, handshake).await {
        Err(_elapsed) => Ending::HandshakeTimeout,
        Ok(Err(ending)) => ending,
        Ok(Ok(established)) => {
            let mut client = Client::new(server, &mut wire, established, info);
            let ending = client.run().await;
            client.leave();
            ending
        }
    };
    if !matches!(ending, Ending::Io(_)) {
        // Whether the last words arrive or not, the connection is over.
        let _ = clock.timeout(LAST_WORDS, wire.finish()).await;
    }
    ending
}

/// A client with a session.
struct Client<'a> {
    link: Connection,
    desk: Desk<'a>,
    drain_deadline: Option<BoxFuture<'static, ()>>,
}

/// What a client's requests and answers pass over; apart from the link, because a turn on the link works on it.
struct Desk<'a> {
    server: &'a Arc<Server>,
    wire: &'a mut Wire,
    who: Who,
    pipeline: Pipeline,
    syncs: Syncs,
    /// No more requests are taken; when all is answered, the connection ends thus.
    draining: Option<Ending>,
    /// The control plane had no room for commands when it was last asked.
    waits_for_room: bool,
    /// There may be a whole request in the input that was not taken.
    input_is_ready: bool,
    now: Instant,
    tally: Tally,
    info: &'a Arc<ConnectionInfo>,
}

/// What happened in a turn, for the counters.
#[derive(Default)]
struct Tally {
    received: u64,
    received_bytes: u64,
    answered_at_once: u64,
    sent: u64,
    /// Bytes of output that were there before.
    output_before: usize,
    last_op: Option<OpCode>,
    last_xid: i32,
    latency: RequestLatency,
}

impl<'a> Client<'a> {
    fn new(
        server: &'a Arc<Server>,
        wire: &'a mut Wire,
        established: Established,
        info: &'a Arc<ConnectionInfo>,
    ) -> Self {
        let Established { link, who, timeout_ms } = established;
        info.update(|state| {
            state.session = who.session;
            state.timeout_ms = timeout_ms;
        });
        let desk = Desk {
            server,
            wire,
            who,
            pipeline: Pipeline::default(),
            syncs: Syncs::default(),
            draining: None,
            waits_for_room: false,
            input_is_ready: true,
            now: server.runtime.clock.now(),
            tally: Tally::default(),
            info,
        };
        Self { link, desk, drain_deadline: None }
    }

    async fn run(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.turn() {
                return ending;
            }
            self.begin_to_drain();
            if let Some(ending) = self.desk.take_ending() {
                return ending;
            }
            if let Err(ending) = self.wait().await {
                return ending;
            }
        }
    }

    /// One lock, everything that is there: hears what happened, answers and proposes what was asked.
    fn turn(&mut self) -> Result<(), Ending> {
        self.desk.begin_turn();
        let result = self.link.turn(|turn| self.desk.work(turn));
        if self.desk.tally.received > 0 {
            self.link.mark_active();
        }
        self.desk.syncs.start(self.link.control());
        self.desk.end_turn();
        result
    }

    /// Completes when there may be something to do. Output goes out meanwhile.
    async fn wait(&mut self) -> Result<(), Ending> {
        let desk = &mut self.desk;
        if desk.input_is_ready && desk.may_take() {
            // More than a turn's worth is there; let others have theirs.
            let yielded = desk.wire.try_send().await;
            tokio::task::yield_now().await;
            return Ok(yielded?);
        }
        let wants_input = desk.wants_input();
        tokio::select! {
            biased;
            progress = desk.wire.progress(wants_input) => match progress? {
                Progress::Read => desk.input_is_ready = true,
                Progress::Flushed => {}
                Progress::Eof if desk.wire.input.is_empty() => return Err(Ending::Eof),
                Progress::Eof => return Err(Ending::Truncated { bytes: desk.wire.input.len() }),
            },
            () = self.link.notified() => {}
            reached = desk.syncs.reached() => reached.map_err(|_| Ending::SyncUnavailable)?,
            () = desk.server.control.room(), if desk.waits_for_room => {}
            () = passed(&mut self.drain_deadline) => return Err(Ending::Stopping),
        }
        Ok(())
    }

    fn begin_to_drain(&mut self) {
        if self.desk.server.is_stopping() && self.drain_deadline.is_none() {
            self.desk.draining.get_or_insert(Ending::Stopping);
            let patience = self.desk.server.config.drain_timeout;
            self.drain_deadline = Some(self.desk.server.runtime.clock.sleep(patience));
        }
    }

    /// The counts of what is not answered are given back.
    fn leave(&self) {
        let left = self.desk.pipeline.len() as i64;
        self.desk.server.control.metrics().outstanding.fetch_sub(left, Ordering::Relaxed);
    }
}

async fn passed(deadline: &mut Option<BoxFuture<'static, ()>>) {
    match deadline {
        Some(deadline) => deadline.await,
        None => std::future::pending().await,
    }
}

impl Desk<'_> {
    fn begin_turn(&mut self) {
        self.now = self.server.runtime.clock.now();
        self.waits_for_room = !self.server.control.has_room();
        self.tally.output_before = self.wire.output.len();
    }

    /// What happened is told before anything is read: see `control`.
    fn work(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while let Some(delivery) = turn.next_delivery() {
            self.tell(delivery)?;
        }
        if self.pipeline.is_empty() {
            let answered = self.syncs.answer(turn.view(), &mut self.wire.output);
            self.tally.sent += answered;
        }
        self.take_requests(turn)
    }

    fn tell(&mut self, delivery: Delivery) -> Result<(), Ending> {
        let out = &mut self.wire.output;
        match delivery {
            Delivery::Event { zxid, kind, path } => {
                put_event_frame(zxid.0, &WatcherEvent { kind: convert::event_type(kind), path: &path }, out);
            }
            // The protocol has a code for this, but clients know only the closed connection.
            Delivery::Done { result: Err(tree::ErrorCode::SessionMoved), .. } => {
                return Err(Ending::Control(CloseReason::SessionMoved));
            }
            Delivery::Done { ticket, zxid, result } => {
                let (xid, since) = self.pipeline.take_command(ticket);
                put_outcome(xid, zxid, &result, out);
                self.tally.latency_of(self.now, since, self.server);
            }
            Delivery::Deferred(frames) => {
                let since = self.pipeline.take_deferred();
                out.extend_from_slice(&frames);
                self.tally.latency_of(self.now, since, self.server);
            }
            Delivery::Closed(reason) => {
                let asked = matches!(self.draining, Some(Ending::SessionClosed));
                let ended = reason == CloseReason::SessionEnded && asked;
                return Err(if ended { Ending::SessionClosed } else { Ending::Control(reason) });
            }
        }
        self.tally.sent += 1;
        Ok(())
    }

    /// Whether another request may be taken now.
    fn may_take(&self) -> bool {
        self.draining.is_none()
            && !self.waits_for_room
            && self.pipeline.len() < self.server.config.outstanding_max
            && self.wire.output.len() < OUTPUT_BYTES_MAX
            && self.syncs.is_empty()
    }

    /// Whether reading from the socket makes sense: what was read would be taken.
    fn wants_input(&self) -> bool {
        self.draining.is_none() && !self.input_is_ready && self.may_take()
    }

    /// The reason to end, once everything is answered.
    fn take_ending(&mut self) -> Option<Ending> {
        if self.pipeline.is_empty() && self.syncs.is_empty() { self.draining.take() } else { None }
    }

    fn end_turn(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        if tally.received == 0 && tally.sent == 0 {
            return;
        }
        let metrics = self.server.control.metrics();
        metrics.packets_received.fetch_add(tally.received, Ordering::Relaxed);
        metrics.bytes_received.fetch_add(tally.received_bytes, Ordering::Relaxed);
        metrics.packets_sent.fetch_add(tally.sent, Ordering::Relaxed);
        let sent_bytes = self.wire.output.len() - tally.output_before;
        metrics.bytes_sent.fetch_add(sent_bytes as u64, Ordering::Relaxed);
        let took = self.server.runtime.clock.now().saturating_since(self.now);
        metrics.latency.record(took, tally.answered_at_once);
        let wall_ms = self.server.runtime.clock.wall_ms();
        let zxid = self.server.control.zxid();
        self.info.update(|state| tally.add_to(state, took, self.pipeline.len(), zxid.0, wall_ms));
    }
}

impl Tally {
    fn latency_of(&mut self, now: Instant, since: Instant, server: &Server) {
        let took = now.saturating_since(since);
        server.control.metrics().latency.record(took, 1);
        server.control.metrics().outstanding.fetch_sub(1, Ordering::Relaxed);
        self.latency.record(took);
    }

    fn add_to(
        &self,
        state: &mut ConnectionState,
        took: Duration,
        outstanding: usize,
        zxid: i64,
        wall_ms: i64,
    ) {
        state.received += self.received;
        state.sent += self.sent;
        state.outstanding = outstanding;
        if self.last_op.is_some() {
            state.last_op = self.last_op;
            state.last_xid = self.last_xid;
        }
        if self.sent > 0 {
            state.last_zxid = zxid;
            state.last_response_ms = wall_ms;
        }
        if self.answered_at_once > 0 {
            state.latency.record(took);
        }
        if self.latency.max > Duration::ZERO {
            state.latency.record(self.latency.max);
        }
    }
}
