//! Who uses what: the check that no two ever use one resource, for tests of this crate and of applications.
//!
//! Handlers tell it of each resource when they begin to use it and when they have ceased to. It knows what no protocol can
//! prevent, too: that a process is suspended in the middle of using a resource, and that a process dies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use runtime::{Clock, Instant};

use crate::core::{Grant, ResourceId, Token};

/// Notes what is used by whom. Clones are the same.
#[derive(Clone)]
pub struct Monitor {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    uses: BTreeMap<ResourceId, Use>,
    /// Uses by processes that were suspended while others got the resource, which they don't know yet.
    superseded: BTreeSet<(ResourceId, String)>,
    suspended: BTreeSet<String>,
    tokens: BTreeMap<ResourceId, (Token, String)>,
    claims: u64,
    releases: u64,
    violations: Vec<Violation>,
}

#[derive(Clone)]
struct Use {
    process: String,
    since: Instant,
}

/// What must not have happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// When.
    pub at: Instant,
    /// With which resource.
    pub resource: ResourceId,
    /// What.
    pub what: Wrong,
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// A process began to use what another uses.
    SecondClaim {
        /// Who began.
        claimer: String,
        /// Who uses it.
        owner: String,
        /// Since when.
        since: Instant,
    },
    /// A process ceased to use what it does not use.
    NotOwner {
        /// Who.
        process: String,
    },
    /// A process got a token that is not larger than the one of an earlier owner.
    OldToken {
        /// Who.
        claimer: String,
        /// Its token.
        token: Token,
        /// The largest so far.
        largest: Token,
        /// Whose that was.
        owner: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {:?}: {}: {:?}", self.at.since_origin(), self.resource, self.what)
    }
}

impl State {
    /// Whether the token is not larger than that of an earlier owner, who is another process.
    fn is_old(&self, process: &str, grant: &Grant) -> bool {
        self.tokens.get(&grant.resource).is_some_and(|(largest, owner)| {
            grant.token < *largest || (grant.token == *largest && owner != process)
        })
    }
}

impl Monitor {
    /// One that has seen nothing.
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding it")
    }

    /// `process` begins to use a resource.
    pub fn claim(&self, process: &str, grant: &Grant) {
        let now = self.clock.now();
        let Grant { resource, token } = grant;
        let mut state = self.state();
        state.claims += 1;
        if state.suspended.contains(process) && state.is_old(process, grant) {
            // It can't know yet. The resource refuses it by its token, and stays whose it is.
            state.superseded.insert((resource.clone(), process.to_owned()));
            return;
        }
        let is_old = state.is_old(process, grant);
        let former = state.uses.insert(resource.clone(), Use { process: process.to_owned(), since: now });
        if let Some(former) = former {
            if state.suspended.contains(&former.process) && former.process != process {
                // It does nothing as long as it is suspended; afterwards its token is an old one.
                state.superseded.insert((resource.clone(), former.process));
            } else {
                let (claimer, owner) = (process.to_owned(), former.process);
                let what = Wrong::SecondClaim { claimer, owner, since: former.since };
                state.violations.push(Violation { at: now, resource: resource.clone(), what });
            }
        }
        if let Some((largest, owner)) = state.tokens.get(resource).cloned().filter(|_| is_old) {
            let what = Wrong::OldToken { claimer: process.to_owned(), token: *token, largest, owner };
            state.violations.push(Violation { at: now, resource: resource.clone(), what });
        }
        state.tokens.insert(resource.clone(), (*token, process.to_owned()));
    }

    /// `process` has ceased to use a resource.
    pub fn release(&self, process: &str, resource: &ResourceId) {
        let now = self.clock.now();
        let mut state = self.state();
        state.releases += 1;
        if state.superseded.remove(&(resource.clone(), process.to_owned())) {
            return;
        }
        if state.uses.get(resource).is_some_and(|owner| owner.process == process) {
            state.uses.remove(resource);
        } else {
            let what = Wrong::NotOwner { process: process.to_owned() };
            state.violations.push(Violation { at: now, resource: resource.clone(), what });
        }
    }

    /// `process` is suspended: it does nothing until it goes on.
    pub fn suspend(&self, process: &str) {
        self.state().suspended.insert(process.to_owned());
    }

    /// `process` goes on. What it still believes to use and others have got is for its token to stop.
    pub fn resume(&self, process: &str) {
        self.state().suspended.remove(process);
    }

    /// `process` is dead: it uses nothing.
    pub fn died(&self, process: &str) {
        let mut state = self.state();
        state.uses.retain(|_, owner| owner.process != process);
        state.superseded.retain(|(_, owner)| owner != process);
        state.suspended.remove(process);
    }

    /// Who uses what now.
    pub fn owners(&self) -> BTreeMap<ResourceId, String> {
        self.state().uses.iter().map(|(resource, owner)| (resource.clone(), owner.process.clone())).collect()
    }

    /// What processes that were suspended still believe to use.
    pub fn superseded(&self) -> usize {
        self.state().superseded.len()
    }

    /// How often something was begun to be used, and how often it was ceased.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.claims, state.releases)
    }

    /// What must not have happened, in order.
    pub fn violations(&self) -> Vec<Violation> {
        self.state().violations.clone()
    }
}

