//! A client's work on one connection.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use rand::Rng;
use runtime::Instant;
use zookeeper::codec::{Reader, ReplyHeader, Request, ServerFrame, WatcherEvent, Xid};

use super::line::Line;
use super::translate::{outcome, request};
use super::{Client, Session, Step};
use crate::history::{ConnectionId, Event, Fired, Op, OpId, Outcome, Tag};

/// How a connection ended.
pub(super) enum Parting {
    /// It broke, was given up, or the workload moved on: the session lives.
    Lost,
    /// The session was closed.
    Closed,
    /// The session was forgotten.
    Abandoned,
    /// The client ends.
    Quit,
}

/// A connection that speaks for a session.
pub(super) struct Connection {
    id: ConnectionId,
    line: Line,
    outstanding: VecDeque<Outstanding>,
    pings: VecDeque<Instant>,
    heard_at: Instant,
    sent_at: Instant,
    /// Nothing is asked before that.
    paused_until: Instant,
}

struct Outstanding {
    xid: Xid,
    op: OpId,
    sent_at: Instant,
}

/// An idle workload is asked again at least this often.
const IDLE_MAX: Duration = Duration::from_millis(500);
/// Data is padded by up to so many bytes, so that records differ in size.
const PADDING_MAX: usize = 120;

impl Connection {
    /// A connection that was asked for at `began`, and is there `now`: a client that was held meanwhile has sent nothing since.
    pub(super) fn new(id: ConnectionId, line: Line, began: Instant, now: Instant) -> Self {
        Self {
            id,
            line,
            outstanding: VecDeque::new(),
            pings: VecDeque::new(),
            heard_at: now,
            sent_at: began,
            paused_until: now,
        }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }
}

impl Client {
    /// Works until the connection ends.
    pub(super) async fn serve(&mut self, mut connection: Connection) -> Parting {
        if let Some(session) = self.session.as_ref().filter(|session| !session.watches.is_empty()) {
            let since = session.last_zxid;
            self.send(&mut connection, Op::SetWatches { since });
        }
        let parting = loop {
            match self.turn(&mut connection).await {
                Ok(None) => {}
                Ok(Some(parting)) => break parting,
                Err(error) => {
                    tracing::debug!(client = self.manner.id.0, connection = connection.id.0, %error, "lost");
                    break Parting::Lost;
                }
            }
        };
        while let Some(lost) = connection.outstanding.pop_front() {
            self.complete(lost.op, Outcome::Unknown);
        }
        parting
    }

    /// Sends what there is to send, then waits for something to happen.
    async fn turn(&mut self, connection: &mut Connection) -> io::Result<Option<Parting>> {
        let now = self.clock.now();
        let timeout = self.session.as_ref().expect("a connection has a session").timeout();
        let mut closing = false;
        while connection.outstanding.len() < self.manner.window && connection.paused_until <= now {
            match self.workload.next_step() {
                Step::Ask(op) => {
                    closing = op == Op::Close;
                    self.send(connection, op);
                    if closing {
                        break;
                    }
                }
                Step::Idle => break,
                Step::Pause(pause) => connection.paused_until = now + pause,
                Step::Move => return Ok(Some(Parting::Lost)),
                Step::Abandon => return Ok(Some(Parting::Abandoned)),
                Step::Quit => return Ok(Some(Parting::Quit)),
            }
        }
        if closing {
            return self.close(connection, timeout).await.map(Some);
        }
        let ping_at = connection.sent_at + timeout / 3;
        if ping_at <= now {
            connection.line.put(Xid::PING, &Request::Ping);
            connection.pings.push_back(now);
            self.note_sent(connection);
        }
        connection.line.flush().await?;
        let give_up_at = connection.heard_at + timeout * 2 / 3;
        let paused_until = Some(connection.paused_until).filter(|until| *until > now);
        let look_at = paused_until.unwrap_or(now + IDLE_MAX);
        let next = look_at.min(connection.sent_at + timeout / 3).min(give_up_at);
        tokio::select! {
            biased;
            frame = connection.line.next_frame() => self.on_frame(connection, frame?)?,
            () = self.clock.sleep_until(next) => {}
        }
        if self.clock.now() >= connection.heard_at + timeout * 2 / 3 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(None)
    }

