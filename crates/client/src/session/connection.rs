//! One connection that speaks for the session: what is on its way over it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;
use jute::{FrameReader, FrameWriter, OpCode, Record, Request, RequestHeader, Xid, put_frame};
use runtime::{BoxStream, Instant};
use tokio::io::{ReadHalf, WriteHalf};

use super::ask::Ask;
use crate::error::{Effect, ErrorKind, Failure};

pub(super) struct Connection {
    server: Arc<str>,
    pub(super) reader: FrameReader<ReadHalf<BoxStream>>,
    pub(super) writer: FrameWriter<WriteHalf<BoxStream>>,
    /// In the order in which they were sent, which is that of their answers.
    pub(super) outstanding: VecDeque<(Xid, Ask)>,
    /// Identities that were shown; `None` for those that nobody waits for.
    pub(super) auths: VecDeque<Option<Ask>>,
    pub(super) heard_at: Instant,
    pub(super) sent_at: Instant,
}

impl Connection {
    pub(super) fn new(server: Arc<str>, stream: BoxStream, answer_bytes_max: usize, now: Instant) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            server,
            reader: FrameReader::new(reader, answer_bytes_max),
            writer: FrameWriter::new(writer),
            outstanding: VecDeque::new(),
            auths: VecDeque::new(),
            heard_at: now,
            sent_at: now,
        }
    }

    pub(super) fn server(&self) -> &Arc<str> {
        &self.server
    }

    /// Queues a request that the session itself makes.
    pub(super) fn put(&mut self, xid: Xid, request: &Request<'_>) {
        self.writer.put(xid, request);
    }

    /// Queues what was asked.
    pub(super) fn ask(&mut self, xid: Xid, mut ask: Ask) {
        ask.sent += 1;
        put_frame(self.writer.queue(), |out: &mut BytesMut| {
            RequestHeader { xid, op: ask.op }.encode(out);
            out.extend_from_slice(&ask.body);
        });
        if ask.op == OpCode::Auth {
            self.auths.push_back(Some(ask));
        } else {
            self.outstanding.push_back((xid, ask));
        }
    }

    /// The server does not have the operation of request `xid`. False if that is no extension.
    ///
    /// ZooKeeper says so at once, before the answers to what was asked earlier.
    pub(super) fn refuse_extension(&mut self, xid: Xid) -> bool {
        let is_it = |(asked, ask): &(Xid, Ask)| *asked == xid && ask.op.is_extension();
        let Some(at) = self.outstanding.iter().position(is_it) else { return false };
        if let Some((_, ask)) = self.outstanding.remove(at) {
            ask.fail(Failure::unsupported(&self.server));
        }
        true
    }

    /// The connection is gone: what may be asked again goes to `again`, the rest is told.
    pub(super) fn lose(&mut self, why: &str, again: &mut VecDeque<Ask>) {
        let kind = ErrorKind::ConnectionLost { why: why.into() };
        let mut kept = VecDeque::new();
        for ask in self.drain() {
            if ask.may_repeat() {
                kept.push_back(ask);
            } else {
                let failure = self.unknown(kind.clone());
                ask.fail(failure);
            }
        }
        // What was not sent again yet stays behind what was.
        kept.append(again);
        *again = kept;
    }

    /// The session is over: what is under way is told.
    pub(super) fn fail(&mut self, why: &ErrorKind) {
        for ask in self.drain() {
            let failure = self.unknown(why.clone());
            ask.fail(failure);
        }
    }

    fn unknown(&self, kind: ErrorKind) -> Failure {
        Failure { kind, effect: Effect::Unknown, server: Some(Arc::clone(&self.server)) }
    }

    fn drain(&mut self) -> Vec<Ask> {
        let auths = std::mem::take(&mut self.auths).into_iter().flatten();
        let asked = std::mem::take(&mut self.outstanding).into_iter().map(|(_, ask)| ask);
        auths.chain(asked).collect()
    }
}
