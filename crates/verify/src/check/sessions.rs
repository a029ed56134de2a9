//! Sessions of clients that are heard do not expire.

use std::collections::BTreeSet;

use super::Findings;
use crate::history::{Event, History, Op, OpRecord, SessionKey};

/// A node that has lost the leader goes on answering for two thirds of a session's timeout; what remains is the least
/// time between the last request that was answered and the end of the session.
const SILENCE_PARTS: u32 = 3;

pub(super) fn check(history: &History, findings: &mut Findings) {
    let closing = |record: &&OpRecord| record.op == Op::Close;
    let closed: BTreeSet<SessionKey> =
        history.ops.iter().filter(closing).map(|record| record.session).collect();
    for (event, at) in history.events.iter().zip(&history.times) {
        let Event::Expired { client, session, silent_for, timeout } = event else { continue };
        // A close that was never answered may have been done.
        if *silent_for < *timeout / SILENCE_PARTS && !closed.contains(session) {
            let what = format!(
                "{session:?} of {client:?} was over at {at:?}, {silent_for:?} after a request that was answered; its timeout is {timeout:?}"
            );
            findings.add("a session that is heard does not expire", what);
        }
    }
}
