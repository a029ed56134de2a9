//! The server's order of writes, as far as the history tells it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Findings;
use crate::history::{
    Answer, Event, History, Moment, Op, OpId, OpRecord, Outcome, PartAnswer, Seen, SessionKey, Tag, Write,
};

/// What a transaction did to a znode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Created it.
    Created {
        /// The mark in its data.
        tag: Tag,
        /// The session that it goes with.
        owner: Option<SessionKey>,
    },
    /// Set its data.
    Set {
        /// The mark in the data.
        tag: Tag,
        /// The version that it made, if anybody saw it.
        version: Option<i32>,
    },
    /// Deleted it.
    Deleted,
}

/// A change that certainly happened.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// In this transaction.
    pub zxid: i64,
    /// What.
    pub change: Change,
    /// By this request.
    pub op: OpId,
}

/// All that is known about one path.
#[derive(Default, Debug)]
pub struct Timeline {
    /// What certainly happened, in order.
    pub entries: Vec<Entry>,
    /// Unanswered requests that may have changed it, and that nobody saw the effect of.
    pub unknown: Vec<OpId>,
}

/// Whether a znode is there.
#[derive(Clone, Copy, Debug)]
pub enum State<'a> {
    /// It is, as this entry left it.
    Present(&'a Entry),
    /// It was, but the session that it goes with may be over.
    Fading(&'a Entry),
    /// It is not.
    Absent,
}

/// When a session's end is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// It certainly lived at this transaction.
    pub alive_at: i64,
    /// It was closed in this transaction.
    pub closed_at: Option<i64>,
}

/// The server's order of writes, as far as the history tells it.
#[derive(Default, Debug)]
pub struct Log {
    /// By path.
    pub timelines: BTreeMap<Rc<str>, Timeline>,
    /// Requests that certainly took effect, and in which transaction.
    pub applied: BTreeMap<OpId, i64>,
    /// By session.
    pub spans: BTreeMap<SessionKey, Span>,
    /// Where requests that were never answered created sequential znodes.
    places: BTreeMap<(OpId, Rc<str>), Rc<str>>,
    by_tag: BTreeMap<Tag, OpId>,
}

const TAKES_EFFECT_ONCE: &str = "a write takes effect at most once";

impl Log {
    /// Puts the log together. What contradicts itself goes into `findings`.
    pub fn of(history: &History, findings: &mut Findings) -> Self {
        let mut log = Log::default();
        for (number, record) in history.ops.iter().enumerate() {
            let tags = record.op.writes().iter().filter_map(Write::tag);
            log.by_tag.extend(tags.map(|tag| (tag, OpId(number))));
        }
        for (number, record) in history.ops.iter().enumerate() {
            log.take_answer(OpId(number), record, findings);
        }
        for record in &history.ops {
            log.take_read(history, record, findings);
        }
        log.fill_timelines(history, findings);
        log.measure_sessions(history);
        log
    }

    fn take_answer(&mut self, id: OpId, record: &OpRecord, findings: &mut Findings) {
        let Outcome::Ok { zxid, answer } = &record.outcome else { return };
        if record.op.writes().is_empty() {
            return;
        }
        self.applied.insert(id, *zxid);
        for part in parts(answer) {
            let (PartAnswer::Created(_, seen) | PartAnswer::Set(seen)) = part else { continue };
            if seen.mzxid != *zxid {
                let what = format!(
                    "{id:?} {:?}: the reply is of {zxid:#x}, its stat of {:#x}",
                    record.op, seen.mzxid
                );
                findings.add("a write's stat names its own transaction", what);
            }
        }
    }

