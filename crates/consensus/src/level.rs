//! Which commands may stand in a group's log: those that the binary of every member can apply.
//!
//! A cluster is upgraded node by node, so two versions run side by side for a while, and a command that the older one does
//! not know would stop its nodes. Therefore a group has a *level*, a number in its replicated state, which is in every
//! snapshot. A command that needs a higher one is not proposed; what commands need is the state machine's matter, which
//! is told the level with every entry. Each binary states in its greeting up to which level it can apply commands. When all
//! members state a higher level than the group's, the leader raises it by an entry of its own. It never goes down: whoever
//! can't apply it does not start, and is refused by its peers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use parking_lot::Mutex;
use prost::Message;
use runtime::Clock;
use tokio::sync::{SetOnce, watch};
use tracing::{info, warn};

use crate::group::Leadership;
use crate::identity::NodeId;
use crate::peers::{Lane, Peers};
use crate::raft::{BatchBytes, Raft, Reply, Window, committed_leader};
use crate::storage::Progress;
use crate::{Refused, wire};

/// A level of commands, and a version of the program that can apply them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// From 1 up; whoever can apply one can apply all below.
    pub number: u32,
    /// A version that is new enough; empty if nobody has said.
    pub version: String,
}

impl Default for Level {
    /// Where every group begins, and what binaries of before there were levels can apply.
    fn default() -> Self {
        Self { number: 1, version: String::new() }
    }
}

impl Level {
    pub(crate) fn from_wire(level: Option<wire::Level>) -> Self {
        let stated = level.map(|wire::Level { number, version }| Self { number, version });
        stated.filter(|level| level.number > 0).unwrap_or_default()
    }

    pub(crate) fn to_wire(&self) -> wire::Level {
        wire::Level { number: self.number, version: self.version.clone() }
    }
}

/// This binary can't apply all that a group may have in its log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the cluster is at level {needed} of commands, and this version, {version}, applies them up to level {own}; \
     start version {wanted} or a newer one"
)]
pub(crate) struct TooOld {
    needed: u32,
    own: u32,
    version: String,
    wanted: String,
}

/// What this node's binary can apply, and what it must be able to apply.
pub(crate) struct Gate {
    own: Level,
    /// The highest of all groups here.
    in_force: Mutex<Level>,
    /// What a peer has refused this node for.
    refused: SetOnce<TooOld>,
}

impl Gate {
    pub(crate) fn new(own: Level) -> Self {
        Self { own, in_force: Mutex::default(), refused: SetOnce::new() }
    }

    pub(crate) fn own(&self) -> &Level {
        &self.own
    }

    /// A group has this level from now on.
    pub(crate) fn raise(&self, level: &Level) -> Result<(), TooOld> {
        self.check_own(level)?;
        let mut in_force = self.in_force.lock();
        if level.number > in_force.number {
            in_force.clone_from(level);
        }
        Ok(())
    }

    fn check_own(&self, needed: &Level) -> Result<(), TooOld> {
        if needed.number <= self.own.number {
            return Ok(());
        }
        Err(TooOld {
            needed: needed.number,
            own: self.own.number,
            version: self.own.version.clone(),
            wanted: needed.version.clone(),
        })
    }

    /// A peer of this cluster refuses this node because it must be able to apply so much. No other will have it either.
    pub(crate) fn note_refusal(&self, needed: &Level) {
        if let Err(too_old) = self.check_own(needed) {
            // It is enough to know once.
            let _ = self.refused.set(too_old);
        }
    }

    /// Completes when a peer has refused this node for its level, and says so.
    pub(crate) async fn refused(&self) -> String {
        self.refused.wait().await.to_string()
    }

    /// The level that peers must be able to apply.
    pub(crate) fn needed(&self) -> Level {
        self.in_force.lock().clone()
    }

    /// Whether a peer can apply what there is.
    pub(crate) fn check(&self, node: NodeId, stated: &Level) -> Result<(), Refused> {
        let in_force = self.in_force.lock();
        if stated.number >= in_force.number {
            return Ok(());
        }
        Err(Refused::Level {
            node,
            theirs: stated.number,
            needed: in_force.number,
            wanted: in_force.version.clone(),
        })
    }
}

