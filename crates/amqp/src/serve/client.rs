//! One client's connection, from its first byte to its last.

use std::sync::Arc;
use std::time::Duration;

use amqp091::ReplyCode;
use runtime::{BoxFuture, BoxStream, Instant, Secured};
use tokio::sync::watch;

use super::handshake;
use super::registry::ConnectionInfo;
use super::wire::{Progress, Wire};
use super::{Server, Terms};
use crate::alarms::Shortage;
use crate::broker::Session;
use crate::connection::{Event, Over};
use crate::ending::Ending;
use crate::fault::Fault;

/// How long a connection that ends may take to bring out what it still has to say.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the deletion of queues that go with a connection may take; the end of the node's session takes those that are left.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of messages under way of one connection, above which it is asked whether shards take more.
const UNDER_WAY_BYTES: usize = 1 << 20;

/// Bytes of messages under way of one connection at most.
const UNDER_WAY_BYTES_MAX: usize = 32 << 20;

/// Serves a client until its connection ends, and says why it did.
pub(super) async fn serve(
    server: &Arc<Server>,
    stream: BoxStream,
    terms: Terms,
    info: &Arc<ConnectionInfo>,
) -> Ending {
    let clock = &server.runtime.clock;
    let is_secure = terms.security.is_some();
    let Secured { stream, subject } = match terms.security {
        None => Secured { stream, subject: None },
        Some(security) => match server.secure(stream, &*security).await {
            Ok(secured) => secured,
            Err(ending) => return ending,
        },
    };
    info.update(|state| {
        state.is_secure = is_secure;
        state.certificate = subject.as_ref().map(|subject| subject.distinguished.clone());
    });
    let mut wire = Wire::new(stream);
    let opening = async {
        tokio::select! {
            biased;
            () = server.stopped() => Err(Ending::Stopping),
            opened = handshake::open(server, &mut wire, info, subject) => opened,
        }
    };
    let ending = match clock.timeout(server.config.handshake_timeout, opening).await {
        Err(_elapsed) => Ending::HandshakeTimeout,
        Ok(Err(ending)) => ending,
        Ok(Ok(session)) => {
            let mut client = Client::new(server, &mut wire, session, info);
            let ending = client.run().await;
            // Nobody listens to the answers of what is still done.
            let _ = clock.timeout(CLEANUP_TIMEOUT, client.leave()).await;
            ending
        }
    };
    if ending.is_refusal() {
        let _ = wire.try_send().await;
        clock.sleep(server.config.refusal_delay).await;
    }
    if !matches!(ending, Ending::Io(_)) {
        // Whether the last words arrive or not, the connection is over.
        let _ = clock.timeout(LAST_WORDS, wire.finish()).await;
    }
    ending
}

/// A client whose connection is open.
struct Client<'a> {
    server: &'a Arc<Server>,
    wire: &'a mut Wire,
    session: Session,
    info: &'a Arc<ConnectionInfo>,
    alarm: watch::Receiver<Shortage>,
    /// The client was told that publishes are held up, or is held up without being told.
    blocked: bool,
    told_blocked: bool,
    /// There may be a whole frame in the input that was not taken.
    input_is_ready: bool,
    waits_for_room: bool,
    /// When heartbeats are to be looked at.
    beat: Option<(Instant, BoxFuture<'static, ()>)>,
    /// When an end that the client does not agree to is made without it.
    deadline: Option<BoxFuture<'static, ()>>,
}

impl<'a> Client<'a> {
    fn new(
        server: &'a Arc<Server>,
        wire: &'a mut Wire,
        session: Session,
        info: &'a Arc<ConnectionInfo>,
    ) -> Self {
        let alarm = server.alarms.changes();
        Self {
            server,
            wire,
            session,
            info,
            alarm,
            blocked: false,
            told_blocked: false,
            input_is_ready: true,
            waits_for_room: false,
            beat: None,
            deadline: None,
        }
    }

