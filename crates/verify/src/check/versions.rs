//! A znode's versions count its writes.

use super::log::{Change, Entry, State, Timeline, parts};
use super::{Findings, Log};
use crate::history::{History, Outcome, PartAnswer, Write};

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    for (path, timeline) in &log.timelines {
        count(path, timeline, history, findings);
        follow(path, timeline, history, log, findings);
    }
    conditions(history, findings);
}

/// Versions go up by one with each write; only writes that nobody knows of make gaps.
fn count(path: &str, timeline: &Timeline, history: &History, findings: &mut Findings) {
    const RULE: &str = "versions count writes";
    let unknown = timeline.unknown.iter().filter(|id| {
        history
            .op(**id)
            .op
            .writes()
            .iter()
            .any(|write| matches!(write, Write::Set { path: at, .. } if **at == *path))
    });
    let gaps_max = i32::try_from(unknown.count()).unwrap_or(i32::MAX);
    let mut version = None;
    let mut steps = 0;
    for entry in &timeline.entries {
        match entry.change {
            Change::Created { .. } => (version, steps) = (Some(0), 0),
            Change::Deleted => version = None,
            Change::Set { version: found, .. } => {
                steps += 1;
                let (Some(before), Some(found)) = (version, found) else { continue };
                if found < before + steps || found > before + steps + gaps_max {
                    let what = format!(
                        "{path} has version {found} in {:#x}, {steps} writes after {before}",
                        entry.zxid
                    );
                    findings.add(RULE, what);
                }
                (version, steps) = (Some(found), 0);
            }
        }
    }
}

/// Each change was possible in the state before it.
fn follow(path: &str, timeline: &Timeline, history: &History, log: &Log, findings: &mut Findings) {
    const RULE: &str = "a write does what the state before it allows";
    for Entry { zxid, change, op } in &timeline.entries {
        let before = log.state(path, zxid - 1);
        let by = history.events.len();
        let (fits, may_have_changed) = match change {
            Change::Created { .. } => (
                !matches!(before, State::Present(_)),
                log.may_have(history, path, by, |write| matches!(write, Write::Delete { .. })),
            ),
            Change::Set { .. } | Change::Deleted => (
                !matches!(before, State::Absent),
                log.may_have(history, path, by, |write| matches!(write, Write::Create { .. })),
            ),
        };
        if !fits && !may_have_changed {
            let what = format!("{op:?} was done to {path} in {zxid:#x}, which was {before:?}");
            findings.add(RULE, what);
        }
    }
}

/// A write that wanted a version made the next one.
fn conditions(history: &History, findings: &mut Findings) {
    for record in &history.ops {
        let Outcome::Ok { zxid, answer } = &record.outcome else { continue };
        for (write, answer) in record.op.writes().iter().zip(parts(answer)) {
            if let (Write::Set { path, version: Some(wanted), .. }, PartAnswer::Set(seen)) = (write, answer)
                && seen.version != wanted + 1
            {
                let what =
                    format!("{path} went to version {} in {zxid:#x}, and {wanted} was wanted", seen.version);
                findings.add("a conditional write wants the version before it", what);
            }
        }
    }
}
