//! A list of children is that of the transaction that its reply names.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::log::State;
use super::{Findings, Log};
use crate::history::{Answer, History, Op, OpId, Outcome, Write};

const RULE: &str = "a list of children shows the state that its reply names";

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    let families = families(log);
    for (number, record) in history.ops.iter().enumerate() {
        let (Op::Children { path, .. }, Outcome::Ok { zxid, answer: Answer::Names { names, .. } }) =
            (&record.op, &record.outcome)
        else {
            continue;
        };
        if &**path == "/" {
            continue;
        }
        let listed: BTreeSet<Rc<str>> = names.iter().map(|name| format!("{path}/{name}").into()).collect();
        if listed.len() != names.len() {
            findings.add(RULE, format!("{:?} of {path} has a name twice", OpId(number)));
        }
        let known = families.get(path).map(Vec::as_slice).unwrap_or_default();
        for child in known.iter().filter(|child| !listed.contains(*child)) {
            let State::Present(entry) = log.state(child, *zxid) else { continue };
            if !log.may_have(history, child, record.completed, |write| matches!(write, Write::Delete { .. }))
            {
                let what = format!(
                    "{:?} at {zxid:#x} lacks {child}, which {:?} made in {:#x}",
                    OpId(number),
                    entry.op,
                    entry.zxid
                );
                findings.add(RULE, what);
            }
        }
        for child in &listed {
            let State::Absent = log.state(child, *zxid) else { continue };
            if !log.may_have(history, child, record.completed, |write| matches!(write, Write::Create { .. }))
            {
                findings.add(RULE, format!("{:?} at {zxid:#x} has {child}, which nobody made", OpId(number)));
            }
        }
    }
}

/// The paths that were ever children of each path.
fn families(log: &Log) -> BTreeMap<Rc<str>, Vec<Rc<str>>> {
    let mut families: BTreeMap<Rc<str>, Vec<Rc<str>>> = BTreeMap::new();
    for (path, timeline) in &log.timelines {
        if let Some((parent, _)) = path.rsplit_once('/').filter(|_| !timeline.entries.is_empty()) {
            families.entry(parent.into()).or_default().push(Rc::clone(path));
        }
    }
    families
}
