//! Who believed to hold what, from when until when; and whether that can be.

use std::sync::{Arc, Mutex};

use recipes::Token;
use runtime::Instant;

/// How something was held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    Alone,
    Shared,
}

/// One time of holding: from when it was got until the holder was told that it is lost, or began to let go.
#[derive(Clone, Debug)]
pub(crate) struct Holding {
    pub(crate) who: u64,
    pub(crate) how: How,
    pub(crate) token: Token,
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// What must hold at every moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// One alone, or several that share.
    Lock,
    /// So many.
    AtMost(usize),
}

#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<Vec<Holding>>>);

impl History {
    pub(crate) fn note(&self, holding: Holding) {
        self.0.lock().unwrap().push(holding);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// What is wrong with it, if something is.
    pub(crate) fn check(&self, rule: Rule) -> Result<(), String> {
        let mut holdings = self.0.lock().unwrap().clone();
        holdings.sort_by_key(|holding| (holding.from, holding.token));
        for (at, later) in holdings.iter().enumerate() {
            let together: Vec<&Holding> = holdings[..at].iter().filter(|of| of.until > later.from).collect();
            let is_allowed = match rule {
                Rule::Lock => together.iter().all(|of| (of.how, later.how) == (How::Shared, How::Shared)),
                Rule::AtMost(most) => together.len() < most,
            };
            if !is_allowed {
                return Err(format!("{later:?} holds together with {together:?}"));
            }
            // Who comes later has the higher token; those who share come in any order among themselves.
            let higher = holdings[..at]
                .iter()
                .find(|of| of.token >= later.token && !(of.how == How::Shared && later.how == How::Shared));
            if let Some(earlier) = higher {
                return Err(format!("{later:?} has no higher token than {earlier:?}"));
            }
        }
        Ok(())
    }
}