    async fn run(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.turn().await {
                return ending;
            }
            if self.session.connection.is_over() && !self.session.is_leaving() {
                return match self.session.failure.take() {
                    Some(fault) => Ending::Fault(fault),
                    None => Ending::Closed,
                };
            }
            if let Err(ending) = self.wait().await {
                return ending;
            }
            // However much there is to do, this thread is not this client's alone.
            tokio::task::consume_budget().await;
        }
    }

    /// Hears what happened, takes what the client has sent, and sends all that came of it in one go.
    async fn turn(&mut self) -> Result<(), Ending> {
        let now = self.server.runtime.clock.now();
        self.session.begin_turn(&mut self.wire.output);
        if self.client_takes() {
            self.session.hear(&mut self.wire.output).await?;
        }
        self.take_frames(now).await;
        self.session.work_on_jobs(&mut self.wire.output).await;
        self.heed_alarms();
        self.waits_for_room = self.session.outruns_disk()
            || (self.session.bytes_under_way() > UNDER_WAY_BYTES && self.session.has_full_shard());
        let client_takes = self.client_takes();
        self.session.end_turn(client_takes, &mut self.wire.output);
        if self.wire.has_output() {
            self.session.connection.on_output(now);
        }
        let listening = self.wants_input();
        match self.session.connection.beat(now, listening, &mut self.wire.output) {
            Ok(next) => self.set_beat(next),
            Err(_silent) => return Err(Ending::Silent),
        }
        self.set_deadline();
        self.info.update(|state| {
            state.channels = self.session.channel_count();
            state.blocked = self.blocked;
        });
        self.wire.try_send().await?;
        Ok(())
    }

    async fn take_frames(&mut self, now: Instant) {
        while self.may_take() {
            let event = self.session.connection.take(&mut self.wire.input, now, &mut self.wire.output);
            match event {
                None => {
                    self.input_is_ready = false;
                    return;
                }
                Some(Event::Renew(credentials)) => {
                    handshake::renew(self.server, &mut self.session, credentials, self.info, self.wire).await;
                }
                Some(Event::Over(Over::Closed)) => return,
                Some(event) => self.session.handle(event, &mut self.wire.output),
            }
        }
    }

    /// Whether what is sent to the client goes out.
    fn client_takes(&self) -> bool {
        self.wire.output.len() < self.server.config.output_bytes_max
    }

    /// Whether another frame may be taken now. One that is being closed has little to say that counts.
    fn may_take(&self) -> bool {
        self.session.connection.is_closing()
            || (self.client_takes()
                && !self.blocked
                && self.session.may_take()
                && self.session.bytes_under_way() < UNDER_WAY_BYTES_MAX)
    }

    /// Whether more of what the client sends is read. One that waits for room is not silent: nobody listens.
    fn wants_input(&self) -> bool {
        (self.session.connection.is_closing() || !self.waits_for_room) && self.may_take()
    }

    /// A node that is short of something takes nothing from those that publish.
    fn heed_alarms(&mut self) {
        let reason = self.server.alarms.reason();
        match reason {
            Some(reason) if self.session.has_published && !self.blocked => {
                self.blocked = true;
                self.told_blocked = self.session.connection.block(reason, &mut self.wire.output);
            }
            None if self.blocked => {
                self.blocked = false;
                self.input_is_ready = true;
                if std::mem::take(&mut self.told_blocked) {
                    self.session.connection.unblock(&mut self.wire.output);
                }
            }
            _ => {}
        }
    }

    fn set_beat(&mut self, next: Option<Instant>) {
        match (next, &self.beat) {
            (None, _) => self.beat = None,
            // One that comes early asks again.
            (Some(next), Some((set, _))) if *set <= next => {}
            (Some(next), _) => {
                let sleep = self.server.runtime.clock.sleep_until(next);
                self.beat = Some((next, sleep));
            }
        }
    }

    fn set_deadline(&mut self) {
        if self.deadline.is_none() && self.session.connection.is_closing() {
            let config = &self.server.config;
            let patience =
                if self.session.connection.is_broken() { config.refusal_delay } else { config.close_timeout };
            self.deadline = Some(self.server.runtime.clock.sleep(patience));
        }
    }

    /// Completes when there may be something to do. Output goes out meanwhile.
    async fn wait(&mut self) -> Result<(), Ending> {
        if self.input_is_ready && self.may_take() {
            // More than a turn's worth is there; let others have theirs.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let is_closing = self.session.connection.is_closing();
        let wants_input = self.wants_input();
        let hears = self.client_takes();
        let server = self.server;
        let waits_for_room = self.waits_for_room;
        let has_input = !self.wire.input.is_empty();
        tokio::select! {
            biased;
            progress = self.wire.progress(wants_input) => match progress? {
                Progress::Read => {
                    self.input_is_ready = true;
                    self.session.connection.on_input(server.runtime.clock.now());
                }
                Progress::Flushed => {}
                Progress::Eof if is_closing || !has_input => {
                    return Err(self.session.failure.take().map_or(Ending::Eof, Ending::Fault));
                }
                Progress::Eof => return Err(Ending::Eof),
            },
            () = self.session.changed(hears, waits_for_room) => self.input_is_ready = true,
            changed = self.alarm.changed() => {
                // The sender lives as long as the server.
                let _ = changed;
            }
            () = passed(&mut self.beat) => self.beat = None,
            reason = self.info.closing() => self.force_close(&reason),
            () = server.stopped(), if self.deadline.is_none() && !is_closing => {
                self.force_close("node is stopping");
                self.deadline = Some(server.runtime.clock.sleep(server.config.drain_timeout));
            }
            () = elapsed(&mut self.deadline) => {
                return Err(self.session.failure.take().map_or(Ending::Stopping, Ending::Fault));
            }
        }
        Ok(())
    }

    fn force_close(&mut self, reason: &str) {
        let fault = Fault::new(ReplyCode::ConnectionForced, reason);
        let event = self.session.connection.close(fault, &mut self.wire.output);
        self.session.handle(event, &mut self.wire.output);
    }

    /// What goes with the connection goes, whether the client waits for it or not.
    async fn leave(&mut self) {
        self.session.leave(&mut self.wire.output);
        self.session.end_turn(true, &mut self.wire.output);
        while self.session.is_leaving() {
            self.session.changed(true, false).await;
            if self.session.hear(&mut self.wire.output).await.is_err() {
                return;
            }
            self.session.work_on_jobs(&mut self.wire.output).await;
            self.session.end_turn(true, &mut self.wire.output);
        }
    }
}

async fn passed(beat: &mut Option<(Instant, BoxFuture<'static, ()>)>) {
    match beat {
        Some((_, sleep)) => sleep.await,
        None => std::future::pending().await,
    }
}

async fn elapsed(deadline: &mut Option<BoxFuture<'static, ()>>) {
    match deadline {
        Some(deadline) => deadline.await,
        None => std::future::pending().await,
    }
}
