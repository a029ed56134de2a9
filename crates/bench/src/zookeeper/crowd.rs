//! Many sessions that mostly wait: what they are told is counted, whichever of them is told it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::BytesMut;
use hdrhistogram::Histogram;
use runtime::BoxStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{Mutex, Notify};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{sleep, timeout};
use zookeeper::codec::{ErrorCode, FRAME_PREFIX_BYTES, Reader, ReplyHeader, Request, Xid, first_frame};

use super::dialer::Dialer;
use super::link::{Identity, Link};
use crate::report::latencies;

/// Sessions that are opened at the same time.
const OPENING: usize = 64;
/// How long the slowest answer or event may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// As clients do: a third of the session's timeout.
const PING_EVERY: Duration = Duration::from_secs(10);
const READ_BUFFER_BYTES: usize = 512;

/// Sessions, each on a connection of its own. Of use only in the `LocalSet` that it was made in.
pub(crate) struct Crowd {
    sessions: Vec<Session>,
    seen: Rc<Seen>,
    /// Requests that were sent.
    asked: u64,
}

struct Session {
    out: Rc<Mutex<WriteHalf<BoxStream>>>,
    xid: i32,
}

/// What all sessions were told.
struct Seen {
    replies: Cell<u64>,
    refused: Cell<Option<ErrorCode>>,
    /// Since the last mark.
    events: Cell<u64>,
    /// From when to count how long events take.
    mark: Cell<Instant>,
    delays_ns: RefCell<Histogram<u64>>,
    lost: RefCell<Option<String>>,
    /// The ends of connections are no losses any more.
    is_closing: Cell<bool>,
    changed: Notify,
}

impl Crowd {
    /// Opens `count` sessions, dealt out to `servers`.
    pub(crate) async fn open(dialer: &Dialer, servers: &[String], count: usize) -> Result<Self> {
        let seen = Rc::new(Seen::new());
        let (mut sessions, mut opening) = (Vec::with_capacity(count), JoinSet::new());
        let mut next = 0;
        while sessions.len() < count {
            while next < count && opening.len() < OPENING {
                let (dialer, server) = (dialer.clone(), servers[next % servers.len()].clone());
                opening
                    .spawn_local(async move { Link::open(&dialer, &server, &mut Identity::default()).await });
                next += 1;
            }
            let link =
                opening.join_next().await.expect("there are more to come").context("open a session")??;
            let (input, out) = split(link.into_stream());
            let out = Rc::new(Mutex::new(out));
            spawn_local(live(input, Rc::clone(&out), Rc::clone(&seen)));
            sessions.push(Session { out, xid: 0 });
        }
        Ok(Self { sessions, seen, asked: 0 })
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Has the session with number `index` make requests, and does not wait for the answers.
    pub(crate) async fn ask(&mut self, index: usize, requests: &[Request<'_>]) -> Result<()> {
        let session = &mut self.sessions[index];
        let mut bytes = BytesMut::new();
        for request in requests {
            session.xid += 1;
            request.put_frame(Xid(session.xid), &mut bytes);
        }
        self.asked += requests.len() as u64;
        let mut out = session.out.lock().await;
        out.write_all_buf(&mut bytes).await.with_context(|| format!("write to session {index}"))
    }

    /// Waits until everything that was asked is answered, without an error.
    pub(crate) async fn answered(&self) -> Result<()> {
        self.until(|seen| seen.replies.get() >= self.asked, "answers").await?;
        match self.seen.refused.get() {
            None => Ok(()),
            Some(code) => bail!("the server answered {}", code.name().unwrap_or("an unknown error")),
        }
    }

    /// Closes all sessions, and waits until the servers say that they are closed.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.seen.is_closing.set(true);
        for index in 0..self.len() {
            self.ask(index, &[Request::CloseSession]).await?;
        }
        self.answered().await
    }

    /// From now on events are counted, and how long they take.
    pub(crate) fn mark(&self) {
        self.seen.events.set(0);
        self.seen.mark.set(Instant::now());
    }

    /// Waits until so many events have come since the last mark.
    pub(crate) async fn told(&self, events: u64) -> Result<()> {
        self.until(|seen| seen.events.get() >= events, "events").await?;
        let came = self.seen.events.get();
        ensure!(came == events, "{came} events came where {events} were due");
        Ok(())
    }

    /// How long the events took that came since the last call, each from the mark before it.
    pub(crate) fn take_delays(&self) -> Histogram<u64> {
        self.seen.delays_ns.replace(latencies())
    }

    async fn until(&self, is_so: impl Fn(&Seen) -> bool, what: &str) -> Result<()> {
        let all = async {
            while !is_so(&self.seen) {
                if let Some(why) = self.seen.lost.borrow_mut().take() {
                    bail!("a session was lost: {why}");
                }
                self.seen.changed.notified().await;
            }
            Ok(())
        };
        timeout(PATIENCE, all).await.with_context(|| format!("wait for {what}"))?
    }
}

impl Seen {
    fn new() -> Self {
        Self {
            replies: Cell::new(0),
            refused: Cell::new(None),
            events: Cell::new(0),
            mark: Cell::new(Instant::now()),
            delays_ns: RefCell::new(latencies()),
            lost: RefCell::new(None),
            is_closing: Cell::new(false),
            changed: Notify::new(),
        }
    }

    fn note(&self, header: &ReplyHeader, now: Instant) {
        if header.xid == Xid::EVENT {
            self.events.set(self.events.get() + 1);
            let delay = now.saturating_duration_since(self.mark.get());
            self.delays_ns.borrow_mut().saturating_record(delay.as_nanos() as u64);
        } else if header.xid != Xid::PING {
            self.replies.set(self.replies.get() + 1);
            if header.error != ErrorCode::OK {
                self.refused.set(Some(header.error));
            }
        }
    }
}

/// Reads all that a session is told and keeps it alive, until its connection ends.
async fn live(mut input: ReadHalf<BoxStream>, out: Rc<Mutex<WriteHalf<BoxStream>>>, seen: Rc<Seen>) {
    let pings = async {
        loop {
            sleep(PING_EVERY).await;
            let mut bytes = BytesMut::new();
            Request::Ping.put_frame(Xid::PING, &mut bytes);
            if let Err(error) = out.lock().await.write_all_buf(&mut bytes).await {
                return error.to_string();
            }
        }
    };
    let why = tokio::select! {
        biased;
        why = listen(&mut input, &seen) => why,
        why = pings => why,
    };
    if !seen.is_closing.get() {
        seen.lost.replace(Some(why));
        seen.changed.notify_one();
    }
}

/// Counts what comes; why no more does.
async fn listen(input: &mut ReadHalf<BoxStream>, seen: &Seen) -> String {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BUFFER_BYTES);
        match input.read_buf(&mut buffer).await {
            Ok(0) => return "the server closed its connection".to_owned(),
            Ok(_) => {}
            Err(error) => return error.to_string(),
        }
        if let Err(error) = take_frames(&mut buffer, seen) {
            return error.to_string();
        }
        seen.changed.notify_one();
    }
}

fn take_frames(buffer: &mut BytesMut, seen: &Seen) -> Result<()> {
    let (now, mut read) = (Instant::now(), 0);
    while let Some(payload) = first_frame(&buffer[read..], usize::MAX)? {
        read += FRAME_PREFIX_BYTES + payload.len();
        seen.note(&Reader::new(payload).record()?, now);
    }
    bytes::Buf::advance(buffer, read);
    Ok(())
}