    /// Data that was read shows that its write took effect.
    fn take_read(&mut self, history: &History, record: &OpRecord, findings: &mut Findings) {
        let (Op::Get { path, .. }, Outcome::Ok { answer: Answer::Data { tag, seen }, .. }) =
            (&record.op, &record.outcome)
        else {
            return;
        };
        let writer = tag.and_then(|tag| self.by_tag.get(&tag).copied());
        let written = |id: OpId| history.op(id).op.writes().iter().find(|write| writes_to(write, path));
        let Some((id, write)) = writer.and_then(|id| Some((id, written(id)?))) else {
            if path.len() > 1 {
                findings
                    .add("data was written by somebody", format!("{path} has {tag:?} at {:#x}", seen.mzxid));
            }
            return;
        };
        if let Outcome::Failed { failure, .. } = &history.op(id).outcome {
            let what =
                format!("{id:?} was refused with {failure:?}, and {path} shows it at {:#x}", seen.mzxid);
            findings.add("a refused write has no effect", what);
        }
        if let Write::Create { path: prefix, kind, .. } = write
            && kind.is_sequential()
        {
            let place = self.places.entry((id, Rc::clone(prefix))).or_insert_with(|| Rc::clone(path));
            if place != path {
                findings.add(TAKES_EFFECT_ONCE, format!("{id:?} created both {place} and {path}"));
            }
        }
        let first = *self.applied.entry(id).or_insert(seen.mzxid);
        if first != seen.mzxid {
            let what = format!("{id:?} on {path}: in {first:#x} and in {:#x}", seen.mzxid);
            findings.add(TAKES_EFFECT_ONCE, what);
        }
    }

    fn fill_timelines(&mut self, history: &History, findings: &mut Findings) {
        let versions = versions_seen(history);
        for (number, record) in history.ops.iter().enumerate() {
            let id = OpId(number);
            match self.applied.get(&id).copied() {
                Some(zxid) => self.add_entries(id, zxid, record, &versions),
                None if record.outcome == Outcome::Unknown => self.add_unknown(id, record),
                None => {}
            }
        }
        for (path, timeline) in &mut self.timelines {
            timeline.entries.sort_by_key(|entry| entry.zxid);
            for pair in timeline.entries.windows(2) {
                if pair[0].zxid == pair[1].zxid {
                    let what = format!(
                        "{:?} and {:?} both changed {path} in {:#x}",
                        pair[0].op, pair[1].op, pair[0].zxid
                    );
                    findings.add("a transaction is one request's", what);
                }
            }
        }
    }

    fn add_entries(&mut self, op: OpId, zxid: i64, record: &OpRecord, versions: &Versions) {
        let answers = match &record.outcome {
            Outcome::Ok { answer, .. } => parts(answer),
            _ => &[],
        };
        for (at, write) in record.op.writes().iter().enumerate() {
            let Some((path, change)) = self.change(op, zxid, record, write, answers.get(at), versions) else {
                continue;
            };
            self.timelines.entry(path).or_default().entries.push(Entry { zxid, change, op });
        }
    }

    fn change(
        &self,
        op: OpId,
        zxid: i64,
        record: &OpRecord,
        write: &Write,
        answer: Option<&PartAnswer>,
        versions: &Versions,
    ) -> Option<(Rc<str>, Change)> {
        match write {
            Write::Create { path, tag, kind } => {
                let owner = kind.is_ephemeral().then_some(record.session);
                let place = match (answer, kind) {
                    (Some(PartAnswer::Created(place, _)), _) => place,
                    (_, kind) if kind.is_sequential() => self.places.get(&(op, Rc::clone(path)))?,
                    _ => path,
                };
                Some((Rc::clone(place), Change::Created { tag: *tag, owner }))
            }
            Write::Set { path, tag, .. } => {
                let version = match answer {
                    Some(PartAnswer::Set(seen)) => Some(seen.version),
                    _ => versions.get(&(Rc::clone(path), zxid)).copied(),
                };
                Some((Rc::clone(path), Change::Set { tag: *tag, version }))
            }
            Write::Delete { path, .. } => Some((Rc::clone(path), Change::Deleted)),
            Write::Check { .. } => None,
        }
    }

    fn add_unknown(&mut self, op: OpId, record: &OpRecord) {
        for write in record.op.writes() {
            self.timelines.entry(Rc::clone(write.path())).or_default().unknown.push(op);
        }
    }

    fn measure_sessions(&mut self, history: &History) {
        for record in &history.ops {
            let span = self.spans.entry(record.session).or_default();
            match (&record.op, &record.outcome) {
                (Op::Close, Outcome::Ok { zxid, .. }) => span.closed_at = Some(*zxid),
                // Only a write shows that the session lived in the order of writes: a node that lags answers reads too.
                (op, Outcome::Ok { zxid, .. }) if !op.writes().is_empty() => {
                    span.alive_at = span.alive_at.max(*zxid);
                }
                _ => {}
            }
        }
    }

