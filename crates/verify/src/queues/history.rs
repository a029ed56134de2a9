//! What clients of queues note. Everything carries a name of its own, so that each copy of a message can be followed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::workload::Place;

/// One publish of a message. What was not confirmed on one connection is published again on the next, and may be in the queue twice: as two
/// copies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Copy {
    /// Who.
    pub publisher: u32,
    /// On which of its connections.
    pub connection: u32,
    /// Which of its messages, from 1.
    pub number: u64,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {}.{}.{}", self.publisher, self.connection, self.number)
    }
}

/// Copies of one line are in a queue in the order of their numbers.
pub type Line = (u32, u32);

impl Copy {
    /// Its line.
    pub fn line(self) -> Line {
        (self.publisher, self.connection)
    }

    /// The message's body: its name, and so many bytes to make it longer.
    pub fn encode(self, padding: usize) -> Vec<u8> {
        let mut body = format!("{} {} {} ", self.publisher, self.connection, self.number).into_bytes();
        body.resize(body.len() + padding, b'.');
        body
    }

    /// Of a body.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut parts = body.splitn(4, |byte| *byte == b' ').map(|part| std::str::from_utf8(part).ok());
        Some(Self {
            publisher: parts.next()??.parse().ok()?,
            connection: parts.next()??.parse().ok()?,
            number: parts.next()??.parse().ok()?,
        })
    }
}

/// What a dead letter says of how it died, newest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Death {
    /// Where.
    pub queue: String,
    /// Why: "rejected" or "delivery_limit".
    pub reason: String,
    /// How often there and so.
    pub count: i64,
}

/// A copy that came to a consumer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Which.
    pub copy: Copy,
    /// Whether the server says that somebody had it before.
    pub redelivered: bool,
    /// How often it had been given out before, as the server says.
    pub acquired: i64,
    /// The fencing token of a single active consumer; 0 is none.
    pub epoch: i64,
    /// How often it had failed before, as the server says.
    pub failures: i64,
    /// The newest death of a dead letter.
    pub death: Option<Death>,
}

/// What happened to a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The consumer was given it.
    Delivered,
    /// The consumer settled it.
    Acked,
    /// The consumer gave it back to the queue.
    Returned,
    /// The consumer gave it up: to the dead letters, where there are any.
    Rejected,
}

/// What a consumer was given, or said.
#[derive(Clone, Debug)]
pub struct Event {
    /// What.
    pub kind: Kind,
    /// Of which delivery.
    pub delivery: Rc<Delivery>,
}

/// A number of a [`Session`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionId(usize);

/// What one attachment of a consumer saw and said, in order. A delivery is noted before anything is said of it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who, and which of its attachments.
    pub consumer: String,
    /// The queue, by its place in [`Layout::queues`](super::workload::Layout).
    pub queue: usize,
    /// The node that it is connected to.
    pub node: u64,
    /// How many deliveries it wants in its hands.
    pub prefetch: u16,
    /// What happened.
    pub events: Vec<Event>,
}

/// What became of one publisher's messages.
#[derive(Clone, Default, Debug)]
pub struct Published {
    /// Where to.
    pub place: Option<Place>,
    /// Every copy that was sent.
    pub sent: BTreeSet<Copy>,
    /// Copies that the server has taken responsibility for.
    pub confirmed: BTreeSet<Copy>,
    /// Copies that the server would not answer for.
    pub refused: u64,
    /// When the last confirm came.
    pub confirmed_at: Duration,
}

/// All that clients of queues noted in a run.
#[derive(Debug)]
pub struct QueueHistory {
    /// By publisher.
    pub published: BTreeMap<u32, Published>,
    /// In the order in which they began.
    pub sessions: Vec<Session>,
    /// What the resource accepted that consumers of a single active queue work on, in order.
    pub accepted: Vec<Rc<Delivery>>,
    /// How often the resource refused what came too late.
    pub fenced_off: u64,
    /// What broke the protocol's rules, as one connection can see.
    pub nonsense: Vec<String>,
    /// Copies that were confirmed and that nobody has settled so far.
    unsettled: BTreeSet<Copy>,
    settled: BTreeSet<Copy>,
    /// Of everything noted, in order.
    digest: u32,
    clock: fn() -> Duration,
}

impl Default for QueueHistory {
    /// A history without times.
    fn default() -> Self {
        Self::new(|| Duration::ZERO)
    }
}

