//! Takes requests from the input, in order: answers reads, proposes writes.

use std::sync::atomic::Ordering;

use bytes::{Buf, BytesMut};
use control::{TreeFull, Turn, View};
use tree::{Command, Identity, MultiFailure, Operation};

use super::desk::Desk;
use super::freshness::tells_of_state;
use super::reconfig::Reconfig;
use crate::codec::{
    self, Auth, ErrorCode, FRAME_PREFIX_BYTES, OpCode, PathOnly, Reader, Record, ReplyHeader, RequestHeader,
    Xid, first_frame, put_error_frame, put_frame,
};
use crate::errors::Ending;
use crate::serve::auth::{Who, authenticate, is_superuser};
use crate::serve::pipeline::Awaited;
use crate::serve::request::{Wanted, answer_read, is_read, operation, put_outcome};
use crate::terms::Reads;

/// So many requests are taken in one turn; then those who apply get at the replica.
const REQUESTS_PER_TURN: u64 = 256;

/// The scheme of what is no authentication, but says what reads promise.
const READS_SCHEME: &str = "reads";

impl Desk<'_> {
    pub(super) fn take_requests(&mut self, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let mut input = std::mem::take(&mut self.wire.input);
        let mut used = 0;
        let result = self.take_from(&input, &mut used, turn);
        input.advance(used);
        self.freshness.consume(used);
        self.wire.input = input;
        self.tally.received_bytes += used as u64;
        result
    }

    fn take_from(&mut self, input: &[u8], used: &mut usize, turn: &mut Turn<'_>) -> Result<(), Ending> {
        let before = self.pipeline.len();
        let result = loop {
            let rest = &input[*used..];
            let joins = || !self.syncs.is_empty() && self.syncs.may_join() && starts_with_sync(rest);
            let may_take =
                self.tally.received < REQUESTS_PER_TURN && (self.may_take() || self.may_add_sync(joins()));
            if !may_take {
                break Ok(());
            }
            let payload = match first_frame(rest, self.server.config.frame_bytes_max) {
                Ok(Some(payload)) => payload,
                Ok(None) => {
                    self.input_is_ready = false;
                    break Ok(());
                }
                Err(error) => break Err(error.into()),
            };
            let end = *used + FRAME_PREFIX_BYTES + payload.len();
            if self.must_be_fresh(payload) && !self.freshness.covers(end) {
                self.freshness.want();
                break Ok(());
            }
            *used = end;
            if let Err(ending) = self.take(payload, turn) {
                break Err(ending);
            }
        };
        let added = self.pipeline.len() - before;
        if added > 0 {
            self.server.control.metrics().outstanding.fetch_add(added as i64, Ordering::Relaxed);
        }
        result
    }

    fn must_be_fresh(&self, payload: &[u8]) -> bool {
        self.reads == Reads::Linearizable && op_of(payload).is_some_and(tells_of_state)
    }

    fn may_add_sync(&self, joins: bool) -> bool {
        joins && self.draining.is_none() && self.syncs.len() < self.server.config.outstanding_max
    }

    fn take(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), Ending> {
        let mut body = Reader::new(payload);
        let header: RequestHeader =
            body.record().map_err(|error| Ending::Garbage { what: "request header", error })?;
        self.tally.received += 1;
        self.tally.last_op = Some(header.op);
        self.tally.last_xid = header.xid.0;
        match header.op {
            op if is_read(op) => self.read(header, body, turn),
            OpCode::Sync => self.sync(header, &mut body),
            OpCode::Auth => self.auth(header, &mut body, turn),
            OpCode::Reconfig => self.reconfig(header.xid, &mut body, turn),
            OpCode::CloseSession => {
                self.draining = Some(Ending::SessionClosed);
                self.propose(header.xid, Operation::CloseSession, turn);
            }
            OpCode::Create
            | OpCode::Create2
            | OpCode::CreateContainer
            | OpCode::CreateTtl
            | OpCode::Delete
            | OpCode::SetData
            | OpCode::SetAcl
            | OpCode::Multi
            | OpCode::DeleteRecursive
            | OpCode::Ensure => match operation(header.op, &mut body) {
                // Older members could not apply it. Clients do without, as with servers that will never have it.
                Ok(operation) if operation.level() > self.server.control.level() => {
                    self.refuse(header.xid, ErrorCode::UNIMPLEMENTED, turn);
                }
                Ok(operation) => self.propose(header.xid, operation, turn),
                Err(refusal) => self.refuse(header.xid, refusal.0, turn),
            },
            op => {
                self.draining = Some(Ending::UnknownOperation { op: op.into() });
                let xid = header.xid;
                self.in_order(turn, move |_, out| put_error_frame(xid, -1, ErrorCode::UNIMPLEMENTED, out));
            }
        }
        Ok(())
    }

    fn propose(&mut self, xid: Xid, operation: Operation, turn: &mut Turn<'_>) {
        let command = Command {
            session: self.who.session,
            origin: turn.owner(),
            identities: self.who.identities.to_vec(),
            enforce_quotas: self.server.config.enforce_quotas,
            operation,
        };
        match turn.propose(&command) {
            Ok(ticket) => self.pipeline.push(Awaited::Command { ticket, xid, since: self.now }),
            Err(full) => self.in_order(turn, move |view, out| {
                put_outcome(xid, view.zxid(), &refused(&command.operation, full), out);
            }),
        }
    }

    /// Answers now, or, behind a command, right after it.
    fn read(&mut self, header: RequestHeader, mut body: Reader<'_>, turn: &mut Turn<'_>) {
        // Clients expect the reserved number back, whatever they sent.
        let xid = if header.op == OpCode::Ping { Xid::PING } else { header.xid };
        let header = RequestHeader { xid, op: header.op };
        if turn.is_caught_up() {
            return self.answer(|who, out| answer_read(header, &mut body, who, turn.view(), out));
        }
        let record = body.rest().to_vec();
        let who = self.who.clone();
        self.in_order(turn, move |view, out| {
            answer_read(header, &mut Reader::new(&record), &who, view, out);
        });
    }

    fn answer(&mut self, say: impl FnOnce(&Who, &mut BytesMut)) {
        let before = self.wire.output.len();
        say(&self.who, &mut self.wire.output);
        self.tally.replied(self.wire.output.len() - before);
        self.tally.answered_at_once += 1;
    }

    /// Says something when everything before it is answered.
    fn in_order(&mut self, turn: &mut Turn<'_>, say: impl FnOnce(&View<'_>, &mut BytesMut) + Send + 'static) {
        if turn.is_caught_up() {
            return self.answer(|_, out| say(turn.view(), out));
        }
        turn.defer(Box::new(move |view| {
            let mut out = BytesMut::new();
            say(view, &mut out);
            out.freeze()
        }));
        self.pipeline.push(Awaited::Deferred { since: self.now });
    }

    fn refuse(&mut self, xid: Xid, error: ErrorCode, turn: &mut Turn<'_>) {
        self.in_order(turn, move |view, out| put_error_frame(xid, view.zxid().0, error, out));
    }

    fn sync(&mut self, header: RequestHeader, body: &mut Reader<'_>) {
        let at = body.record::<PathOnly<'_>>().ok();
        self.syncs.push(header.xid, at.map(|at| at.path));
    }

    fn reconfig(&mut self, xid: Xid, body: &mut Reader<'_>, turn: &mut Turn<'_>) {
        match body.record::<codec::Reconfig<'_>>() {
            Err(_) => self.refuse(xid, ErrorCode::MARSHALLING_ERROR, turn),
            Ok(_) if self.server.config.ensemble.is_none() => {
                self.refuse(xid, ErrorCode::RECONFIG_DISABLED, turn);
            }
            Ok(request) => self.reconfig = Reconfig::Asked(xid, Wanted::of(&request)),
        }
    }

    /// Takes effect at once for the requests that follow. The reply stands beside the order of transactions: zxid 0.
    fn auth(&mut self, header: RequestHeader, body: &mut Reader<'_>, turn: &mut Turn<'_>) {
        let Ok(auth) = body.record::<Auth<'_>>() else {
            return self.refuse(header.xid, ErrorCode::MARSHALLING_ERROR, turn);
        };
        let xid = header.xid;
        if auth.scheme == READS_SCHEME {
            return self.choose_reads(xid, &auth, turn);
        }
        if authenticate(&auth, &self.who).is_some_and(|identity| self.identify(identity)) {
            turn.set_identities(self.who.identities.clone());
            self.accept_auth(xid, turn);
        } else {
            self.refuse_auth(xid, &auth, turn);
        }
    }

    /// Adds an identity that was proved. False if there are too many.
    fn identify(&mut self, identity: Identity) -> bool {
        let is_super = is_superuser(&identity, self.server.config.super_digest.as_deref());
        self.who.add(identity) && (!is_super || self.who.add(Identity::super_user()))
    }

    /// Every client library can add authentication, and shows it again on each new connection: so it can also say what its
    /// reads are to promise.
    fn choose_reads(&mut self, xid: Xid, auth: &Auth<'_>, turn: &mut Turn<'_>) {
        let name = auth.auth.and_then(|name| std::str::from_utf8(name).ok());
        match name.and_then(Reads::parse) {
            Some(reads) => {
                self.reads = reads;
                self.accept_auth(xid, turn);
            }
            None => self.refuse_auth(xid, auth, turn),
        }
    }

    fn accept_auth(&mut self, xid: Xid, turn: &mut Turn<'_>) {
        self.in_order(turn, move |_, out| {
            put_frame(out, |out| ReplyHeader { xid, zxid: 0, error: ErrorCode::OK }.encode(out));
        });
    }

    fn refuse_auth(&mut self, xid: Xid, auth: &Auth<'_>, turn: &mut Turn<'_>) {
        self.server.control.metrics().auth_failures.fetch_add(1, Ordering::Relaxed);
        self.draining = Some(Ending::AuthRefused { scheme: auth.scheme.to_owned() });
        self.in_order(turn, move |_, out| put_error_frame(xid, 0, ErrorCode::AUTH_FAILED, out));
    }
}

/// The answer to a write for which the tree has no room.
fn refused(operation: &Operation, full: TreeFull) -> Result<tree::Reply, tree::ErrorCode> {
    let error = tree::ErrorCode::QuotaExceeded;
    match operation {
        Operation::Multi(parts) => {
            Ok(tree::Reply::Multi(Err(MultiFailure { at: full.part, of: parts.len(), error })))
        }
        _ => Err(error),
    }
}

/// Whether the next frame is a sync.
fn starts_with_sync(input: &[u8]) -> bool {
    input.get(FRAME_PREFIX_BYTES..).and_then(op_of) == Some(OpCode::Sync)
}

/// The operation of a request: it stands behind the xid.
fn op_of(payload: &[u8]) -> Option<OpCode> {
    let op = payload.get(4..).and_then(<[u8]>::first_chunk)?;
    Some(OpCode::from(i32::from_be_bytes(*op)))
}