#[cfg(test)]
mod tests {
    use runtime::SystemClock;

    use super::*;

    fn grant(resource: &str, token: i64) -> Grant {
        Grant { resource: resource.into(), token: Token(token) }
    }

    fn wrongs(monitor: &Monitor) -> Vec<Wrong> {
        monitor.violations().into_iter().map(|violation| violation.what).collect()
    }

    #[tokio::test]
    async fn one_after_the_other_is_fine() {
        let monitor = Monitor::new(SystemClock::clock());
        monitor.claim("one", &grant("a", 1));
        monitor.release("one", &"a".into());
        monitor.claim("two", &grant("a", 2));
        monitor.died("two");
        monitor.claim("one", &grant("a", 3));
        assert_eq!((wrongs(&monitor), monitor.counts()), (vec![], (3, 1)));
    }

    #[tokio::test]
    async fn two_at_once_are_not() {
        let monitor = Monitor::new(SystemClock::clock());
        monitor.claim("one", &grant("a", 1));
        monitor.claim("two", &grant("a", 2));
        assert!(matches!(wrongs(&monitor)[..], [Wrong::SecondClaim { .. }]));
        monitor.release("one", &"a".into());
        assert!(matches!(wrongs(&monitor)[..], [_, Wrong::NotOwner { .. }]));
    }

    #[tokio::test]
    async fn tokens_grow() {
        let monitor = Monitor::new(SystemClock::clock());
        monitor.claim("one", &grant("a", 5));
        monitor.release("one", &"a".into());
        monitor.claim("one", &grant("a", 5));
        monitor.release("one", &"a".into());
        assert_eq!(wrongs(&monitor), []);
        monitor.claim("two", &grant("a", 5));
        assert!(matches!(wrongs(&monitor)[..], [Wrong::OldToken { .. }]));
    }

    #[tokio::test]
    async fn a_process_that_cannot_know_yet_is_refused_by_its_token() {
        let monitor = Monitor::new(SystemClock::clock());
        monitor.suspend("one");
        monitor.claim("two", &grant("a", 2));
        monitor.claim("one", &grant("a", 1));
        assert_eq!((monitor.superseded(), monitor.owners()[&ResourceId::from("a")].as_str()), (1, "two"));
        monitor.release("one", &"a".into());
        monitor.release("two", &"a".into());
        assert_eq!((wrongs(&monitor), monitor.superseded()), (vec![], 0));
        monitor.resume("one");
        monitor.claim("one", &grant("a", 1));
        assert!(matches!(wrongs(&monitor)[..], [Wrong::OldToken { .. }]));
    }

    #[tokio::test]
    async fn what_a_suspended_process_believes_is_superseded() {
        let monitor = Monitor::new(SystemClock::clock());
        monitor.claim("one", &grant("a", 1));
        monitor.suspend("one");
        monitor.claim("two", &grant("a", 2));
        monitor.resume("one");
        assert_eq!(monitor.superseded(), 1);
        monitor.release("one", &"a".into());
        assert_eq!((wrongs(&monitor), monitor.superseded()), (vec![], 0));
        assert_eq!(monitor.owners()[&ResourceId::from("a")], "two");
    }
}
