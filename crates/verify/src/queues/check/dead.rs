//! Messages that die.

use std::collections::BTreeSet;

use super::{delivered, events};
use crate::check::Findings;
use crate::queues::history::{Copy, Kind, QueueHistory, Session};
use crate::queues::workload::{Layout, Place};

const RULE: &str = "a dead letter says how it died";

/// Every dead letter says where it died and why, and it was so. (That none is missing, the rule of what was confirmed says: a copy that was given
/// up has to be settled among the dead letters.)
pub(super) fn deaths_are_told(
    history: &QueueHistory,
    layout: &Layout,
    sessions: &[&Session],
    findings: &mut Findings,
) {
    let mortal = history.sessions.iter().filter(|it| layout.place(it.queue) == Place::Mortal);
    let rejected: BTreeSet<Copy> =
        mortal.flat_map(|session| events(session, Kind::Rejected)).map(|event| event.delivery.copy).collect();
    for delivery in sessions.iter().flat_map(|session| delivered(session)) {
        let Some(death) = &delivery.death else {
            findings.add(RULE, format!("{delivery:?} does not"));
            continue;
        };
        let is_so = match death.reason.as_str() {
            "rejected" => rejected.contains(&delivery.copy),
            "delivery_limit" => true,
            _ => false,
        };
        if !is_so
            || layout.queues.iter().all(|it| *it != (Place::Mortal, death.queue.clone()))
            || death.count != 1
        {
            findings.add(RULE, format!("{delivery:?} does not tell the truth"));
        }
    }
}

/// Nothing is delivered that failed more often than it may.
pub(super) fn limits_hold(layout: &Layout, sessions: &[&Session], findings: &mut Findings) {
    for delivery in sessions.iter().flat_map(|session| delivered(session)) {
        if delivery.failures > layout.delivery_limit {
            let what = format!("{delivery:?} may fail {} times", layout.delivery_limit);
            findings.add("a delivery limit holds", what);
        }
    }
}