    /// Waits for the answer to a close, which is the last.
    async fn close(&mut self, connection: &mut Connection, patience: Duration) -> io::Result<Parting> {
        connection.line.flush().await?;
        let deadline = self.clock.now() + patience;
        while !connection.outstanding.is_empty() {
            tokio::select! {
                biased;
                frame = connection.line.next_frame() => self.on_frame(connection, frame?)?,
                () = self.clock.sleep_until(deadline) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        Ok(Parting::Closed)
    }

    fn send(&mut self, connection: &mut Connection, op: Op) {
        let session = self.session.as_mut().expect("a connection has a session");
        let data: Vec<Vec<u8>> = op.writes().iter().map(|write| padded(write.tag(), &mut self.rng)).collect();
        let xid = if matches!(op, Op::SetWatches { .. }) { Xid::SET_WATCHES } else { Xid(session.next_xid) };
        session.next_xid += 1;
        connection.line.put(xid, &request(&op, &data, &session.watches));
        let (client, key) = (self.manner.id, session.key());
        let op = self.history.borrow_mut().invoke(client, key, connection.id, op);
        let sent_at = self.note_sent(connection);
        connection.outstanding.push_back(Outstanding { xid, op, sent_at });
    }

    /// Something is sent now. A client that was held, as a stopped process is, may have sent nothing for longer than its
    /// session lasts: what it sends now can come too late although it is still answered.
    fn note_sent(&mut self, connection: &mut Connection) -> Instant {
        let now = self.clock.now();
        let session = self.session.as_mut().expect("a connection has a session");
        let timeout = session.timeout();
        if now.saturating_since(connection.sent_at) >= timeout * 2 / 3 {
            session.overslept_until = Some(now + timeout);
        }
        connection.sent_at = now;
        now
    }

    fn on_frame(&mut self, connection: &mut Connection, frame: Bytes) -> io::Result<()> {
        connection.heard_at = self.clock.now();
        match ServerFrame::decode(&frame).map_err(io::Error::other)? {
            ServerFrame::Event { zxid, event } => self.on_event(connection.id, zxid, event),
            ServerFrame::Reply { header, .. } if header.xid == Xid::PING => {
                let sent_at = connection.pings.pop_front();
                self.on_heard(header.zxid, sent_at);
            }
            ServerFrame::Reply { header, mut body } => self.on_reply(connection, header, &mut body)?,
        }
        Ok(())
    }

    fn on_event(&mut self, connection: ConnectionId, zxid: i64, event: WatcherEvent<'_>) {
        let session = self.session.as_mut().expect("a connection has a session");
        let (client, kind, path) = (self.manner.id, event.kind, Rc::<str>::from(event.path));
        let awaited = session.watches.on_event(zxid, kind, &path);
        self.history.borrow_mut().push(Event::Fired(Fired {
            client,
            connection,
            zxid,
            kind,
            path: Rc::clone(&path),
        }));
        self.workload.on_event(&path);
        if !awaited {
            self.note_nonsense(connection, format!("{kind:?} of {path} was told, and nothing waited for it"));
        }
    }

    fn on_reply(
        &mut self,
        connection: &mut Connection,
        header: ReplyHeader,
        body: &mut Reader<'_>,
    ) -> io::Result<()> {
        let expected = connection.outstanding.front().map(|next| next.xid);
        if expected != Some(header.xid) {
            self.note_nonsense(
                connection.id,
                format!("a reply to {:?} when {expected:?} was due", header.xid),
            );
            return Err(io::ErrorKind::InvalidData.into());
        }
        let answered = connection.outstanding.pop_front().expect("there is one, as just seen");
        let op = self.history.borrow().op(answered.op).op.clone();
        let outcome = match outcome(&op, header, body) {
            Ok(outcome) => outcome,
            Err(what) => {
                self.note_nonsense(connection.id, what);
                connection.outstanding.push_front(answered);
                return Err(io::ErrorKind::InvalidData.into());
            }
        };
        self.on_heard(header.zxid, Some(answered.sent_at));
        let session = self.session.as_mut().expect("a connection has a session");
        session.watches.on_outcome(&op, &outcome);
        self.complete(answered.op, outcome);
        Ok(())
    }

    fn on_heard(&mut self, zxid: i64, sent_at: Option<Instant>) {
        let session: &mut Session = self.session.as_mut().expect("a connection has a session");
        session.last_zxid = session.last_zxid.max(zxid);
        if let Some(sent_at) = sent_at {
            session.heard_at = session.heard_at.max(sent_at);
        }
    }

    fn complete(&mut self, op: OpId, outcome: Outcome) {
        let mut history = self.history.borrow_mut();
        history.complete(op, outcome);
        self.workload.on_outcome(history.op(op));
    }
}

fn padded(tag: Option<Tag>, rng: &mut impl Rng) -> Vec<u8> {
    let mut data = tag.map(|tag| tag.encode().to_vec()).unwrap_or_default();
    data.resize(data.len() + rng.random_range(0..PADDING_MAX), b'.');
    data
}
