//! How often each fault did bite.

/// Faults that a [`SimDisk`](super::SimDisk) and the disks it became by crashing have injected. A test that plans a
/// fault requires that its counter moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts {
    /// Crashes.
    pub crashes: u64,
    /// Unsynced sectors that survived a crash.
    pub sectors_kept: u64,
    /// Unsynced sectors that a crash lost.
    pub sectors_dropped: u64,
    /// Unsynced sectors of which a crash left a part new and a part old.
    pub sectors_torn: u64,
    /// Unsynced changes of a file's length that a crash lost, whole or in part.
    pub lengths_lost: u64,
    /// Unsynced creations, renames and removals that survived a crash.
    pub names_kept: u64,
    /// Unsynced creations, renames and removals that a crash lost.
    pub names_lost: u64,
    /// Reads that failed.
    pub read_errors: u64,
    /// Reads that gave less than there was.
    pub short_reads: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Syncs, of files or folders, that failed.
    pub sync_errors: u64,
    /// Calls refused because the disk was full.
    pub no_space: u64,
    /// Calls that waited for a latency or a stall.
    pub delays: u64,
    /// Calls refused because the power was cut.
    pub refused: u64,
    /// Bits flipped at rest.
    pub bits_flipped: u64,
    /// Sectors replaced at rest.
    pub sectors_replaced: u64,
}
