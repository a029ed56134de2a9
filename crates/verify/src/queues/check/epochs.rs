//! Fencing tokens of single active consumers.

use std::collections::BTreeMap;

use super::delivered;
use crate::check::Findings;
use crate::queues::history::{Copy, Delivery, Line, Session};

/// In one epoch one consumer is active, and every delivery has an epoch.
pub(super) fn one_consumer_each(sessions: &[&Session], findings: &mut Findings) {
    let mut active: BTreeMap<i64, &str> = BTreeMap::new();
    for session in sessions {
        for delivery in delivered(session) {
            if delivery.epoch <= 0 {
                findings.add("a delivery has an epoch", format!("{}: {delivery:?}", session.consumer));
                continue;
            }
            let known = *active.entry(delivery.epoch).or_insert(&session.consumer);
            if known != session.consumer {
                let what = format!("epoch {}: {known} and {}", delivery.epoch, session.consumer);
                findings.add("one consumer is active in an epoch", what);
            }
        }
    }
}

const RISE: &str = "epochs rise";

/// Epochs rise with time: within a session, with the times that a copy was given out, and along a line.
pub(super) fn rise(sessions: &[&Session], findings: &mut Findings) {
    let mut by_copy: BTreeMap<Copy, Vec<&Delivery>> = BTreeMap::new();
    for session in sessions {
        let mut highest = 0;
        for delivery in delivered(session) {
            by_copy.entry(delivery.copy).or_default().push(delivery);
            if delivery.epoch < highest {
                findings.add(RISE, format!("{}: {delivery:?} after epoch {highest}", session.consumer));
            }
            highest = highest.max(delivery.epoch);
        }
    }
    let mut highest_of: BTreeMap<Line, &Delivery> = BTreeMap::new();
    // Copies ascend, and with them each line.
    for (copy, deliveries) in &mut by_copy {
        deliveries.sort_by_key(|delivery| delivery.acquired);
        for pair in deliveries.windows(2) {
            if pair[1].epoch < pair[0].epoch {
                findings.add(RISE, format!("{:?} is of an earlier epoch than {:?}", pair[1], pair[0]));
            }
        }
        let Some(first) = deliveries.iter().find(|delivery| !delivery.redelivered) else { continue };
        match highest_of.get(&copy.line()) {
            Some(before) if first.epoch < before.epoch => {
                findings.add(RISE, format!("{first:?} came first in an earlier epoch than {before:?}"));
            }
            _ => drop(highest_of.insert(copy.line(), first)),
        }
    }
}
