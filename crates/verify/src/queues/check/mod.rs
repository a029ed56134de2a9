//! Is what clients of queues saw possible, if the server is right?
//!
//! The queues are empty in the end, and all clients are gone. Queues are looked at one by one.

mod dead;
mod epochs;
mod hands;
mod order;
mod settled;
#[cfg(test)]
mod tests;

use super::history::{Delivery, Event, Kind, QueueHistory, Session};
use super::workload::{Layout, Place};
use crate::check::{Findings, Violation};

/// All that is wrong.
pub fn check(history: &QueueHistory, layout: &Layout) -> Vec<Violation> {
    let mut findings = Findings::default();
    for what in &history.nonsense {
        findings.add("a connection follows the protocol", what.clone());
    }
    settled::nothing_is_lost(history, &mut findings);
    settled::keys_have_one_queue(history, layout, &mut findings);
    for queue in 0..layout.queues.len() {
        let place = layout.place(queue);
        let sessions: Vec<&Session> =
            history.sessions.iter().filter(|session| session.queue == queue).collect();
        settled::nothing_is_invented(history, place, &sessions, &mut findings);
        hands::prefetch_holds(&sessions, &mut findings);
        if place == Place::Dead {
            dead::deaths_are_told(history, layout, &sessions, &mut findings);
            continue;
        }
        settled::nothing_comes_back(&sessions, &mut findings);
        hands::unflagged_once(&sessions, &mut findings);
        hands::one_at_a_time(&sessions, &mut findings);
        if place == Place::Mortal {
            dead::limits_hold(layout, &sessions, &mut findings);
        }
        order::first_deliveries(&sessions, &mut findings);
        if place == Place::Single {
            epochs::one_consumer_each(&sessions, &mut findings);
            epochs::rise(&sessions, &mut findings);
            order::of_sessions(&sessions, &mut findings);
            order::nothing_is_passed_over(&sessions, &mut findings);
            order::returns_to_its_place(&sessions, &mut findings);
            order::work_has_no_gaps(&history.accepted, &mut findings);
        }
    }
    findings.into_violations()
}

fn delivered(session: &Session) -> impl Iterator<Item = &Delivery> {
    events(session, Kind::Delivered).map(|event| &*event.delivery)
}

fn events(session: &Session, kind: Kind) -> impl Iterator<Item = &Event> {
    session.events.iter().filter(move |event| event.kind == kind)
}
