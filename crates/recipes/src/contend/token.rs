//! Fencing tokens.

use std::fmt;

/// A number that is higher for every later holder of the same lock, lease or leadership. Sent along with everything that the
/// holder does to a resource, it lets the resource refuse a holder that does not know yet that it no longer is one: the
/// resource keeps the highest token that it has seen and turns lower ones away.
///
/// It is the transaction that created the holder's znode (`czxid`). Transactions have one order. The znode of a later
/// holder has a higher number in its parent, so it was created later; a parent that was deleted and created anew counts from
/// 0 again, but its children are created later still. So tokens increase even where the numbers in names do not.
///
/// Tokens of different locks can be compared, which says only whose znode is older. They keep their order as long as the
/// ensemble keeps its history: not from one ensemble to another, to which a tree was copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Token(i64);

impl Token {
    pub(crate) fn of_czxid(czxid: i64) -> Self {
        Self(czxid)
    }

    /// The token as a number, above 0.
    pub fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
