//! Whether a quorum answers the leader, and what a leader does that is good for nothing.
//!
//! A network that is cut one way lets a leader's heartbeats out and no answers in. It can commit nothing, and its
//! followers, who hear it, elect nobody. So a leader that no quorum has answered for a while says nothing for so long that
//! its followers' lease runs out and another is elected. Then it speaks again, in case nobody was, and so on. Raft's
//! dissertation (6.2) has such a leader step down; openraft has no way to, and need not: silence costs a leader
//! nothing that nobody answers. So does one whose disk is stuck: it holds the others to itself by its heartbeats, and can't give
//! them what it has only on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use journal::Journal;
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use runtime::{Clock, Instant};
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;
use tracing::warn;

use crate::group::Leadership;
use crate::identity::NodeId;
use crate::raft::Raft;

/// On the leader: how long ago it sent what a quorum has answered. `None` if none has answered yet.
pub(crate) fn unanswered_for(raft: &Raft, node: NodeId) -> Option<Duration> {
    if is_alone(raft, node) {
        return Some(Duration::ZERO);
    }
    raft.metrics().borrow_watched().last_quorum_acked.map(|acked| acked.elapsed())
}

/// Whether this node is the only voter.
fn is_alone(raft: &Raft, node: NodeId) -> bool {
    let metrics = raft.server_metrics();
    metrics.borrow_watched().membership_config.voter_ids().all(|voter| voter == node.0)
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

/// Makes a leader that nobody answers, or whose disk is stuck, fall silent; looks after a group for ever.
pub(crate) struct SilenceKeeper {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) raft: Raft,
    pub(crate) journal: Journal,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) silence: Silence,
    pub(crate) times: SilenceTimes,
}

/// When a leader falls silent.
pub(crate) struct SilenceTimes {
    /// How long it speaks without an answer.
    pub(crate) unanswered_max: Duration,
    /// How long its disk may take for one batch.
    pub(crate) stuck_max: Duration,
    /// How long it is silent then: enough for a lease to run out and an election.
    pub(crate) pause: Duration,
}

/// The batch that the journal is writing, and since when.
type Seen = Option<(u64, Instant)>;

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
        let mut batch = None;
        while !self.ends_within(self.times.unanswered_max / LOOKS, led).await? {
            batch = self.look_at_disk(batch);
            let Some(why) = self.reason(speaks_since, batch) else { continue };
            warn!(term = led.term, why, "this leader is silent now, so that the others may elect another");
            self.silence.keep(true);
            if self.ends_within(self.times.pause, led).await? {
                break;
            }
            self.silence.keep(false);
            speaks_since = self.clock.now();
        }
        Ok(())
    }

    fn look_at_disk(&self, seen: Seen) -> Seen {
        let number = self.journal.batch_under_way()?;
        seen.filter(|(known, _)| *known == number).or_else(|| Some((number, self.clock.now())))
    }

    /// Why it should be silent, if it should.
    fn reason(&self, speaks_since: Instant, batch: Seen) -> Option<&'static str> {
        if is_alone(&self.raft, self.node) {
            return None;
        }
        let now = self.clock.now();
        let unanswered = unanswered_for(&self.raft, self.node).unwrap_or(Duration::MAX);
        let unanswered = unanswered.min(now.saturating_since(speaks_since));
        let is_stuck = batch.is_some_and(|(_, since)| now.saturating_since(since) > self.times.stuck_max);
        if is_stuck {
            return Some("the disk is stuck");
        }
        (unanswered > self.times.unanswered_max).then_some("no quorum answers")
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
