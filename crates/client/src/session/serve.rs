//! Work on one connection, until it is lost or the session ends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jute::{ErrorCode, OpCode, ReplyHeader, Request, ServerFrame, Xid};
use runtime::Instant;

use super::Session;
use super::ask::{Answer, Ask};
use super::connection::Connection;
use crate::error::{ErrorKind, Failure};

/// How work on a connection ended.
pub(super) enum Parting {
    /// The session lives.
    Lost(String),
    /// It does not.
    Over(ErrorKind),
}

/// Requests are taken while fewer bytes than this wait to be written.
const WRITE_AHEAD_BYTES: usize = 1 << 20;

impl Session {
    pub(super) async fn serve(&mut self, mut connection: Connection) -> (Parting, Connection) {
        let mut closing = false;
        let mut alarm = None;
        loop {
            let turn = self.turn(&mut connection, &mut closing, &mut alarm).await;
            match turn {
                Ok(None) => {}
                Ok(Some(parting)) => return (parting, connection),
                // The end of a connection whose session was to be closed is what was asked for.
                Err(_) if closing => return (Parting::Over(ErrorKind::Closed), connection),
                Err(error) => return (Parting::Lost(describe(&error)), connection),
            }
        }
    }

    /// Waits for something to happen, and does what it calls for.
    async fn turn(
        &mut self,
        connection: &mut Connection,
        closing: &mut bool,
        alarm: &mut Option<runtime::BoxFuture<'static, ()>>,
    ) -> io::Result<Option<Parting>> {
        let clock = self.runtime.clock.clone();
        // Deadlines only move away while it waits, so an alarm that is set is never too late.
        let timer = alarm.get_or_insert_with(|| clock.sleep_until(self.next_deadline(connection)));
        let has_output = connection.writer.has_output();
        let may_take = !*closing && has_room(connection, self.options.outstanding_max);
        tokio::select! {
            biased;
            frame = connection.reader.next_frame() => {
                connection.heard_at = clock.now();
                return self.on_frame(connection, &frame?);
            }
            written = connection.writer.write_some(), if has_output => {
                connection.sent_at = clock.now();
                written?;
            }
            ask = self.asks.recv(), if may_take => *closing = self.take(connection, ask),
            () = timer => {
                *alarm = None;
                self.on_alarm(connection, clock.now())?;
            }
        }
        Ok(None)
    }

    fn timeout(&self) -> Duration {
        let timeout_ms = self.credentials.as_ref().map_or(0, |credentials| credentials.timeout_ms);
        Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0))
    }

    fn next_deadline(&self, connection: &Connection) -> Instant {
        let timeout = self.timeout();
        (connection.sent_at + timeout / 3).min(connection.heard_at + timeout * 2 / 3)
    }

    /// A server that hears nothing ends the session after its timeout; one that says nothing for two thirds of it is
    /// given up, so that a third is left to find another.
    fn on_alarm(&mut self, connection: &mut Connection, now: Instant) -> io::Result<()> {
        let timeout = self.timeout();
        if now >= connection.heard_at + timeout * 2 / 3 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server has fallen silent"));
        }
        if now >= connection.sent_at + timeout / 3 {
            connection.put(Xid::PING, &Request::Ping);
            connection.sent_at = now;
        }
        Ok(())
    }

    /// Queues `first` and what else is there, as far as there is room. True if the session is to be closed.
    fn take(&mut self, connection: &mut Connection, first: Option<Ask>) -> bool {
        let Some(first) = first else {
            // Nobody is left to ask anything.
            let xid = self.next_xid(OpCode::CloseSession);
            connection.put(xid, &Request::CloseSession);
            return true;
        };
        let mut next = Some(first);
        while let Some(ask) = next {
            let is_last = ask.op == OpCode::CloseSession;
            let xid = self.next_xid(ask.op);
            connection.ask(xid, ask);
            if is_last {
                return true;
            }
            let room = has_room(connection, self.options.outstanding_max);
            next = if room { self.asks.try_recv().ok() } else { None };
        }
        false
    }

    pub(super) fn next_xid(&mut self, op: OpCode) -> Xid {
        if op == OpCode::Auth {
            return Xid::AUTH;
        }
        let xid = Xid(self.next_xid);
        self.next_xid = self.next_xid.checked_add(1).unwrap_or(1);
        xid
    }

    fn on_frame(&mut self, connection: &mut Connection, frame: &Bytes) -> io::Result<Option<Parting>> {
        match ServerFrame::decode(frame).map_err(io::Error::other)? {
            ServerFrame::Event { zxid, event } => {
                self.on_zxid(zxid);
                self.registry.on_event(zxid, &event);
            }
            ServerFrame::Reply { header, body } => {
                self.on_zxid(header.zxid);
                let body = frame.slice_ref(body.rest());
                match header.xid {
                    Xid::PING | Xid::SET_WATCHES => {}
                    Xid::AUTH => return Ok(self.on_auth_reply(connection, header, body)),
                    _ => return self.on_reply(connection, header, body),
                }
            }
        }
        Ok(None)
    }

    /// What was seen once must not be unseen on another server.
    fn on_zxid(&mut self, zxid: i64) {
        self.last_zxid = self.last_zxid.max(zxid);
    }

    fn on_auth_reply(
        &mut self,
        connection: &mut Connection,
        header: ReplyHeader,
        body: Bytes,
    ) -> Option<Parting> {
        let asked = connection.auths.pop_front().flatten();
        let server = Arc::clone(connection.server());
        match asked {
            Some(mut ask) if header.error == ErrorCode::OK => {
                self.identities.extend(ask.identity.take());
                ask.answer(Answer { zxid: header.zxid, body, server });
                None
            }
            Some(ask) => {
                ask.fail(Failure::refused(header.error, &server));
                Some(Parting::Lost("the server refused an identity".to_owned()))
            }
            None if header.error == ErrorCode::OK => None,
            None => Some(Parting::Over(ErrorKind::AuthFailed)),
        }
    }

    fn on_reply(
        &mut self,
        connection: &mut Connection,
        header: ReplyHeader,
        body: Bytes,
    ) -> io::Result<Option<Parting>> {
        if header.error == ErrorCode::UNIMPLEMENTED && connection.refuse_extension(header.xid) {
            // It ends the connection now. To go on without it, without waiting for that, keeps what is asked next whole.
            return Ok(Some(Parting::Lost("the server does not have an extension".to_owned())));
        }
        let Some((xid, mut ask)) = connection.outstanding.pop_front() else {
            return Err(io::Error::other(format!("an answer to {:?}, and nothing was asked", header.xid)));
        };
        if xid != header.xid {
            let what = format!("an answer to {:?} when that to {xid:?} was due", header.xid);
            connection.outstanding.push_front((xid, ask));
            return Err(io::Error::other(what));
        }
        let server = Arc::clone(connection.server());
        if let Some(registration) = ask.registration.take() {
            self.registry.on_answer(registration, header.error);
        }
        let is_last = ask.op == OpCode::CloseSession;
        match header.error {
            ErrorCode::OK => ask.answer(Answer { zxid: header.zxid, body, server }),
            error => ask.fail(Failure::refused(error, &server)),
        }
        Ok(is_last.then_some(Parting::Over(ErrorKind::Closed)))
    }
}

fn has_room(connection: &Connection, outstanding_max: usize) -> bool {
    connection.outstanding.len() < outstanding_max.max(1)
        && connection.writer.queued_bytes() < WRITE_AHEAD_BYTES
}

fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed it".to_owned(),
        _ => error.to_string(),
    }
}
