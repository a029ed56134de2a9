//! A request was refused for a reason that was there.

use zookeeper::codec::ErrorCode;

use super::log::{Change, State};
use super::{Findings, Log};
use crate::history::{Failure, History, OpRecord, Outcome, Write};

const RULE: &str = "a refusal has its reason";

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    for record in &history.ops {
        let Outcome::Failed { zxid, failure } = &record.outcome else { continue };
        let refused = match failure {
            // The session's end and its move are known where sessions are checked.
            Failure::Code(ErrorCode::SESSION_EXPIRED | ErrorCode::SESSION_MOVED) => continue,
            Failure::Code(code) => record.op.writes().first().map(|write| (write, *code)),
            Failure::Part { at, code } => record.op.writes().get(*at).map(|write| (write, *code)),
        };
        match refused {
            Some((write, code)) => justify(history, log, record, write, code, *zxid, findings),
            // Reads that found nothing are checked as reads.
            None if *failure == Failure::Code(ErrorCode::NO_NODE) => {}
            None => findings.add(RULE, format!("{:?} was refused with {failure:?}", record.op)),
        }
    }
}

fn justify(
    history: &History,
    log: &Log,
    record: &OpRecord,
    write: &Write,
    code: ErrorCode,
    zxid: i64,
    findings: &mut Findings,
) {
    let path = write.path();
    let state = log.state(path, zxid);
    let may = |did: fn(&Write) -> bool| log.may_have(history, path, record.completed, did);
    let justified = match (code, write) {
        (ErrorCode::NODE_EXISTS, Write::Create { .. }) => {
            !matches!(state, State::Absent) || may(|write| matches!(write, Write::Create { .. }))
        }
        (ErrorCode::NO_NODE, Write::Set { .. } | Write::Delete { .. } | Write::Check { .. }) => {
            !matches!(state, State::Present(_)) || may(|write| matches!(write, Write::Delete { .. }))
        }
        (
            ErrorCode::BAD_VERSION,
            Write::Set { version: Some(wanted), .. }
            | Write::Check { version: wanted, .. }
            | Write::Delete { version: Some(wanted), .. },
        ) => match state {
            State::Present(entry) => version(entry.change) != Some(*wanted) || may(|_| true),
            State::Fading(_) => true,
            State::Absent => may(|write| matches!(write, Write::Create { .. })),
        },
        _ => false,
    };
    if !justified {
        let what = format!("{write:?} was refused with {code} in {zxid:#x}, when {path} was {state:?}");
        findings.add(RULE, what);
    }
}

fn version(change: Change) -> Option<i32> {
    match change {
        Change::Created { .. } => Some(0),
        Change::Set { version, .. } => version,
        Change::Deleted => None,
    }
}
