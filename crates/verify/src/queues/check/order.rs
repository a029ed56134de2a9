//! The order in which messages come.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::delivered;
use crate::check::Findings;
use crate::queues::history::{Copy, Delivery, Kind, Line, Session};

/// Copies of a line that come for the first time to anybody come to each consumer in the order in which they were sent.
pub(super) fn first_deliveries(sessions: &[&Session], findings: &mut Findings) {
    for session in sessions {
        let mut last: BTreeMap<Line, Copy> = BTreeMap::new();
        for delivery in delivered(session).filter(|delivery| !delivery.redelivered) {
            if let Some(before) = last.insert(delivery.copy.line(), delivery.copy)
                && delivery.copy < before
            {
                let what = format!("{}: {delivery:?} after {before:?}", session.consumer);
                findings.add("first deliveries come in order", what);
            }
        }
    }
}

/// A single active consumer is given the copies of a line, each for its first time, in the order in which they were sent; whether the server calls
/// it a redelivery or not: what a former consumer left comes in order, before all else.
pub(super) fn of_sessions(sessions: &[&Session], findings: &mut Findings) {
    for session in sessions {
        let mut last: BTreeMap<Line, Copy> = BTreeMap::new();
        let mut seen: BTreeSet<Copy> = BTreeSet::new();
        for delivery in delivered(session) {
            if !seen.insert(delivery.copy) {
                continue;
            }
            if let Some(before) = last.insert(delivery.copy.line(), delivery.copy)
                && delivery.copy < before
            {
                let what = format!("{}: {delivery:?} after {before:?}", session.consumer);
                findings.add("a single active consumer is served in order", what);
            }
        }
    }
}

/// No copy is passed over: when a consumer is given a later one of the line, this one was given to it before, or acknowledged in an earlier epoch or
/// the same.
pub(super) fn nothing_is_passed_over(sessions: &[&Session], findings: &mut Findings) {
    let mut acknowledged: BTreeMap<Copy, i64> = BTreeMap::new();
    let mut known: BTreeSet<Copy> = BTreeSet::new();
    for event in sessions.iter().flat_map(|session| &session.events) {
        let Delivery { copy, epoch, .. } = *event.delivery;
        known.insert(copy);
        if event.kind == Kind::Acked {
            let first = acknowledged.entry(copy).or_insert(epoch);
            *first = epoch.min(*first);
        }
    }
    for session in sessions {
        let mut reached: BTreeMap<Line, u64> = BTreeMap::new();
        for delivery in delivered(session) {
            let Copy { publisher, connection, number } = delivery.copy;
            let before = reached.entry(delivery.copy.line()).or_default();
            let from = Copy { publisher, connection, number: *before + 1 };
            if from < delivery.copy {
                for passed in known.range(from..delivery.copy) {
                    if acknowledged.get(passed).is_none_or(|epoch| *epoch > delivery.epoch) {
                        let what = format!(
                            "{} was given {delivery:?} before {passed:?}, which was not acknowledged",
                            session.consumer
                        );
                        findings.add("nothing is passed over", what);
                    }
                }
            }
            *before = number.max(*before);
        }
    }
}

/// What a consumer gives back comes again before more copies from behind it than can be on their way already.
pub(super) fn returns_to_its_place(sessions: &[&Session], findings: &mut Findings) {
    for session in sessions {
        // Where copies are in the queue: a consumer gets them in this order for the first time.
        let mut places: BTreeMap<Copy, usize> = BTreeMap::new();
        // How many from behind it came since it was given back.
        let mut waiting: BTreeMap<Copy, u16> = BTreeMap::new();
        for event in &session.events {
            let copy = event.delivery.copy;
            let next = places.len();
            let place = *places.entry(copy).or_insert(next);
            match event.kind {
                Kind::Returned => drop(waiting.insert(copy, 0)),
                Kind::Delivered => {
                    waiting.remove(&copy);
                    for (other, later) in waiting.iter_mut().filter(|(other, _)| places[*other] < place) {
                        *later += 1;
                        if *later == session.prefetch {
                            let what = format!(
                                "{} gave {other:?} back, and was given {later} later ones first",
                                session.consumer
                            );
                            findings.add("what is given back returns to its place", what);
                        }
                    }
                }
                Kind::Acked | Kind::Rejected => {}
            }
        }
    }
}

/// What a resource accepts has no gaps, and comes with tokens that do not fall. To repeat is allowed, to go on behind a gap is not.
pub(super) fn work_has_no_gaps(accepted: &[Rc<Delivery>], findings: &mut Findings) {
    let mut reached: BTreeMap<u32, u64> = BTreeMap::new();
    let mut epoch = 0;
    for delivery in accepted {
        let reached = reached.entry(delivery.copy.publisher).or_default();
        if delivery.copy.number > *reached + 1 {
            findings.add("work has no gaps", format!("{delivery:?} was worked on after number {reached}"));
        }
        if delivery.epoch < epoch {
            findings.add("work has no gaps", format!("{delivery:?} was worked on after epoch {epoch}"));
        }
        *reached = delivery.copy.number.max(*reached);
        epoch = delivery.epoch;
    }
}
