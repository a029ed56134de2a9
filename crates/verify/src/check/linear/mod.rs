//! Registers are linearizable, as an independent checker finds: porcupine, which knows nothing of transaction ids.
//!
//! Writes, and reads that are linearizable or right behind a sync, of one znode form a history of its own. A search that had
//! to guess much would not end, so the history is made ready for it first ([`prepare`]) by what versions say alone.

mod prepare;
mod register;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use porcupine_rs::{CheckResult, Operation, check_operations_timeout};
use zookeeper::codec::ErrorCode;

use super::Findings;
use super::log::parts;
use crate::history::{
    Answer, ConnectionId, Failure, History, Op, OpId, OpRecord, Outcome, PartAnswer, Write,
};

use prepare::Evidence;
use register::{Event, Register};

pub(super) const RULE: &str = "registers are linearizable";
/// How long the search of one window may take: not to know is to fail.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same where other rules found the history wrong already: what is wrong takes the longest to search, and is known.
const PATIENCE_WITH_THE_WRONG: Duration = Duration::from_millis(200);

pub(super) fn check(history: &History, findings: &mut Findings) {
    let evidence = evidence(history);
    let nothing = Evidence::new();
    for (path, operations) in operations(history) {
        let seen = evidence.get(&path).unwrap_or(&nothing);
        // Behind all that happened.
        let end = history.events.len() + 1;
        let patience = if findings.0.is_empty() { PATIENCE } else { PATIENCE_WITH_THE_WRONG };
        let problem = match prepare::windows(operations, seen, end) {
            Ok(windows) => windows.iter().find_map(|window| search(window, patience)),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem {
            findings.add(RULE, format!("{path}: {problem}"));
        }
    }
}

/// Why no order explains the window, if none does.
fn search(window: &Operations, patience: Duration) -> Option<String> {
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

/// What was done to one register.
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
