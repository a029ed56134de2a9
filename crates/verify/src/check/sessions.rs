//! Sessions of clients that are heard do not expire.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Clocks, Findings};
use crate::history::{Event, History, Op, OpRecord, SessionKey};

/// The least time between the last request that was answered and the end of the session. A node that has lost the leader
/// goes on answering for two thirds of a session's timeout, by its clock; the leader ends the session after all of it, by
/// its own.
fn silence_min(timeout: Duration, clocks: Clocks) -> Duration {
    let ends_after = timeout.as_secs_f64() * 1000.0 / clocks.fastest as f64;
    let answered_until = timeout.as_secs_f64() * 2.0 / 3.0 * 1000.0 / clocks.slowest as f64;
    Duration::from_secs_f64((ends_after - answered_until).max(0.0))
}

pub(super) fn check(history: &History, clocks: Clocks, findings: &mut Findings) {
    let closing = |record: &&OpRecord| record.op == Op::Close;
    let closed: BTreeSet<SessionKey> =
        history.ops.iter().filter(closing).map(|record| record.session).collect();
    for (event, at) in history.events.iter().zip(&history.times) {
        let Event::Expired { client, session, silent_for, timeout } = event else { continue };
        // A close that was never answered may have been done.
        if *silent_for < silence_min(*timeout, clocks) && !closed.contains(session) {
            let what = format!(
                "{session:?} of {client:?} was over at {at:?}, {silent_for:?} after a request that was answered; its timeout is {timeout:?}"
            );
            findings.add("a session that is heard does not expire", what);
        }
    }
}
