//! The order of transactions agrees with time, with each session's order, and with what a client has seen.

use std::collections::BTreeMap;

use super::{Findings, Log};
use crate::history::{Event, History, Op, OpId, OpRecord, Outcome, SessionKey};

/// The newest transaction that a session was told of, and by which request.
type Newest = BTreeMap<SessionKey, (i64, OpId)>;

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    one_request_each(history, findings);
    real_time(history, log, findings);
    sessions_go_forward(history, findings);
    program_order(history, log, findings);
}

/// The replies to no two writes name the same transaction.
fn one_request_each(history: &History, findings: &mut Findings) {
    let mut owners: BTreeMap<i64, OpId> = BTreeMap::new();
    for (number, record) in history.ops.iter().enumerate() {
        let Some(zxid) = record.zxid().filter(|_| burns_zxid(record)) else { continue };
        if let Some(other) = owners.insert(zxid, OpId(number)) {
            let what = format!("{other:?} and {:?} were both answered with {zxid:#x}", OpId(number));
            findings.add("a transaction is one request's", what);
        }
    }
}

/// Writes burn an id, also when they are refused; but not when the session has no say any more.
fn burns_zxid(record: &OpRecord) -> bool {
    use crate::history::Failure;
    use zookeeper::codec::ErrorCode;
    let is_write = !record.op.writes().is_empty();
    let no_say = |failure: &Failure| {
        matches!(failure, Failure::Code(ErrorCode::SESSION_EXPIRED | ErrorCode::SESSION_MOVED))
    };
    is_write && !matches!(&record.outcome, Outcome::Failed { failure, .. } if no_say(failure))
}

/// A write that began after another was answered comes behind it; what follows a sync shows all that was answered before.
fn real_time(history: &History, log: &Log, findings: &mut Findings) {
    let mut answered = (0, None);
    let mut at_begin = vec![(0, None); history.ops.len()];
    let mut synced: BTreeMap<(SessionKey, u32), (i64, Option<OpId>)> = BTreeMap::new();
    let linearizable = history.linearizable();
    for event in &history.events {
        match event {
            Event::Invoked(id) => at_begin[id.0] = answered,
            Event::Completed(id) => {
                let record = history.op(*id);
                let line = (record.session, record.connection.0);
                let begin = at_begin[id.0];
                if let Some(zxid) = log.applied.get(id)
                    && *zxid <= begin.0
                {
                    let what = format!(
                        "{id:?} took effect in {zxid:#x}, but {:?} in {:#x} was answered before it was asked",
                        begin.1, begin.0
                    );
                    findings.add("writes follow real time", what);
                }
                let Some(zxid) = record.zxid() else { continue };
                if let Some((floor, by)) = synced.get(&line)
                    && zxid < *floor
                {
                    let what = format!(
                        "{id:?} saw {zxid:#x} after a sync that was asked for after {by:?} in {floor:#x} was answered"
                    );
                    findings.add("a sync shows what was answered before", what);
                }
                if zxid < begin.0 && record.op.is_read() && linearizable.contains(&record.connection) {
                    let what = format!(
                        "{id:?} saw {zxid:#x}, but {:?} in {:#x} was answered before it was asked",
                        begin.1, begin.0
                    );
                    findings.add("a linearizable read shows what was answered before", what);
                }
                if record.op == Op::Sync {
                    synced.insert(line, begin);
                }
                if log.applied.contains_key(id) {
                    answered = answered.max((zxid, Some(*id)));
                }
            }
            _ => {}
        }
    }
}

/// What a session is told never goes back, on whatever node.
fn sessions_go_forward(history: &History, findings: &mut Findings) {
    let mut newest = Newest::new();
    for event in &history.events {
        let Event::Completed(id) = event else { continue };
        let record = history.op(*id);
        let Some(zxid) = record.zxid() else { continue };
        let (seen, by) = *newest.get(&record.session).unwrap_or(&(0, *id));
        if zxid < seen {
            let what = format!("{:?} saw {seen:#x} in {by:?} and {zxid:#x} in {id:?} later", record.session);
            findings.add("a session never sees time go back", what);
        }
        newest.insert(record.session, (seen.max(zxid), *id));
    }
}

/// A session's writes take effect in the order in which it asked for them.
fn program_order(history: &History, log: &Log, findings: &mut Findings) {
    let mut newest = Newest::new();
    for (id, zxid) in &log.applied {
        let record = history.op(*id);
        if let Some((before, other)) = newest.insert(record.session, (*zxid, *id))
            && *zxid <= before
        {
            let what = format!("{other:?} in {before:#x} was asked before {id:?} in {zxid:#x}");
            findings.add("a session's writes take effect in its order", what);
        }
    }
}
