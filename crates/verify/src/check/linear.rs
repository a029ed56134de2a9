//! Registers are linearizable, as an independent checker finds: porcupine, which knows nothing of transaction ids.
//!
//! Writes, and reads that are linearizable or right behind a sync, of one znode form a history of its own. Every version that anybody saw was made
//! by some write, so what unanswered writes did is pinned down first ([`pin_down`]): a search that had to guess would not
//! end. Long histories are cut where nothing that was answered is under way, and go on from the last version there.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use porcupine_rs::{CheckResult, Model, Operation, check_operations_timeout};
use zookeeper::codec::ErrorCode;

use super::Findings;
use super::log::parts;
use crate::history::{
    Answer, ConnectionId, Failure, History, Op, OpId, OpRecord, Outcome, PartAnswer, Tag, Write,
};

pub(super) const RULE: &str = "registers are linearizable";
/// Operations that are searched at once, where the history can be cut.
const WINDOW: usize = 1000;
/// How long the search of one window may take: not to know is to fail.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same where other rules found the history wrong already: what is wrong takes the longest to search, and is known.
const PATIENCE_WITH_THE_WRONG: Duration = Duration::from_millis(200);

/// A register as the checker knows it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct State {
    version: i32,
    /// The mark of its data; `None` where nobody read them.
    tag: Option<Tag>,
}

impl State {
    /// There is no such znode yet.
    const ABSENT: Self = Self { version: -1, tag: None };
}

/// What was asked and answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    /// What was there when the history, or the piece of it, began.
    Begin(State),
    /// Created.
    Created(Tag),
    /// Set, which made the version. Without a mark it was some unanswered write whose data nobody read.
    Set { tag: Option<Tag>, wanted: Option<i32>, made: i32 },
    /// Set, if it came to that and the version was the wanted one.
    MaySet { tag: Tag, wanted: Option<i32> },
    /// Read.
    Read { tag: Option<Tag>, version: i32 },
    /// Found to have the version.
    Checked(i32),
    /// Refused for not having the version.
    OtherThan(i32),
}

