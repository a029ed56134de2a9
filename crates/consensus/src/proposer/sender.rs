//! Brings the outbox to whoever leads.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use runtime::Clock;
use tokio::sync::watch;

use super::Outbox;
use crate::group::Leadership;
use crate::identity::NodeId;
use crate::wire;

/// The way to a leader: this node's own sequencer, or a peer link.
pub(crate) trait LeaderLink: Send + Sync {
    /// Hands a proposal over; waits while the way is busy. `Err`: it may be lost, and so may those before it.
    fn hand_over(&self, leader: NodeId, proposal: wire::Proposal) -> BoxFuture<'_, Result<(), Lost>>;
    /// A number that changes whenever what was handed over before may be lost.
    fn connection(&self, leader: NodeId) -> u64;
}

/// What was handed over may not arrive.
#[derive(Debug)]
pub(crate) struct Lost;

/// Runs for the life of the group.
///
/// Everything unanswered is sent again when the leader changes, when the connection to it was lost, and, in case a
/// message vanished in a way that nothing showed, when nothing was applied for `patience`.
pub(crate) async fn run_sender(
    clock: Clock,
    outbox: Arc<Outbox>,
    mut leadership: watch::Receiver<Leadership>,
    link: Arc<dyn LeaderLink>,
    patience: Duration,
) {
    let mut sent_by: Option<Way> = None;
    let mut seen_applied = outbox.waiting().0;
    loop {
        let now = *leadership.borrow_and_update();
        if let Some(leader) = now.leader {
            let way = Way { leader, term: now.term, connection: link.connection(leader) };
            if sent_by != Some(way) {
                outbox.rewind();
                sent_by = Some(way);
            }
            if hand_over_all(&outbox, &*link, leader).await.is_err() {
                sent_by = None;
            }
        }
        let (applied, waiting) = outbox.waiting();
        let sleep = match (waiting, sent_by) {
            (0, _) => IDLE,
            (_, None) => RETRY,
            (_, Some(_)) => patience,
        };
        tokio::select! {
            biased;
            changed = leadership.changed() => if changed.is_err() { return },
            () = outbox.wake(), if sent_by.is_some() || waiting == 0 => {}
            () = clock.sleep(sleep) => {
                if waiting > 0 && applied == seen_applied {
                    outbox.rewind();
                }
                seen_applied = applied;
            }
        }
    }
}

/// How the proposals went; when any of it changes, those under way may be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Way {
    leader: NodeId,
    term: u64,
    connection: u64,
}

/// How soon a way to the leader is looked for again.
const RETRY: Duration = Duration::from_millis(10);
/// With nothing under way there is nothing to look after.
const IDLE: Duration = Duration::from_secs(3600);

async fn hand_over_all(outbox: &Outbox, link: &dyn LeaderLink, leader: NodeId) -> Result<(), Lost> {
    while let Some(proposal) = outbox.take() {
        link.hand_over(leader, proposal).await?;
    }
    Ok(())
}