    /// What is known of a path at a transaction.
    pub fn state(&self, path: &str, zxid: i64) -> State<'_> {
        let Some(timeline) = self.timelines.get(path) else { return State::Absent };
        let known = timeline.entries.partition_point(|entry| entry.zxid <= zxid);
        let Some(last) = known.checked_sub(1).map(|at| &timeline.entries[at]) else { return State::Absent };
        if last.change == Change::Deleted {
            return State::Absent;
        }
        match timeline.owner(known).and_then(|owner| self.spans.get(&owner)) {
            Some(span) if span.closed_at.is_some_and(|closed| closed <= zxid) => State::Absent,
            Some(span) if span.alive_at < zxid => State::Fading(last),
            _ => State::Present(last),
        }
    }

    /// Whether an unanswered request, sent before `by`, may have done this to a path.
    pub fn may_have(&self, history: &History, path: &str, by: Moment, did: impl Fn(&Write) -> bool) -> bool {
        let of = |path: &str| {
            self.timelines.get(path).map(|timeline| timeline.unknown.as_slice()).unwrap_or_default()
        };
        let candidates = of(path).iter().chain(sequential_prefix(path).map(of).unwrap_or_default());
        candidates.into_iter().any(|id| {
            let record = history.op(*id);
            record.invoked < by && record.op.writes().iter().any(|write| writes_to(write, path) && did(write))
        })
    }
}

impl Timeline {
    /// The session that the znode goes with, after the first `known` entries.
    fn owner(&self, known: usize) -> Option<SessionKey> {
        self.entries[..known].iter().rev().find_map(|entry| match entry.change {
            Change::Created { owner, .. } => Some(owner),
            _ => None,
        })?
    }

    /// When the znode that is there after the first `known` entries was created.
    pub fn created_at(&self, known: usize) -> Option<i64> {
        let created = |entry: &&Entry| matches!(entry.change, Change::Created { .. });
        self.entries[..known].iter().rev().find(created).map(|entry| entry.zxid)
    }
}

/// Versions that reads saw, by path and transaction.
type Versions = BTreeMap<(Rc<str>, i64), i32>;

fn versions_seen(history: &History) -> Versions {
    let seen = |record: &OpRecord| -> Option<(Rc<str>, Seen)> {
        match (&record.op, &record.outcome) {
            (Op::Get { path, .. }, Outcome::Ok { answer: Answer::Data { seen, .. }, .. })
            | (Op::Exists { path, .. }, Outcome::Ok { answer: Answer::Stat(seen), .. }) => {
                Some((Rc::clone(path), *seen))
            }
            _ => None,
        }
    };
    history.ops.iter().filter_map(seen).map(|(path, seen)| ((path, seen.mzxid), seen.version)).collect()
}

/// The answers to a request's writes.
pub(super) fn parts(answer: &Answer) -> &[PartAnswer] {
    match answer {
        Answer::Part(part) => std::slice::from_ref(part),
        Answer::Parts(parts) => parts,
        _ => &[],
    }
}

/// Whether a write can be about this path.
pub(super) fn writes_to(write: &Write, path: &str) -> bool {
    match write {
        Write::Create { path: prefix, kind, .. } if kind.is_sequential() => {
            sequential_prefix(path) == Some(prefix)
        }
        other => **other.path() == *path,
    }
}

/// Digits that the server puts behind the name of a sequential znode.
const SEQUENCE_DIGITS: usize = 10;

/// A path without its sequence number, if it may have one.
pub(super) fn sequential_prefix(path: &str) -> Option<&str> {
    let (prefix, number) = path.split_at_checked(path.len().checked_sub(SEQUENCE_DIGITS)?)?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(prefix)
}

/// The last connection event of each session: whether it has a connection in the end.
pub(super) fn attached_in_the_end(history: &History) -> BTreeMap<SessionKey, bool> {
    let mut sessions = BTreeMap::new();
    let mut connections = BTreeMap::new();
    for event in &history.events {
        match event {
            Event::Attached(attached) => {
                connections.insert(attached.connection, attached.session);
                sessions.insert(attached.session, true);
            }
            Event::Detached(connection) => {
                if let Some(session) = connections.get(connection) {
                    sessions.insert(*session, false);
                }
            }
            _ => {}
        }
    }
    sessions
}
