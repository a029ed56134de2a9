//! Ephemerals go with their session: not before it, and not long after.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Findings;
use super::log::{Change, Entry, Log, attached_in_the_end};
use crate::history::{Answer, Event, History, Op, OpId, Outcome, SessionKey};

/// How long after its timeout a session may still be there: a tick of the server, an election, a change of the leader
/// (which gives every session its timeout again).
const GRACE: Duration = Duration::from_secs(6);

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    let ended = ended(history);
    let attached = attached_in_the_end(history);
    let healthy_since = last_write(history);
    for (number, record) in history.ops.iter().enumerate() {
        let (Op::Get { path, .. } | Op::Exists { path, .. }) = &record.op else { continue };
        let Outcome::Ok { zxid, answer: Answer::Data { seen, .. } | Answer::Stat(seen) } = &record.outcome
        else {
            continue;
        };
        let owner = SessionKey(seen.owner);
        if let Some(closed) =
            log.spans.get(&owner).and_then(|span| span.closed_at).filter(|closed| closed <= zxid)
        {
            let what =
                format!("{:?} at {zxid:#x} has {path} of {owner:?}, closed in {closed:#x}", OpId(number));
            findings.add("ephemerals go when their session is closed", what);
        }
        let read_at = history.times[record.invoked];
        if let Some((since, limit)) = ended.get(&owner)
            && read_at > *since.max(&healthy_since) + *limit + GRACE
            && attached.get(&owner) != Some(&true)
        {
            let what = format!(
                "{:?} has {path} of {owner:?}, silent since {since:?} with a timeout of {limit:?}",
                OpId(number)
            );
            findings.add("ephemerals go when their session expires", what);
        }
    }
    owners(history, log, findings);
}

/// Sessions that their client has left or lost, since when, and their timeout.
fn ended(history: &History) -> BTreeMap<SessionKey, (Duration, Duration)> {
    let mut timeouts = BTreeMap::new();
    let mut ended = BTreeMap::new();
    for (event, at) in history.events.iter().zip(&history.times) {
        match event {
            Event::Attached(attached) => drop(timeouts.insert(attached.session, attached.timeout)),
            Event::Abandoned(session) | Event::Expired { session, .. } => {
                let timeout = timeouts.get(session).copied().unwrap_or_default();
                ended.insert(*session, (*at, timeout));
            }
            _ => {}
        }
    }
    ended
}

/// When the last write was sent. From then on at the latest the cluster is healthy: only then do bounds on time hold.
fn last_write(history: &History) -> Duration {
    let writes = history.ops.iter().filter(|record| !record.op.writes().is_empty());
    writes.map(|record| history.times[record.invoked]).max().unwrap_or_default()
}

/// What reads say about whose an ephemeral is.
fn owners(history: &History, log: &Log, findings: &mut Findings) {
    for (number, record) in history.ops.iter().enumerate() {
        let (Op::Get { path, .. }, Outcome::Ok { answer: Answer::Data { seen, .. }, .. }) =
            (&record.op, &record.outcome)
        else {
            continue;
        };
        let Some(timeline) = log.timelines.get(path) else { continue };
        let made = |entry: &&Entry| entry.zxid == seen.czxid;
        if let Some(Entry { change: Change::Created { owner, .. }, .. }) = timeline.entries.iter().find(made)
            && owner.unwrap_or(SessionKey(0)) != SessionKey(seen.owner)
        {
            let what = format!("{:?}: {path} is {owner:?}'s and says {:#x}", OpId(number), seen.owner);
            findings.add("an ephemeral names its session", what);
        }
    }
}
