//! The leader's process is gone: somebody else leads, without waiting for the lease to run out.
//!
//! Raft finds out by silence, which takes most of a second. But when a process dies, and its machine does not, the machine
//! says so: it refuses connections where the process listened. Then a follower stands at once, with the mark by which
//! others give their vote though they have heard the leader lately (Raft's dissertation, 4.2.3). The lease keeps
//! disturbances away and nothing rests on it: reads ask a quorum. A machine that has lost power, and a network that is cut,
//! say nothing, and the lease decides.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::TransferLeaderRequest;
use runtime::Clock;
use tokio::sync::watch;
use tracing::info;

use crate::group::Leadership;
use crate::identity::NodeId;
use crate::peers::{Lane, Peers};
use crate::raft::Raft;

/// What a node gives those before it for being elected.
const TURN: Duration = Duration::from_millis(60);
/// How long a node that stood waits for what comes of it. It also keeps a network that refuses connections to a leader
/// which lives from unseating one after another.
const PAUSE: Duration = Duration::from_secs(2);

/// Looks after a group for ever.
pub(crate) struct Succession {
    pub(crate) node: NodeId,
    pub(crate) clock: Clock,
    pub(crate) raft: Raft,
    pub(crate) peers: Arc<Peers>,
    pub(crate) leadership: watch::Receiver<Leadership>,
}

impl Succession {
    pub(crate) async fn run(mut self) {
        loop {
            let now = *self.leadership.borrow_and_update();
            let leader = now.leader.filter(|leader| *leader != self.node);
            let link = leader.and_then(|leader| self.peers.known_link(leader, Lane::Control));
            let refused = async {
                match &link {
                    Some(link) => link.refused().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.leadership.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                () = refused => {}
            }
            if self.stand(now).await.is_err() {
                return;
            }
        }
    }

    /// Stands for election unless somebody is elected first. An error means that the group has stopped.
    async fn stand(&mut self, now: Leadership) -> Result<(), watch::error::RecvError> {
        let Some(rank) = self.rank(now.leader) else { return self.others(now, PAUSE).await.map(drop) };
        if self.others(now, TURN * rank).await? {
            return Ok(());
        }
        let (vote, applied) = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            (metrics.vote, metrics.last_applied)
        };
        if vote.leader_id.term != now.term {
            return Ok(());
        }
        info!(leader = ?now.leader, "the leader's process is gone; standing for election");
        let request = TransferLeaderRequest::new(vote, self.node.0, applied);
        // It refuses nothing that this node has applied; and a group that has stopped ends the leadership's channel.
        let _ = self.raft.handle_transfer_leader(request).await;
        self.others(now, PAUSE).await.map(drop)
    }

    /// How many voters stand before this node does: those with a lower number. None if it does not vote.
    fn rank(&self, leader: Option<NodeId>) -> Option<u32> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let mut rank = 0;
        let mut votes = false;
        for voter in metrics.membership_config.voter_ids() {
            votes |= voter == self.node.0;
            rank += u32::from(voter < self.node.0 && Some(NodeId(voter)) != leader);
        }
        votes.then_some(rank)
    }

    /// Whether the leadership changes within `patience`.
    async fn others(&mut self, now: Leadership, patience: Duration) -> Result<bool, watch::error::RecvError> {
        let changed = self.leadership.wait_for(|later| *later != now);
        match self.clock.timeout(patience, changed).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(closed)) => Err(closed),
            Err(_) => Ok(false),
        }
    }
}
