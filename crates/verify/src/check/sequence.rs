//! Sequential znodes: every answered one has a number of its own, in the order of transactions, and nothing that a
//! connection sent is skipped.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::log::{Change, sequential_prefix};
use super::{Findings, Log};
use crate::history::{ConnectionId, History, Kind, Op, OpId, Outcome, Write};

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    numbers_ascend(log, findings);
    nothing_skipped(history, log, findings);
}

/// Names under one parent ascend with their transactions.
fn numbers_ascend(log: &Log, findings: &mut Findings) {
    let mut newest: BTreeMap<&str, Vec<(i64, &Rc<str>)>> = BTreeMap::new();
    for (path, timeline) in &log.timelines {
        let Some(prefix) = sequential_prefix(path) else { continue };
        let created = timeline.entries.iter().filter(|entry| matches!(entry.change, Change::Created { .. }));
        newest.entry(prefix).or_default().extend(created.map(|entry| (entry.zxid, path)));
    }
    for made in newest.values_mut() {
        made.sort();
        for pair in made.windows(2) {
            if pair[0].1 >= pair[1].1 {
                let what =
                    format!("{} was made in {:#x}, {} in {:#x}", pair[0].1, pair[0].0, pair[1].1, pair[1].0);
                findings.add("sequence numbers ascend", what);
            }
        }
    }
}

/// If a request on a connection took effect, so did the sequential creates that the connection sent before it. They can't
/// fail and nobody deletes them, and in the end everything is read, so one that is not known did not take effect.
fn nothing_skipped(history: &History, log: &Log, findings: &mut Findings) {
    if !was_read_in_the_end(history) {
        return;
    }
    let mut last_applied: BTreeMap<ConnectionId, OpId> = BTreeMap::new();
    for id in log.applied.keys() {
        last_applied.insert(history.op(*id).connection, *id);
    }
    for (number, record) in history.ops.iter().enumerate() {
        let id = OpId(number);
        let appends = matches!(&record.op, Op::Write(Write::Create { kind: Kind::Sequential, .. }));
        let is_lost = appends && record.outcome == Outcome::Unknown && !log.applied.contains_key(&id);
        if let Some(later) = last_applied.get(&record.connection).filter(|later| is_lost && **later > id) {
            let what = format!(
                "{id:?} never took effect, and {later:?}, sent behind it on {:?}, did",
                record.connection
            );
            findings.add("nothing that a connection sent is skipped", what);
        }
    }
}

/// Whether every list was read after the last write.
fn was_read_in_the_end(history: &History) -> bool {
    let last_write =
        history.ops.iter().filter(|record| !record.op.writes().is_empty()).map(|record| record.invoked).max();
    let lists = |record: &&crate::history::OpRecord| matches!((&record.op, &record.outcome), (Op::Children { path, .. }, Outcome::Ok { .. }) if path.starts_with("/lists/"));
    let last_list = history.ops.iter().filter(lists).map(|record| record.invoked).max();
    last_list > last_write
}
