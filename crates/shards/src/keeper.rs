//! What the leader of a shard does by itself: it lets time pass where something waits for it, and takes back what the
//! consumers of nodes hold that are gone. Both are commands like any other; a second leader that does the same does no harm.

use std::sync::Arc;
use std::time::Duration;

use runtime::{BoxFuture, Clock};
use streams::{Command, Op, Owner};
use tokio::sync::watch;

use crate::replica::Replica;

/// Knows which owners of consumers are gone.
pub trait Owners: Send + Sync {
    /// Those of `owners` whose sessions have certainly ended. One that began before the call is never among them while it
    /// lives.
    fn gone(&self, owners: Vec<Owner>) -> BoxFuture<'_, Vec<Owner>>;
    /// Changes when sessions may have ended.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// How soon it is looked again whether owners are gone, should nobody have said so.
const OWNERS_LOOK: Duration = Duration::from_secs(5);

impl Replica {
    /// Runs for as long as the node does.
    pub async fn keep(self: Arc<Self>, clock: Clock, owners: Arc<dyn Owners>) {
        tokio::join!(self.let_time_pass(&clock), self.release_the_gone(&clock, &*owners));
    }

    /// The state machine has no clock: someone has to come when the next thing is due.
    async fn let_time_pass(&self, clock: &Clock) {
        let mut leads = self.log().leads();
        let mut applied = self.applied();
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            applied.mark_unchanged();
            let due = self.read(streams::Shard::next_deadline_ms);
            let until_due = async {
                match due {
                    Some(due) => {
                        let left = due.saturating_sub(clock.wall_ms()).max(0);
                        clock.sleep(Duration::from_millis(left.unsigned_abs())).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = applied.changed() => if changed.is_err() { return },
                () = until_due => {
                    self.propose(&Command { ops: vec![Op::Tick] }, None);
                    // A leader that can't commit has no use for more of these.
                    if applied.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn release_the_gone(&self, clock: &Clock, owners: &dyn Owners) {
        let mut leads = self.log().leads();
        let mut changes = owners.changes();
        loop {
            if leads.wait_for(|leads| *leads).await.is_err() {
                return;
            }
            changes.mark_unchanged();
            let known = self.owners();
            if !known.is_empty() {
                let gone = owners.gone(known).await;
                if !gone.is_empty() {
                    let ops = gone.into_iter().map(|owner| Op::Gone { owner }).collect();
                    self.propose(&Command { ops }, None);
                }
            }
            if let Ok(Err(_)) = clock.timeout(OWNERS_LOOK, changes.changed()).await {
                return;
            }
        }
    }
}
