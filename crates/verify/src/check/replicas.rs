//! Replicas tell the same of a znode that the same transactions have made.

use std::collections::BTreeMap;

use super::Findings;
use crate::history::{Answer, History, Op, OpId, Outcome, Seen};

const RULE: &str = "replicas agree on a znode's numbers";

pub(super) fn check(history: &History, findings: &mut Findings) {
    let mut known: BTreeMap<(&str, i64, i64), (Seen, OpId)> = BTreeMap::new();
    for (number, record) in history.ops.iter().enumerate() {
        let (Op::Get { path, .. } | Op::Exists { path, .. } | Op::Children { path, .. }) = &record.op else {
            continue;
        };
        let Outcome::Ok { answer, .. } = &record.outcome else { continue };
        let (Answer::Data { seen, .. } | Answer::Stat(seen) | Answer::Names { seen, .. }) = answer else {
            continue;
        };
        let made_by = (&**path, seen.mzxid, seen.pzxid);
        let (first, by) = *known.entry(made_by).or_insert((*seen, OpId(number)));
        if first != *seen {
            let what = format!("{path} is {first:?} in {by:?} and {seen:?} in {:?}", OpId(number));
            findings.add(RULE, what);
        }
    }
}
