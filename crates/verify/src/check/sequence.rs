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

/// When a sequential znode was made, its number, and its path.
type Made<'a> = (i64, &'a str, &'a Rc<str>);

/// Numbers under one parent ascend with their transactions, whatever else the names are, and also when names before them are
/// gone: a parent counts all children that it ever had.
fn numbers_ascend(log: &Log, findings: &mut Findings) {
    let mut made: BTreeMap<&str, Vec<Made<'_>>> = BTreeMap::new();
    for (path, timeline) in &log.timelines {
        let Some(prefix) = sequential_prefix(path) else { continue };
        let created = timeline.entries.iter().filter(|entry| matches!(entry.change, Change::Created { .. }));
        let (parent, number) = (parent(prefix), &path[prefix.len()..]);
        made.entry(parent).or_default().extend(created.map(|entry| (entry.zxid, number, path)));
    }
    for children in made.values_mut() {
        children.sort();
        for pair in children.windows(2) {
            let [(zxid, number, path), (later_zxid, later_number, later_path)] = [pair[0], pair[1]];
            if number >= later_number {
                let what = format!("{path} was made in {zxid:#x}, {later_path} in {later_zxid:#x}");
                findings.add("sequence numbers ascend", what);
            }
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
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
