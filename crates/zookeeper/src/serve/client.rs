//! One client's connection, from its first byte to its last.

mod desk;
mod freshness;
mod reconfig;
mod requests;
mod sync;
mod tally;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use control::Connection;
use runtime::{BoxFuture, BoxStream, Secured};

use self::desk::Desk;
use super::Server;
use super::auth::Who;
use super::handshake::{Established, establish};
use super::registry::ConnectionInfo;
use super::wire::{Progress, Wire};
use crate::errors::Ending;
use crate::terms::{Reads, Terms};

/// How long a connection that ends may take to bring out what it still has to say.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Serves a client until its connection ends, and says why it did.
pub(super) async fn serve(
    server: &Arc<Server>,
    stream: BoxStream,
    terms: Terms,
    info: &Arc<ConnectionInfo>,
) -> Ending {
    let is_secure = terms.security.is_some();
    let Secured { stream, subject } = match terms.security {
        None => Secured { stream, subject: None },
        Some(security) => match server.secure(stream, &*security).await {
            Ok(secured) => secured,
            Err(ending) => return ending,
        },
    };
    info.update(|state| (state.is_secure, state.is_mutual) = (is_secure, subject.is_some()));
    let mut wire = Wire::new(stream);
    let clock = &server.runtime.clock;
    let who = Who::at(info.peer.ip()).with_subject(subject);
    let handshake = async {
        tokio::select! {
            biased;
            () = server.stopped() => Err(Ending::Stopping),
            established = establish(server, &mut wire, who) => established,
        }
    };
    let ending = match clock.timeout(server.config.handshake_timeout, handshake).await {
        Err(_elapsed) => Ending::HandshakeTimeout,
        Ok(Err(ending)) => ending,
        Ok(Ok(established)) => {
            let mut client = Client::new(server, &mut wire, established, terms.reads, info);
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

impl<'a> Client<'a> {
    fn new(
        server: &'a Arc<Server>,
        wire: &'a mut Wire,
        established: Established,
        reads: Reads,
        info: &'a Arc<ConnectionInfo>,
    ) -> Self {
        let Established { link, who, timeout_ms } = established;
        info.update(|state| {
            state.session = who.session;
            state.timeout_ms = timeout_ms;
        });
        let desk = Desk::new(server, wire, who, reads, info);
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
        self.desk.freshness.start(self.link.control(), self.desk.wire.input.len());
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
            reached = desk.syncs.reached() => reached.map_err(|_| Ending::LeaderUnreached)?,
            reached = desk.freshness.reached() => reached.map_err(|_| Ending::LeaderUnreached)?,
            () = desk.reconfig.made() => {}
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