/// How often a leader looks whether all members can apply more.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Raises the level of a group while this node leads it.
pub(crate) struct Raiser {
    pub(crate) node: NodeId,
    pub(crate) gate: Arc<Gate>,
    pub(crate) clock: Clock,
    pub(crate) raft: Raft,
    pub(crate) peers: Arc<Peers>,
    pub(crate) leadership: watch::Receiver<Leadership>,
    pub(crate) progress: watch::Receiver<Progress>,
}

impl Raiser {
    /// Runs for the life of the group.
    pub(crate) async fn run(mut self) {
        let window = Arc::new(Window::default());
        loop {
            let now = *self.leadership.borrow_and_update();
            let may_rise = now.is_self && self.level() < self.gate.own.number;
            if may_rise && let Some(level) = self.due() {
                if !self.raise(now.term, &level, &window).await {
                    return;
                }
                continue;
            }
            let changed = self.leadership.changed();
            let changed = if may_rise {
                self.clock.timeout(LOOK_EVERY, changed).await.unwrap_or(Ok(()))
            } else {
                changed.await
            };
            if changed.is_err() {
                return;
            }
        }
    }

    fn level(&self) -> u32 {
        self.progress.borrow().level
    }

    /// The level that all members can apply, if it is above the group's. One that is not connected says nothing.
    fn due(&self) -> Option<Level> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let mut lowest = self.gate.own.clone();
        for (node, _) in metrics.membership_config.nodes() {
            if *node != self.node.0 {
                let stated = self.peers.known_link(NodeId(*node), Lane::Control)?.stated_level()?;
                if stated.number < lowest.number {
                    lowest = stated;
                }
            }
        }
        (lowest.number > self.level()).then_some(lowest)
    }

    /// Puts it into the log; completes when that is decided, or another leader is known. False if the group has stopped.
    async fn raise(&mut self, term: u64, level: &Level, window: &Arc<Window>) -> bool {
        info!(level = level.number, version = level.version, "all members can apply more; raising the level");
        let batch =
            wire::Batch { time_ms: self.clock.wall_ms(), level: Some(level.to_wire()), ..Default::default() };
        let write = self
            .raft
            .write(BatchBytes(Bytes::from(batch.encode_to_vec())))
            .responder(Reply::in_window(window))
            .with_leader(committed_leader(term));
        if let Err(error) = write.await {
            warn!(%error, "can't raise the level");
            return false;
        }
        tokio::select! {
            biased;
            changed = self.leadership.changed() => changed.is_ok(),
            () = window.below(1) => {
                // Refused: this node will learn that it leads no longer.
                self.clock.sleep(LOOK_EVERY).await;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(number: u32) -> Level {
        Level { number, version: format!("{number}.0") }
    }

    #[test]
    fn who_states_nothing_can_apply_the_first_level() {
        assert_eq!(Level::from_wire(None), Level::default());
        assert_eq!(Level::from_wire(Some(wire::Level::default())), Level::default());
        assert_eq!(Level::from_wire(Some(level(3).to_wire())), level(3));
    }

    #[test]
    fn a_level_goes_up_and_turns_away_whoever_is_below() {
        let gate = Gate::new(level(3));
        assert_eq!(gate.check(NodeId(2), &Level::default()), Ok(()));
        gate.raise(&level(2)).unwrap();
        let refused = gate.check(NodeId(2), &Level::default()).unwrap_err();
        assert!(refused.to_string().contains("start version 2.0 or a newer one"), "{refused}");
        assert_eq!(gate.check(NodeId(2), &level(2)), Ok(()));
        // Another group's, or an entry that is applied again.
        gate.raise(&level(1)).unwrap();
        assert!(gate.check(NodeId(2), &level(1)).is_err(), "it never goes down");
    }

    #[test]
    fn a_binary_does_not_go_beyond_what_it_can_apply() {
        let gate = Gate::new(level(2));
        let too_old = gate.raise(&level(3)).unwrap_err();
        assert!(too_old.to_string().contains("start version 3.0 or a newer one"), "{too_old}");
        assert_eq!(gate.check(NodeId(2), &level(1)), Ok(()), "nothing has changed");
    }
}
