//! How a node's work is dealt out to threads.

use super::ConfigError;
use super::wrong;

/// Whether consensus has a thread of its own. The disk always has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Threads {
    /// One thread does everything, which wakes fewer threads for each write.
    Shared,
    /// Consensus has a thread of its own, so that no client delays a heartbeat; clients have as many as there are processors.
    Separate,
}

impl Threads {
    /// What is best on a machine with so many processors: where threads can't run side by side, waking them is all loss.
    pub fn for_processors(processors: usize) -> Self {
        if processors <= 2 { Self::Shared } else { Self::Separate }
    }

    /// `None`: as fits the machine.
    pub(super) fn parse(name: Option<String>) -> Result<Option<Self>, ConfigError> {
        match name.as_deref() {
            None | Some("auto") => Ok(None),
            Some("shared") => Ok(Some(Self::Shared)),
            Some("separate") => Ok(Some(Self::Separate)),
            Some(other) => Err(wrong("threads", other, "unknown", "give auto, shared or separate")),
        }
    }
}
