//! Nothing is lost, nothing is invented, and what is settled is over.

use std::collections::BTreeMap;

use super::{delivered, events};
use crate::check::Findings;
use crate::queues::history::{Copy, Kind, QueueHistory, Session};
use crate::queues::workload::{Layout, Place};

/// So many of those that are lost are shown.
const SHOWN_MAX: usize = 5;

/// Every copy that was confirmed was settled by somebody in the end: where it was sent to, or among the dead letters.
pub(super) fn nothing_is_lost(history: &QueueHistory, findings: &mut Findings) {
    for copy in history.unsettled().iter().take(SHOWN_MAX) {
        let sessions = history.sessions.iter();
        let given =
            sessions.filter(|session| delivered(session).any(|delivery| delivery.copy == *copy)).count();
        findings.add(
            "what was confirmed is settled in the end",
            format!(
                "{copy:?} was confirmed, came to {given} consumers, and nobody settled it, as {} in all",
                history.unsettled().len()
            ),
        );
    }
}

/// Every copy that came was sent, and to this queue.
pub(super) fn nothing_is_invented(
    history: &QueueHistory,
    place: Place,
    sessions: &[&Session],
    findings: &mut Findings,
) {
    let sent_to = if place == Place::Dead { Place::Mortal } else { place };
    for delivery in sessions.iter().flat_map(|session| delivered(session)) {
        let published = history.published.get(&delivery.copy.publisher);
        let is_sent =
            published.is_some_and(|it| it.sent.contains(&delivery.copy) && it.place == Some(sent_to));
        if !is_sent {
            let what = format!("{delivery:?} came at {place:?}, where nobody had sent it");
            findings.add("what is delivered was sent", what);
        }
    }
}

/// Nothing is delivered again whose settlement was heard. Whoever has been sent more than its prefetch must have been heard: all that it said
/// first, as much as is beyond the prefetch.
pub(super) fn nothing_comes_back(sessions: &[&Session], findings: &mut Findings) {
    let mut heard: BTreeMap<Copy, i64> = BTreeMap::new();
    for session in sessions {
        let beyond = delivered(session).count().saturating_sub(usize::from(session.prefetch));
        let said = session.events.iter().filter(|event| event.kind != Kind::Delivered);
        for event in said.take(beyond).filter(|event| event.kind != Kind::Returned) {
            heard.insert(event.delivery.copy, event.delivery.acquired);
        }
    }
    for delivery in sessions.iter().flat_map(|session| delivered(session)) {
        if let Some(settled) = heard.get(&delivery.copy).filter(|settled| delivery.acquired > **settled) {
            let what = format!("{delivery:?} came after its delivery number {settled} was settled for good");
            findings.add("what is settled does not come back", what);
        }
    }
}

/// All messages with one routing key go to one of the queues that an exchange spreads them to.
pub(super) fn keys_have_one_queue(history: &QueueHistory, layout: &Layout, findings: &mut Findings) {
    let mut queues: BTreeMap<String, usize> = BTreeMap::new();
    for session in history.sessions.iter().filter(|it| layout.place(it.queue) == Place::Spread) {
        for event in events(session, Kind::Delivered) {
            let key = Layout::key(event.delivery.copy);
            let queue = *queues.entry(key.clone()).or_insert(session.queue);
            if queue != session.queue {
                let (one, other) = (layout.name(queue), layout.name(session.queue));
                let what =
                    format!("{:?} with {key} came from {other}, others from {one}", event.delivery.copy);
                findings.add("a key has one queue", what);
            }
        }
    }
}
