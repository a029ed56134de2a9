//! Is what clients saw possible, if the server is right?
//!
//! Every write carries a mark of its own, and every reply a transaction id, so the server's one order of writes can be put
//! together from the history ([`Log`]): from replies, and, for requests that were never answered, from reads that found
//! their mark. Against it each rule is one pass over the history. A rule says nothing about what can't be known: an
//! unanswered write that nobody read may have taken effect or not.

mod children;
mod ephemerals;
mod linear;
mod locks;
mod log;
mod order;
mod reads;
mod refusals;
mod replicas;
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

    /// What was found.
    pub fn into_violations(self) -> Vec<Violation> {
        self.0
    }
}

/// How fast the clocks of the nodes ran: what is promised about time holds only as far as they agree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clocks {
    /// The slowest, in parts of a thousand of the true speed.
    pub slowest: u64,
    /// The fastest.
    pub fastest: u64,
}

impl Default for Clocks {
    /// All were right.
    fn default() -> Self {
        Self { slowest: 1000, fastest: 1000 }
    }
}

/// All that is wrong with a history of nodes whose clocks were right.
pub fn check(history: &History) -> Vec<Violation> {
    check_with_clocks(history, Clocks::default())
}

/// All that is wrong with a history.
pub fn check_with_clocks(history: &History, clocks: Clocks) -> Vec<Violation> {
    let mut findings = Findings::default();
    protocol(history, &mut findings);
    let log = Log::of(history, &mut findings);
    order::check(history, &log, &mut findings);
    versions::check(history, &log, &mut findings);
    refusals::check(history, &log, &mut findings);
    reads::check(history, &log, &mut findings);
    children::check(history, &log, &mut findings);
    replicas::check(history, &mut findings);
    sequence::check(history, &log, &mut findings);
    ephemerals::check(history, &log, &mut findings);
    sessions::check(history, clocks, &mut findings);
    watches::check(history, &log, &mut findings);
    locks::check(history, &log, &mut findings);
    linear::check(history, &mut findings);
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
