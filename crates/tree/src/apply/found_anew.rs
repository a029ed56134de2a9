//! The tree of a backup becomes the beginning of another cluster.

use crate::ensemble::Ensemble;
use crate::error::EpochsUsedUp;
use crate::tree::Tree;
use crate::zxid::Zxid;

/// More sessions than a cluster makes between a backup and its loss: none of the numbers that it gave to those is given again.
const SESSIONS_SKIPPED: u64 = 1 << 32;

impl Tree {
    /// Makes this the first tree of another cluster, which goes on `epochs` epochs later: every session ends, its ephemerals
    /// go as if it had expired, and nobody is a member yet. Later writes have zxids above all of the next `epochs` epochs, so
    /// that clients which have seen what the other cluster did in these are not ahead of this one.
    ///
    /// How many sessions ended.
    ///
    /// # Errors
    /// [`EpochsUsedUp`]; nothing has changed.
    pub fn found_anew(&mut self, epochs: u32) -> Result<usize, EpochsUsedUp> {
        let epoch = i32::try_from(u64::from(self.zxid.epoch()) + u64::from(epochs));
        // One more is left for the first leader.
        let epoch = epoch.ok().filter(|epoch| *epoch < i32::MAX);
        let epoch = epoch.ok_or(EpochsUsedUp { epoch: self.zxid.epoch(), skipped: epochs })?;
        self.zxid = self.zxid.max(Zxid(i64::from(epoch) << 32));
        self.session_counter += SESSIONS_SKIPPED;
        let sessions: Vec<_> = self.sessions().collect();
        for session in &sessions {
            self.expire_session(session.id, session.generation, self.zxid.epoch());
        }
        self.ensemble = Ensemble::default();
        Ok(sessions.len())
    }
}
