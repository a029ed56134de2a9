//! Whether a quorum answers the leader, and what the leader does when none does.
//!
//! A network that is cut one way lets a leader's heartbeats out and no answers in. It can commit nothing, and its
//! followers, who hear it, elect nobody. So a leader that no quorum has answered for a while says nothing for so long that
//! its followers' lease runs out and another is elected. Then it speaks again, in case nobody was, and so on. Raft's
//! dissertation (6.2) has such a leader step down; openraft has no way to, and need not: silence costs a leader
//! nothing that nobody answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use runtime::Clock;
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;
use tracing::warn;

use crate::group::Leadership;
use crate::identity::NodeId;
use crate::raft::Raft;

/// On the leader: how long ago it sent what a quorum has answered. `None` if none has answered yet.
pub(crate) fn unanswered_for(raft: &Raft, node: NodeId) -> Option<Duration> {
    let metrics = raft.metrics();
    let metrics = metrics.borrow_watched();
    let is_alone = metrics.membership_config.voter_ids().all(|voter| voter == node.0);
    if is_alone {
        return Some(Duration::ZERO);
    }
    metrics.last_quorum_acked.map(|acked| acked.elapsed())
}

/// Whether a group's leader says nothing for now. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Silence(Arc<AtomicBool>);

impl Silence {
    pub(crate) fn is_kept(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn keep(&self, kept: bool) {
        self.0.store(kept, Ordering::Relaxed);
    }
}

/// Makes a leader that nobody answers fall silent; looks after a group for ever.
pub(crate) struct SilenceKeeper {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) raft: Raft,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) silence: Silence,
    /// How long it speaks without an answer.
    pub(crate) patience: Duration,
    /// How long it is silent then: enough for a lease to run out and an election.
    pub(crate) pause: Duration,
}

impl SilenceKeeper {
    pub(crate) async fn run(mut self) {
        while let Ok(led) = self.leadership.wait_for(|now| now.is_self).await.map(|led| *led) {
            let watched = self.watch(led).await;
            self.silence.keep(false);
            if watched.is_err() {
                return;
            }
        }
    }

    /// Returns when the leadership `led` has ended. An error means that the group has stopped.
    async fn watch(&mut self, led: Leadership) -> Result<(), RecvError> {
        const LOOKS: u32 = 8;
        let mut speaks_since = self.clock.now();
        while !self.ends_within(self.patience / LOOKS, led).await? {
            let spoken = self.clock.now().saturating_since(speaks_since);
            let unanswered = unanswered_for(&self.raft, self.node).unwrap_or(Duration::MAX);
            if spoken.min(unanswered) < self.patience {
                continue;
            }
            warn!(
                term = led.term,
                "no quorum answers this leader: it is silent, so that the others may elect another"
            );
            self.silence.keep(true);
            if self.ends_within(self.pause, led).await? {
                break;
            }
            self.silence.keep(false);
            speaks_since = self.clock.now();
        }
        Ok(())
    }

    async fn ends_within(&mut self, time: Duration, led: Leadership) -> Result<bool, RecvError> {
        let changed = self.leadership.wait_for(|now| *now != led);
        match self.clock.timeout(time, changed).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(closed)) => Err(closed),
            Err(_) => Ok(false),
        }
    }
}
