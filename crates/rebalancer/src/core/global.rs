//! The global barrier: everybody stops before anybody gets anything.
//!
//! The coordinator calls a round: all stop, and say for which round they have stopped. When all that are there have, it
//! writes who gets what in this round. Costs do not depend on how many resources there are; the whole group stops.

mod coordinator;
mod member;

pub use coordinator::{Command as CoordinatorCommand, Coordinator, Input as CoordinatorInput};
pub use member::{Command, Input, Member};

use super::Round;

/// What the group is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// Stop, and say so for this round.
    Stop(Round),
    /// The allocation of this round is there.
    Granted(Round),
}

impl Status {
    /// Which round it is about.
    pub fn round(self) -> Round {
        match self {
            Status::Stop(round) | Status::Granted(round) => round,
        }
    }

    /// The data of the znode that keeps it: `StopActivity 7` or `ResourcesGranted 7`.
    pub fn encode(self) -> String {
        match self {
            Status::Stop(Round(round)) => format!("StopActivity {round}"),
            Status::Granted(Round(round)) => format!("ResourcesGranted {round}"),
        }
    }

    /// Reads what [`encode`](Self::encode) wrote. No data at all is the status of a group that was never told to stop.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(data: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(data).map_err(|error| error.to_string())?;
        if text.is_empty() {
            return Ok(Self::default());
        }
        let (word, round) = text.split_once(' ').ok_or("it has no round")?;
        let round = Round(round.parse().map_err(|_| format!("{round:?} is no round"))?);
        match word {
            "StopActivity" => Ok(Status::Stop(round)),
            "ResourcesGranted" => Ok(Status::Granted(round)),
            _ => Err(format!("{word:?} is no status")),
        }
    }
}

impl Default for Status {
    fn default() -> Self {
        Status::Granted(Round::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_it_was_written() {
        for status in [Status::Stop(Round(7)), Status::Granted(Round(u64::MAX)), Status::default()] {
            assert_eq!(Status::decode(status.encode().as_bytes()), Ok(status));
        }
        assert_eq!(Status::decode(b""), Ok(Status::default()));
        for nonsense in ["StopActivity", "Stop 3", "StopActivity x", "StopActivity -1"] {
            assert!(Status::decode(nonsense.as_bytes()).is_err(), "{nonsense}");
        }
    }
}
