//! Transaction ids.

use std::fmt;

/// The id of a write: leader epoch in the high 32 bits, counter in the low 32. It never goes backwards.
///
/// The first write of epoch N has the id `N << 32 | 1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Zxid(pub i64);

impl Zxid {
    /// Before the first write.
    pub const ZERO: Self = Self(0);

    /// How many leaders have written before and with this id.
    #[must_use]
    pub fn epoch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// How many writes this epoch has had.
    #[must_use]
    pub fn counter(self) -> u32 {
        self.0 as u32
    }

    /// The id after this one. A full counter carries into the epoch, which stays monotonic.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The id that stands before the first write of the next epoch.
    #[must_use]
    pub(crate) fn next_epoch(self) -> Self {
        Self(((self.0 >> 32).wrapping_add(1)) << 32)
    }
}

/// As ZooKeeper's `srvr` prints it.
impl fmt::Display for Zxid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