impl Event {
    /// The version that it made or saw.
    fn version(self) -> Option<i32> {
        match self {
            Event::Created(_) => Some(0),
            Event::Set { made, .. } => Some(made),
            Event::Read { version, .. } | Event::Checked(version) => Some(version),
            Event::Begin(_) | Event::MaySet { .. } | Event::OtherThan(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
struct Register;

impl Model for Register {
    type State = State;
    type Op = Event;
    type Metadata = ();

    fn init() -> State {
        State::ABSENT
    }

    fn step(state: &State, event: &Event) -> (bool, State) {
        match *event {
            Event::Begin(found) => (true, found),
            Event::Created(tag) => (*state == State::ABSENT, State { version: 0, tag: Some(tag) }),
            Event::Set { tag, wanted, made } => {
                let is_wanted = wanted.is_none_or(|wanted| wanted + 1 == made);
                (state.version + 1 == made && is_wanted, State { version: made, tag })
            }
            // All of them are pinned down before the search, or left out.
            Event::MaySet { .. } => (true, *state),
            Event::Read { tag, version } => (*state == State { version, tag }, *state),
            Event::Checked(wanted) => (state.version == wanted, *state),
            Event::OtherThan(wanted) => (state.version != wanted, *state),
        }
    }
}

pub(super) fn check(history: &History, findings: &mut Findings) {
    let evidence = evidence(history);
    let nothing = Evidence::new();
    for (path, operations) in operations(history) {
        let seen = evidence.get(&path).unwrap_or(&nothing);
        // Behind all that happened.
        let end = history.events.len() + 1;
        let patience = if findings.0.is_empty() { PATIENCE } else { PATIENCE_WITH_THE_WRONG };
        match pin_down(operations, seen, end) {
            Ok(operations) => {
                let windows = windows(operations, end);
                if let Some(problem) = windows.iter().find_map(|window| search(window, patience)) {
                    findings.add(RULE, format!("{path}: {problem}"));
                }
            }
            Err(problem) => findings.add(RULE, format!("{path}: {problem}")),
        }
    }
}

/// Why no order explains the window, if none does.
fn search(window: &Operations, patience: Duration) -> Option<String> {
    if let Some(problem) = goes_back(window) {
        return Some(problem);
    }
    let count = window.len() - 1;
    match check_operations_timeout::<Register>(window, patience) {
        CheckResult::Ok => None,
        CheckResult::Illegal => {
            let (first, last) = (window[1].call_time, window[count].call_time);
            Some(format!("no order explains the {count} operations asked at {first} to {last}"))
        }
        CheckResult::Unknown => Some(format!("no answer for {count} operations within {patience:?}")),
    }
}

/// An operation that knows of an older version than one that had ended before it was asked. The search would find it too,
/// but only after it has tried every order of what is under way beside it.
fn goes_back(window: &Operations) -> Option<String> {
    let versioned = || window.iter().filter_map(|operation| Some((operation, operation.op.version()?)));
    let mut ended: Vec<_> =
        versioned().map(|(operation, version)| (operation.return_time, version)).collect();
    ended.sort_unstable();
    let mut ended = ended.into_iter().peekable();
    let mut newest = (0, i32::MIN);
    // A window is in the order of the calls.
    versioned().find_map(|(operation, version)| {
        while let Some(next) = ended.next_if(|(time, _)| *time < operation.call_time) {
            newest = if next.1 > newest.1 { next } else { newest };
        }
        let (time, newest) = newest;
        let asked = operation.call_time;
        (newest > version).then(|| {
            format!("version {version} at {asked}, when version {newest} had been answered at {time} already")
        })
    })
}

/// The versions of a register that anybody read, and whose data they had.
type Evidence = BTreeMap<i32, Option<Tag>>;

fn evidence(history: &History) -> BTreeMap<Rc<str>, Evidence> {
    let mut evidence: BTreeMap<Rc<str>, Evidence> = BTreeMap::new();
    for record in &history.ops {
        if let (Op::Get { path, .. }, Outcome::Ok { answer: Answer::Data { tag, seen }, .. }) =
            (&record.op, &record.outcome)
        {
            evidence.entry(Rc::clone(path)).or_default().insert(seen.version, *tag);
        }
    }
    evidence
}

type Operations = Vec<Operation<Register>>;

/// What was done to each register, in the order in which it was asked.
fn operations(history: &History) -> BTreeMap<Rc<str>, Operations> {
    let mut all: BTreeMap<Rc<str>, Operations> = BTreeMap::new();
    let mut before: BTreeMap<ConnectionId, OpId> = BTreeMap::new();
    let linearizable = history.linearizable();
    for (number, record) in history.ops.iter().enumerate() {
        let previous = before.insert(record.connection, OpId(number));
        let synced = previous
            .map(|id| history.op(id))
            .filter(|previous| previous.op == Op::Sync && matches!(previous.outcome, Outcome::Ok { .. }));
        let synced = synced.filter(|_| !linearizable.contains(&record.connection));
        let is_fresh = synced.is_some() || linearizable.contains(&record.connection);
        for (path, event) in events(record, is_fresh) {
            let call_time = synced.map_or(record.invoked, |sync| sync.invoked);
            let is_open = matches!(event, Event::MaySet { .. });
            let end = if is_open { history.events.len() + 1 } else { record.completed };
            all.entry(path).or_default().push(Operation {
                client_id: Some(record.client.0),
                call_time: call_time as i64,
                return_time: end as i64,
                op: event,
                metadata: None,
            });
        }
    }
    all.values_mut().for_each(|operations| operations.sort_by_key(|operation| operation.call_time));
    all
}

/// What a request says about registers.
fn events(record: &OpRecord, is_fresh: bool) -> Vec<(Rc<str>, Event)> {
    let mut events = Vec::new();
    match (&record.op, &record.outcome) {
        (Op::Get { path, .. }, Outcome::Ok { answer: Answer::Data { tag, seen }, .. }) if is_fresh => {
            events.push((Rc::clone(path), Event::Read { tag: *tag, version: seen.version }));
        }
        (op, Outcome::Ok { answer, .. }) => {
            let done = op.writes().iter().zip(parts(answer));
            events.extend(
                done.filter_map(|(write, answer)| Some((Rc::clone(write.path()), done_as(write, answer)?))),
            );
        }
        (op, Outcome::Failed { failure, .. }) => {
            let refused = match failure {
                Failure::Code(ErrorCode::BAD_VERSION) => op.writes().first(),
                Failure::Part { at, code: ErrorCode::BAD_VERSION } => op.writes().get(*at),
                Failure::Code(_) | Failure::Part { .. } => None,
            };
            let wanted = refused.and_then(|write| Some((Rc::clone(write.path()), wanted(write)?)));
            events.extend(wanted.map(|(path, wanted)| (path, Event::OtherThan(wanted))));
        }
        (op, Outcome::Unknown) => {
            events.extend(
                op.writes().iter().filter_map(|write| Some((Rc::clone(write.path()), maybe(write)?))),
            );
        }
    }
    events.retain(|(path, _)| path.starts_with("/registers/"));
    events
}

fn wanted(write: &Write) -> Option<i32> {
    match write {
        Write::Set { version, .. } => *version,
        Write::Check { version, .. } => Some(*version),
        Write::Create { .. } | Write::Delete { .. } => None,
    }
}

fn done_as(write: &Write, answer: &PartAnswer) -> Option<Event> {
    match (write, answer) {
        (Write::Create { tag, .. }, PartAnswer::Created(..)) => Some(Event::Created(*tag)),
        (Write::Set { tag, version, .. }, PartAnswer::Set(seen)) => {
            Some(Event::Set { tag: Some(*tag), wanted: *version, made: seen.version })
        }
        (Write::Check { version, .. }, PartAnswer::Checked) => Some(Event::Checked(*version)),
        _ => None,
    }
}

fn maybe(write: &Write) -> Option<Event> {
    match write {
        Write::Set { tag, version, .. } => Some(Event::MaySet { tag: *tag, wanted: *version }),
        // A history may begin in any state.
        Write::Create { .. } | Write::Delete { .. } | Write::Check { .. } => None,
    }
}

/// Says of each unanswered write what it did: it made the version that somebody read with its mark. A version that was seen
/// by nobody, or without data, was made by any one of the other unanswered writes. Whatever remains changed nothing before
/// the last known version; it may be that a refusal for having another version than that one is owed to it.
fn pin_down(mut operations: Operations, seen: &Evidence, end: usize) -> Result<Operations, String> {
    let mut made: BTreeMap<Tag, i32> = BTreeMap::new();
    made.extend(seen.iter().filter_map(|(version, tag)| Some(((*tag)?, *version))));
    for operation in &mut operations {
        if let Event::MaySet { tag, wanted } = operation.op
            && let Some(version) = made.get(&tag)
        {
            operation.op = Event::Set { tag: Some(tag), wanted, made: *version };
        }
    }
    let is_maker =
        |operation: &&Operation<Register>| matches!(operation.op, Event::Created(_) | Event::Set { .. });
    let makers = operations.iter().filter(is_maker).filter_map(|operation| operation.op.version());
    let known: BTreeSet<i32> = makers.collect();
    let last = known.last().max(seen.keys().last()).copied().unwrap_or(0);
    let gaps: Vec<i32> = (1..=last).filter(|version| !known.contains(version)).collect();
    let is_open = |operation: &&Operation<Register>| matches!(operation.op, Event::MaySet { .. });
    let open: Vec<i64> = operations.iter().filter(is_open).map(|operation| operation.call_time).collect();
    if gaps.len() > open.len() {
        return Err(format!("nobody made the versions {gaps:?}; {} writes were not answered", open.len()));
    }
    operations.retain(|operation| {
        let is_owed = !open.is_empty() && operation.op == Event::OtherThan(last);
        !matches!(operation.op, Event::MaySet { .. }) && !is_owed
    });
    let call_time = open.first().copied().unwrap_or(0);
    operations.extend(gaps.into_iter().map(|made| Operation {
        client_id: None,
        call_time,
        return_time: end as i64,
        op: Event::Set { tag: seen.get(&made).copied().flatten(), wanted: None, made },
        metadata: None,
    }));
    operations.sort_by_key(|operation| operation.call_time);
    Ok(operations)
}

/// What is known of the register when all of a piece is answered: a read of the last version. Writes that were never
/// answered and made later ones may as well have taken effect behind it.
fn known_at(piece: &Operations, time: i64) -> Operations {
    let newest = piece.iter().filter(|operation| operation.op.version().is_some());
    let newest = newest.max_by_key(|operation| operation.op.version()).map(|operation| operation.op);
    let read = match newest {
        Some(Event::Created(tag)) => Event::Read { tag: Some(tag), version: 0 },
        Some(Event::Set { tag, made, .. }) => Event::Read { tag, version: made },
        Some(read @ Event::Read { .. }) => read,
        _ => return Operations::new(),
    };
    vec![Operation { client_id: None, call_time: time, return_time: time, op: read, metadata: None }]
}

/// Pieces that can be looked at one by one. What has no end is in the first piece that shows its version, or a later one.
fn windows(operations: Operations, end: usize) -> Vec<Operations> {
    let (open, answered): (Operations, Operations) =
        operations.into_iter().partition(|operation| operation.return_time == end as i64);
    let mut pieces = Vec::new();
    let mut piece = Operations::new();
    let mut busy_until = 0;
    for operation in answered {
        if piece.len() >= WINDOW && busy_until < operation.call_time {
            let next = known_at(&piece, busy_until);
            pieces.push(std::mem::replace(&mut piece, next));
        }
        busy_until = busy_until.max(operation.return_time);
        piece.push(operation);
    }
    pieces.push(piece);
    let mut open: Vec<_> = open.into_iter().map(|operation| (operation.op.version(), operation)).collect();
    open.sort_by_key(|(version, _)| *version);
    let mut open = open.into_iter().peekable();
    let count = pieces.len();
    for (at, piece) in pieces.iter_mut().enumerate() {
        let last = piece.iter().filter_map(|operation| operation.op.version()).max();
        let is_last = at + 1 == count;
        while let Some((_, operation)) = open.next_if(|(version, _)| is_last || *version <= last) {
            piece.push(operation);
        }
        if let (Some(last), Some((_, next))) = (last, open.peek()) {
            // The refusal may be owed to a write that is looked at only with those that saw what it made.
            piece.retain(|operation| {
                operation.op != Event::OtherThan(last) || next.op.version() != Some(last + 1)
            });
        }
        piece.sort_by_key(|operation| operation.call_time);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces.iter_mut().for_each(begin);
    pieces
}

/// Says what was there before all of the piece: what the least version that it knows of was made from, or that version. A
/// search that was free to begin anywhere would try every version, each with all that may come before it.
fn begin(piece: &mut Operations) {
    let least = piece.iter().filter_map(|operation| operation.op.version()).min();
    let of_the_least = || piece.iter().map(|operation| operation.op).filter(|event| event.version() == least);
    let found =
        match (least, of_the_least().find(|event| matches!(event, Event::Created(_) | Event::Set { .. }))) {
            (_, Some(Event::Created(_))) => State::ABSENT,
            (Some(least), Some(_)) => State { version: least - 1, tag: None },
            (Some(least), None) => {
                let tag = of_the_least().find_map(|event| match event {
                    Event::Read { tag, .. } => Some(tag),
                    _ => None,
                });
                State { version: least, tag: tag.flatten() }
            }
            // Refusals alone: any other version explains them.
            (None, _) => State { version: i32::MIN, tag: None },
        };
    let time = piece.first().map_or(0, |operation| operation.call_time);
    let before = Operation {
        client_id: None,
        call_time: time - 1,
        return_time: time - 1,
        op: Event::Begin(found),
        metadata: None,
    };
    piece.insert(0, before);
}