impl QueueHistory {
    /// An empty one. `clock` tells the time since the run began.
    pub fn new(clock: fn() -> Duration) -> Self {
        Self {
            published: BTreeMap::new(),
            sessions: Vec::new(),
            accepted: Vec::new(),
            fenced_off: 0,
            nonsense: Vec::new(),
            unsettled: BTreeSet::new(),
            settled: BTreeSet::new(),
            digest: 0,
            clock,
        }
    }

    /// A copy is about to be sent.
    pub fn note_sent(&mut self, copy: Copy, place: Place) {
        self.note(&format!("sent {copy:?}"));
        let published = self.published.entry(copy.publisher).or_default();
        published.place = Some(place);
        published.sent.insert(copy);
    }

    /// The server has confirmed a copy.
    pub fn note_confirmed(&mut self, copy: Copy) {
        self.note(&format!("confirmed {copy:?}"));
        let at = (self.clock)();
        let published = self.published.entry(copy.publisher).or_default();
        published.confirmed.insert(copy);
        published.confirmed_at = at;
        if !self.settled.contains(&copy) {
            self.unsettled.insert(copy);
        }
    }

    /// The server would not answer for a copy.
    pub fn note_refused(&mut self, copy: Copy) {
        self.note(&format!("refused {copy:?}"));
        self.published.entry(copy.publisher).or_default().refused += 1;
    }

    /// A consumer is attached to a queue.
    pub fn begin_session(&mut self, consumer: String, queue: usize, node: u64, prefetch: u16) -> SessionId {
        self.note(&format!("{consumer} attached to queue {queue} on node {node}, prefetch {prefetch}"));
        self.sessions.push(Session { consumer, queue, node, prefetch, events: Vec::new() });
        SessionId(self.sessions.len() - 1)
    }

    /// A consumer was given something, or says something of it.
    pub fn note_event(&mut self, session: SessionId, kind: Kind, delivery: &Rc<Delivery>) {
        if kind == Kind::Acked {
            self.unsettled.remove(&delivery.copy);
            self.settled.insert(delivery.copy);
        }
        let at = &mut self.sessions[session.0];
        at.events.push(Event { kind, delivery: Rc::clone(delivery) });
        let what = format!("{} {kind:?} {delivery:?}", at.consumer);
        self.note(&what);
    }

    /// Work comes to the resource: it accepts what comes with a token as high as the highest that it has seen.
    pub fn work(&mut self, delivery: &Rc<Delivery>) -> bool {
        let highest = self.accepted.last().map_or(0, |last| last.epoch);
        if delivery.epoch < highest {
            self.fenced_off += 1;
            return false;
        }
        self.accepted.push(Rc::clone(delivery));
        true
    }

    /// Something makes no sense.
    pub fn note_nonsense(&mut self, what: String) {
        self.note(&what);
        self.nonsense.push(what);
    }

    /// Copies that were confirmed and that nobody has settled so far.
    pub fn unsettled(&self) -> &BTreeSet<Copy> {
        &self.unsettled
    }

    /// How many of a publisher's copies were confirmed and are not settled so far.
    pub fn backlog(&self, publisher: u32) -> usize {
        let first = Copy { publisher, connection: 0, number: 0 };
        let after = Copy { publisher: publisher + 1, ..first };
        self.unsettled.range(first..after).count()
    }

    /// A checksum of all that was noted: equal whenever a seed runs again.
    pub fn digest(&self) -> u32 {
        self.digest
    }

    fn note(&mut self, what: &str) {
        tracing::debug!(target: "verify::queues", what);
        let at = (self.clock)();
        // Not for safety against anybody: any function that mixes will do.
        for byte in what.bytes().chain(at.as_nanos().to_le_bytes()) {
            self.digest = self.digest.rotate_left(5) ^ u32::from(byte);
            self.digest = self.digest.wrapping_mul(0x9e37_79b1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_its_body() {
        let copy = Copy { publisher: 3, connection: 14, number: 159 };
        assert_eq!(Copy::decode(&copy.encode(0)), Some(copy));
        assert_eq!(Copy::decode(&copy.encode(100)), Some(copy));
        assert_eq!(Copy::decode(b"3 x 1 "), None);
        assert_eq!(Copy::decode(b""), None);
    }
}
