//! Where a client's requests and answers meet.

use std::sync::Arc;

use control::{CloseReason, Delivery, Turn};
use runtime::Instant;

use super::freshness::Freshness;
use super::reconfig::Reconfig;
use super::sync::Syncs;
use super::tally::Tally;
use crate::codec::{WatcherEvent, put_event_frame};
use crate::errors::Ending;
use crate::serve::Server;
use crate::serve::auth::Who;
use crate::serve::pipeline::Pipeline;
use crate::serve::registry::ConnectionInfo;
use crate::serve::request::{convert, put_outcome};
use crate::serve::wire::Wire;
use crate::terms::Reads;

/// Above this much output that the client does not take, no more of its requests are.
const OUTPUT_BYTES_MAX: usize = 1 << 20;

/// What a client's requests and answers pass over; apart from the link, because a turn on the link works on it.
pub(super) struct Desk<'a> {
    pub(super) server: &'a Arc<Server>,
    pub(super) wire: &'a mut Wire,
    pub(super) who: Who,
    pub(super) pipeline: Pipeline,
    pub(super) syncs: Syncs,
    pub(super) reconfig: Reconfig,
    pub(super) reads: Reads,
    pub(super) freshness: Freshness,
    /// No more requests are taken; when all is answered, the connection ends thus.
    pub(super) draining: Option<Ending>,
    /// The control plane had no room for commands when it was last asked.
    pub(super) waits_for_room: bool,
    /// There may be a whole request in the input that was not taken.
    pub(super) input_is_ready: bool,
    pub(super) now: Instant,
    pub(super) tally: Tally,
    pub(super) info: &'a Arc<ConnectionInfo>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        server: &'a Arc<Server>,
        wire: &'a mut Wire,
        who: Who,
        reads: Reads,
        info: &'a Arc<ConnectionInfo>,
    ) -> Self {
        Self {
            server,
            wire,
            who,
            pipeline: Pipeline::default(),
            syncs: Syncs::default(),
            reconfig: Reconfig::default(),
            reads,
            freshness: Freshness::default(),
            draining: None,
            waits_for_room: false,
            input_is_ready: true,
            now: server.runtime.clock.now(),
            tally: Tally::default(),
            info,
        }
    }

    pub(super) fn begin_turn(&mut self) {
        self.now = self.server.runtime.clock.now();
        self.waits_for_room = !self.server.control.has_room();
        self.tally.output_before = self.wire.output.len();
    }

    /// What happened is told before anything is read: see `control`.
    pub(super) fn work(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        while let Some(delivery) = turn.next_delivery() {
            self.tell(delivery)?;
        }
        if self.pipeline.is_empty() {
            let answered = self.syncs.answer(turn.view(), &mut self.wire.output);
            self.tally.sent += answered;
        }
        self.take_requests(turn)?;
        if self.pipeline.is_empty() { self.reconfigure(turn) } else { Ok(()) }
    }

    fn tell(&mut self, delivery: Delivery) -> Result<(), Ending> {
        let out = &mut self.wire.output;
        let before = out.len();
        match delivery {
            Delivery::Event { zxid, kind, path } => {
                put_event_frame(zxid.0, &WatcherEvent { kind: convert::event_type(kind), path: &path }, out);
                self.tally.told(out.len() - before);
            }
            // The protocol has a code for this, but clients know only the closed connection.
            Delivery::Done { result: Err(tree::ErrorCode::SessionMoved), .. } => {
                return Err(Ending::Control(CloseReason::SessionMoved));
            }
            Delivery::Done { ticket, zxid, result } => {
                let (xid, since) = self.pipeline.take_command(ticket);
                put_outcome(xid, zxid, &result, out);
                self.tally.replied(out.len() - before);
                self.tally.updated(self.now, since, self.server.control.metrics());
            }
            Delivery::Deferred(frames) => {
                let since = self.pipeline.take_deferred();
                out.extend_from_slice(&frames);
                self.tally.replied(frames.len());
                self.tally.read(self.now, since, self.server.control.metrics());
            }
            Delivery::Closed(reason) => {
                let asked = matches!(self.draining, Some(Ending::SessionClosed));
                let ended = reason == CloseReason::SessionEnded && asked;
                return Err(if ended { Ending::SessionClosed } else { Ending::Control(reason) });
            }
        }
        Ok(())
    }

    fn reconfigure(&mut self, turn: &Turn<'_>) -> Result<(), Ending> {
        if let Some(ensemble) = &self.server.config.ensemble {
            let answered = self.reconfig.go_on(ensemble, &self.who, turn.view(), &mut self.wire.output)?;
            self.tally.sent += u64::from(answered);
        }
        Ok(())
    }

    /// Whether another request may be taken now.
    pub(super) fn may_take(&self) -> bool {
        self.draining.is_none()
            && !self.waits_for_room
            && self.pipeline.len() < self.server.config.outstanding_max
            && self.wire.output.len() < OUTPUT_BYTES_MAX
            && self.syncs.is_empty()
            && self.reconfig.is_none()
            && !self.freshness.is_awaited()
    }

    /// Whether reading from the socket makes sense: what was read would be taken.
    pub(super) fn wants_input(&self) -> bool {
        self.draining.is_none() && !self.input_is_ready && self.may_take()
    }

    /// The reason to end, once everything is answered.
    pub(super) fn take_ending(&mut self) -> Option<Ending> {
        if self.pipeline.is_empty() && self.syncs.is_empty() && self.reconfig.is_none() {
            self.draining.take()
        } else {
            None
        }
    }

    pub(super) fn end_turn(&mut self) {
        let mut tally = std::mem::take(&mut self.tally);
        if tally.is_empty() {
            return;
        }
        let took = self.server.runtime.clock.now().saturating_since(self.now);
        let sent_bytes = self.wire.output.len() - tally.output_before;
        tally.count(self.server.control.metrics(), took, sent_bytes);
        let wall_ms = self.server.runtime.clock.wall_ms();
        let zxid = self.server.control.zxid();
        self.info.update(|state| tally.add_to(state, took, self.pipeline.len(), zxid, wall_ms));
    }
}
