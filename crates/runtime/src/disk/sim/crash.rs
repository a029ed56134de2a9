//! Ways to stop.

/// What of the unsynced survives a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// Power loss: each unsynced sector is kept, lost or torn, each unsynced change of a name or length is kept or lost,
    /// all by chance and independently.
    Random,
    /// Power loss that takes everything unsynced.
    LoseUnsynced,
    /// Power loss just after the disk has by itself written everything.
    KeepUnsynced,
    /// Only the process dies: nothing is lost, and what was unsynced still is.
    Process,
}
