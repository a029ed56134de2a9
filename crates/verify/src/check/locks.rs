//! A lock has one holder at a time, and each holder's token is greater than those before.
//!
//! Who stands first in a lock's line holds it, from the transaction at which a list showed that to its client. It certainly
//! held it up to the last write that it got through before it let go. Two such spans never meet. A client that does not hear
//! of the end of its session may believe longer that it holds a lock; then the token, the number of its place in the line,
//! tells what the lock guards to refuse it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::log::sequential_prefix;
use super::{Findings, Log};
use crate::history::{Answer, History, Kind, Op, OpId, OpRecord, Outcome, SessionKey, Write};

/// A place at the front of a line.
#[derive(Debug)]
struct Holding {
    /// The znode.
    path: Rc<str>,
    /// The number behind its name.
    token: String,
    /// It was seen to be the first at this transaction.
    from: i64,
    /// It certainly still was at this one.
    to: i64,
}

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    let owners = owners(history);
    let mut locks: BTreeMap<&str, BTreeMap<Rc<str>, (i64, SessionKey)>> = BTreeMap::new();
    for record in &history.ops {
        let Some((folder, first, zxid)) = first_in_line(record) else { continue };
        let Some(owner) = sequential_prefix(&first).and_then(|prefix| owners.get(prefix)) else { continue };
        let since = locks.entry(folder).or_default().entry(first).or_insert((zxid, *owner));
        since.0 = since.0.min(zxid);
    }
    for (folder, firsts) in locks {
        let held = firsts.into_iter().map(|(path, (from, owner))| holding(history, log, path, from, owner));
        compare(folder, held.collect(), findings);
    }
}

/// Whose place in a line a name that begins so is.
fn owners(history: &History) -> BTreeMap<&str, SessionKey> {
    let mut owners = BTreeMap::new();
    for record in &history.ops {
        for write in record.op.writes() {
            if let Write::Create { path, kind: Kind::EphemeralSequential, .. } = write {
                owners.insert(&**path, record.session);
            }
        }
    }
    owners
}

/// The lock, the first place in its line, and the transaction of a list that shows it.
fn first_in_line(record: &OpRecord) -> Option<(&str, Rc<str>, i64)> {
    let (Op::Children { path, .. }, Outcome::Ok { zxid, answer: Answer::Names { names, .. } }) =
        (&record.op, &record.outcome)
    else {
        return None;
    };
    let first = names.iter().filter_map(|name| Some((token(name)?, name))).min()?.1;
    path.starts_with("/locks/").then(|| (&**path, format!("{path}/{first}").into(), *zxid))
}

fn token(name: &str) -> Option<&str> {
    sequential_prefix(name).map(|prefix| &name[prefix.len()..])
}

fn holding(history: &History, log: &Log, path: Rc<str>, from: i64, owner: SessionKey) -> Holding {
    let deletes = |write: &Write| matches!(write, Write::Delete { path: at, .. } if *at == path);
    let asked_to_go = history.ops.iter().position(|record| {
        record.session == owner && (record.op == Op::Close || record.op.writes().iter().any(deletes))
    });
    let asked_to_go = OpId(asked_to_go.unwrap_or(usize::MAX));
    let certain = log.applied.range(..asked_to_go).filter(|(id, _)| {
        let record = history.op(**id);
        record.session == owner && matches!(record.outcome, Outcome::Ok { .. })
    });
    let to = certain.map(|(_, zxid)| *zxid).max().unwrap_or(0).max(from);
    let token = token(&path).unwrap_or_default().to_owned();
    Holding { path, token, from, to }
}

fn compare(folder: &str, mut held: Vec<Holding>, findings: &mut Findings) {
    held.sort_by_key(|holding| (holding.from, holding.to));
    for pair in held.windows(2) {
        if pair[0].to >= pair[1].from {
            let what = format!(
                "{} was held by {} from {:#x} to {:#x} at least, and by {} from {:#x}",
                folder, pair[0].path, pair[0].from, pair[0].to, pair[1].path, pair[1].from
            );
            findings.add("a lock is held once", what);
        }
        if pair[0].token >= pair[1].token {
            let what = format!("{folder} was held by {}, and then by {}", pair[0].path, pair[1].path);
            findings.add("fencing tokens ascend", what);
        }
    }
}
