//! Is what clients saw possible, if the server is right?
//!
//! Every write carries a mark of its own, and every reply a transaction id, so the server's one order of writes can be put
//! together from the history ([`Log`]): from replies, and, for requests that were never answered, from reads that found
//! their mark. Against it each rule is one pass over the history. A rule says nothing about what can't be known: an
//! unanswered write that nobody read may have taken effect or not.

mod children;
mod ephemerals;
mod log;
mod order;
mod reads;
mod refusals;
mod sequence;
mod sessions;
#[cfg(test)]
mod tests;
mod versions;
mod watches;

use std::fmt;

pub use log::Log;

use crate::history::{Event, History};

/// A rule that was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule, as a phrase.
    pub rule: &'static str,
    /// How it was broken: which requests, which numbers.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

/// Collects what is wrong.
#[derive(Default)]
pub struct Findings(Vec<Violation>);

impl Findings {
    /// A rule was broken.
    pub fn add(&mut self, rule: &'static str, what: impl Into<String>) {
        self.0.push(Violation { rule, what: what.into() });
    }
}

/// All that is wrong with a history.
pub fn check(history: &History) -> Vec<Violation> {
    let mut findings = Findings::default();
    protocol(history, &mut findings);
    let log = Log::of(history, &mut findings);
    order::check(history, &log, &mut findings);
    versions::check(history, &log, &mut findings);
    refusals::check(history, &log, &mut findings);
    reads::check(history, &log, &mut findings);
    children::check(history, &log, &mut findings);
    sequence::check(history, &log, &mut findings);
    ephemerals::check(history, &log, &mut findings);
    sessions::check(history, &mut findings);
    watches::check(history, &log, &mut findings);
    findings.0
}

/// What clients noted while they ran.
fn protocol(history: &History, findings: &mut Findings) {
    for event in &history.events {
        if let Event::Nonsense { connection, what } = event {
            findings.add("a connection follows the protocol", format!("{connection:?}: {what}"));
        }
    }
}
