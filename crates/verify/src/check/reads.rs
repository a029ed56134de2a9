//! A read shows the state of the transaction that its reply names.

use super::log::{Entry, State};
use super::{Findings, Log};
use crate::history::{Answer, Failure, History, Op, OpId, Outcome, Seen, Write};
use zookeeper::codec::ErrorCode;

const RULE: &str = "a read shows the state that its reply names";

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    for (number, record) in history.ops.iter().enumerate() {
        let (Op::Get { path, .. } | Op::Exists { path, .. }) = &record.op else { continue };
        let problem = match &record.outcome {
            Outcome::Ok { zxid, answer: Answer::Data { seen, .. } | Answer::Stat(seen) } => {
                found(history, log, path, *zxid, seen, record.completed)
            }
            Outcome::Failed { zxid, failure: Failure::Code(ErrorCode::NO_NODE) } => {
                not_found(history, log, path, *zxid, record.completed)
            }
            _ => None,
        };
        if let Some(problem) = problem {
            findings.add(RULE, format!("{:?} of {path}: {problem}", OpId(number)));
        }
    }
}

fn found(history: &History, log: &Log, path: &str, zxid: i64, seen: &Seen, by: usize) -> Option<String> {
    if path == "/" {
        return None;
    }
    if seen.mzxid > zxid || seen.czxid > seen.mzxid {
        return Some(format!("a state of {zxid:#x} has a znode of {:#x} and {:#x}", seen.czxid, seen.mzxid));
    }
    match log.state(path, zxid) {
        State::Present(entry) | State::Fading(entry) if entry.zxid == seen.mzxid => {
            fits(log, path, entry, seen)
        }
        State::Present(entry) | State::Fading(entry) if entry.zxid > seen.mzxid => Some(format!(
            "a state of {zxid:#x} shows {:#x}, and {:?} was done in {:#x}",
            seen.mzxid, entry.op, entry.zxid
        )),
        _ if log.may_have(history, path, by, |write| write.tag().is_some()) => None,
        state => Some(format!(
            "a state of {zxid:#x} shows {:#x}, which nobody wrote; known is {state:?}",
            seen.mzxid
        )),
    }
}

/// The znode as this entry left it has these numbers.
fn fits(log: &Log, path: &str, entry: &Entry, seen: &Seen) -> Option<String> {
    let timeline = &log.timelines[path];
    let known = timeline.entries.partition_point(|other| other.zxid <= entry.zxid);
    let created =
        timeline.created_at(known).filter(|created| timeline.unknown.is_empty() && *created != seen.czxid);
    created
        .map(|created| format!("it says that it was created in {:#x}, and that was {created:#x}", seen.czxid))
}

fn not_found(history: &History, log: &Log, path: &str, zxid: i64, by: usize) -> Option<String> {
    let State::Present(entry) = log.state(path, zxid) else { return None };
    let may = log.may_have(history, path, by, |write| matches!(write, Write::Delete { .. }));
    (!may).then(|| {
        format!("a state of {zxid:#x} does not have it, and {:?} was done in {:#x}", entry.op, entry.zxid)
    })
}
