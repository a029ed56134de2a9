//! In whose hands messages are.

use std::collections::BTreeMap;

use super::delivered;
use crate::check::Findings;
use crate::queues::history::{Copy, Kind, Session};

/// A copy comes without the flag once at most, and flags do not contradict the count beside them.
pub(super) fn unflagged_once(sessions: &[&Session], findings: &mut Findings) {
    let mut first: BTreeMap<Copy, &str> = BTreeMap::new();
    for session in sessions {
        for delivery in delivered(session) {
            if delivery.redelivered != (delivery.acquired > 0) {
                findings.add("a flag agrees with the count", format!("{}: {delivery:?}", session.consumer));
            }
            if delivery.redelivered {
                continue;
            }
            if let Some(other) = first.insert(delivery.copy, &session.consumer) {
                let what = format!(
                    "{:?} came to {other} and to {}, both unflagged",
                    delivery.copy, session.consumer
                );
                findings.add("a message comes once without the redelivered flag", what);
            }
        }
    }
}

/// No copy is given to two, or twice to one, at once: each time has a number of its own.
pub(super) fn one_at_a_time(sessions: &[&Session], findings: &mut Findings) {
    let mut given: BTreeMap<(Copy, i64), &str> = BTreeMap::new();
    for session in sessions {
        for delivery in delivered(session) {
            if let Some(other) = given.insert((delivery.copy, delivery.acquired), &session.consumer) {
                let what = format!("{delivery:?} went to {other} and to {}", session.consumer);
                findings.add("a message is in one hand at a time", what);
            }
        }
    }
}

/// Nobody has more in its hands than it wants.
pub(super) fn prefetch_holds(sessions: &[&Session], findings: &mut Findings) {
    for session in sessions {
        let (mut held, mut most) = (0_i64, 0);
        for event in &session.events {
            held += if event.kind == Kind::Delivered { 1 } else { -1 };
            most = most.max(held);
        }
        if most > i64::from(session.prefetch) {
            let what = format!("{} held {most} messages and wants {}", session.consumer, session.prefetch);
            findings.add("prefetch holds", what);
        }
    }
}
