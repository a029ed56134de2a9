//! Reap: containers that are empty again, and znodes whose time to live is over.

use super::transaction::Transaction;
use crate::error::ErrorCode;
use crate::outcome::{Outcome, Reply};
use crate::session::SessionId;
use crate::slab::SlotId;
use crate::text::Text;
use crate::tree::Tree;

impl Tree {
    /// Decided anew where it is applied: since the leader looked, a child may have come or the data have been set.
    pub(super) fn reap(&mut self, path: &Text) -> Outcome {
        let Some(slot) = self.store.lookup(path) else {
            return self.outcome(Err(ErrorCode::NoNode));
        };
        if !self.store.node(slot).is_to_be_reaped(self.time_ms) {
            return self.outcome(Err(ErrorCode::NotEmpty));
        }
        self.zxid = self.zxid.next();
        let slash = path.rfind('/').expect("paths of nodes are absolute");
        let mut transaction = Transaction::new(self, SessionId::NONE, &[]);
        transaction.remove(slot, path.clone(), slash);
        let triggers = transaction.commit();
        Outcome { triggers, ..self.outcome(Ok(Reply::Deleted)) }
    }

    /// Paths that are to be reaped at `now_ms`, among the next `looks` candidates from `after` on, and where to go on;
    /// none at the end. A walk over all of them may be spread over time.
    #[must_use]
    pub fn reapable(
        &self,
        now_ms: i64,
        after: Option<ReapCursor>,
        looks: usize,
    ) -> (Vec<Text>, Option<ReapCursor>) {
        let from = after.map_or(std::ops::Bound::Unbounded, |cursor| std::ops::Bound::Excluded(cursor.0));
        let mut paths = Vec::new();
        let mut last = None;
        for slot in self.store.mortals.range((from, std::ops::Bound::Unbounded)).take(looks) {
            last = Some(ReapCursor(*slot));
            if self.store.node(*slot).is_to_be_reaped(now_ms) {
                paths.push(Text::from(self.store.path(*slot)));
            }
        }
        (paths, last)
    }
}

/// A place among the candidates of [`Tree::reapable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReapCursor(SlotId);
