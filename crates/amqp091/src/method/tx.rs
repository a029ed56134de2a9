//! Class 90: transactions of one channel.

use super::arguments::arguments;

arguments! {
    /// From now on publishes and acknowledgements wait for a commit.
    Select {}
    /// The answer.
    SelectOk {}
    /// Carries them out.
    Commit {}
    /// The answer.
    CommitOk {}
    /// Drops them.
    Rollback {}
    /// The answer.
    RollbackOk {}
}
