//! Quotas as monitoring reads them.

use super::{LIMITS, Numbers, USAGE};
use crate::tree::Tree;

/// A quota and what is used of it. -1: no such limit, or not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReport<'a> {
    /// The subtree's root.
    pub prefix: &'a str,
    /// How many znodes there may be: the hard limit or, without one, the soft limit.
    pub count_limit: i64,
    /// How many bytes of data there may be, likewise.
    pub bytes_limit: i64,
    /// How many znodes there are, the subtree's root included.
    pub count: i64,
    /// How many bytes of data there are.
    pub bytes: i64,
}

impl Tree {
    /// All quotas, by prefix in byte order. Limits that do not parse are none.
    pub fn quotas(&self) -> impl Iterator<Item = QuotaReport<'_>> {
        self.store.quotas.iter().map(|(prefix, directory)| {
            let numbers = |name| {
                let slot = self.store.child(directory, name)?;
                Numbers::parse(self.store.node(slot).data.as_deref())
            };
            let (limits, usage) = (numbers(LIMITS), numbers(USAGE));
            let limit = |hard: i64, soft: i64| if hard > -1 { hard } else { soft.max(-1) };
            QuotaReport {
                prefix,
                count_limit: limits.map_or(-1, |limits| limit(limits.count_hard, limits.count)),
                bytes_limit: limits.map_or(-1, |limits| limit(limits.bytes_hard, limits.bytes)),
                count: usage.map_or(-1, |usage| usage.count),
                bytes: usage.map_or(-1, |usage| usage.bytes),
            }
        })
    }
}
