//! Standing for election for as long as the process wants to.

use std::sync::Arc;
use std::time::Duration;

use client::{Acl, Client, Error, Sessions};
use runtime::{Pool, Task};
use tokio::sync::watch;

use super::leadership::Leadership;
use crate::contend::{AcquireError, Held, LATCHES, NodeNaming, Queue, Staking};
use crate::lock::{Participant, list_participants};

/// A candidate that stands for election until it leaves, from one session to the next: Curator's `LeaderLatch`, with the same znodes,
/// `P/_c_<uuid>-latch-<number>`, whose data is the candidate's id. The candidate that has waited longest leads.
///
/// ```no_run
/// # async fn example(sessions: client::Sessions) {
/// let latch = recipes::Latch::join(&sessions, "/scheduler/leader", "host-1");
/// while let Some(leadership) = latch.leader().await {
///     println!("leading with epoch {}", leadership.token());
///     println!("no longer: {}", leadership.lost().await);
/// }
/// # }
/// ```
///
/// What is promised, and when two may believe that they lead, is told at the [module](self). A leader that loses its leadership stands
/// for election again, at the end of the queue. Dropping the latch leaves in the background.
pub struct Latch {
    state: watch::Receiver<Option<Leadership>>,
    leaving: watch::Sender<bool>,
    candidacy: Candidacy,
    keeper: Task,
}

#[derive(Clone)]
struct Candidacy {
    sessions: Sessions,
    path: Arc<str>,
    id: Arc<[u8]>,
}

/// How a candidacy in one session ended.
enum Stood {
    Left,
    Lost,
}

/// After what failed for a reason that may not pass by itself, such as a missing permission.
const PAUSE: Duration = Duration::from_secs(1);

impl Latch {
    /// Stands for election at `path`, known to others as `id`.
    pub fn join(sessions: &Sessions, path: &str, id: &str) -> Self {
        let (sender, state) = watch::channel(None);
        let (leaving, is_leaving) = watch::channel(false);
        let candidacy = Candidacy { sessions: sessions.clone(), path: path.into(), id: id.as_bytes().into() };
        let keeper = sessions.runtime().spawn(Pool::Clients, candidacy.clone().keep(sender, is_leaving));
        Self { state, leaving, candidacy, keeper }
    }

    /// The leadership of this candidate, if it leads as far as can be known without asking a server.
    pub fn leadership(&self) -> Option<Leadership> {
        self.state.borrow().clone().filter(|leadership| leadership.check().is_ok())
    }

    /// Waits until this candidate leads. `None` when the sessions that it was given were closed.
    pub async fn leader(&self) -> Option<Leadership> {
        let mut state = self.state.clone();
        let is_leader = |state: &Option<Leadership>| state.as_ref().is_some_and(|of| of.check().is_ok());
        state.wait_for(is_leader).await.ok().and_then(|state| state.clone())
    }

    /// What there is to follow: `Some` from when this candidate leads until it is told that it does not. A value that was read some
    /// time ago may be out of date: [`Leadership::check`] tells.
    pub fn changes(&self) -> watch::Receiver<Option<Leadership>> {
        self.state.clone()
    }

    /// Who stands for election, the leader first, as a server knows it.
    ///
    /// # Errors
    /// When there is no session, or the server refuses.
    pub async fn participants(&self) -> Result<Vec<Participant>, Error> {
        let client = self.candidacy.sessions.client().await?;
        list_participants(&self.candidacy.queue(&client)).await
    }

    /// Stands for election no longer; done when the server has said so, or the session is over.
    pub async fn leave(self) {
        self.leaving.send_replace(true);
        self.keeper.join().await;
    }
}

impl Candidacy {
    fn queue(&self, client: &Client) -> Queue {
        let staking = Staking {
            client: client.clone(),
            parent: Arc::clone(&self.path),
            naming: NodeNaming::Curator,
            data: Arc::clone(&self.id),
            acl: Acl::open().into(),
        };
        Queue { staking, marker: LATCHES[0], markers: LATCHES }
    }

    /// Stands for election in one session after another, until it is told to leave or there are no more sessions.
    async fn keep(self, state: watch::Sender<Option<Leadership>>, mut leaving: watch::Receiver<bool>) {
        loop {
            let client = tokio::select! {
                biased;
                _ = leaving.wait_for(|leaving| *leaving) => return,
                client = self.sessions.client() => client,
            };
            let Ok(client) = client else { return };
            match self.stand(&client, &state, &mut leaving).await {
                Ok(Stood::Left) => return,
                Ok(Stood::Lost) => {}
                Err(error) => self.on_failure(&client, &error).await,
            }
        }
    }

    /// Stands for election once, and leads until that is lost.
    async fn stand(
        &self,
        client: &Client,
        state: &watch::Sender<Option<Leadership>>,
        leaving: &mut watch::Receiver<bool>,
    ) -> Result<Stood, AcquireError> {
        let queue = self.queue(client);
        let claim = tokio::select! {
            biased;
            // The attempt takes its znode away by itself.
            _ = leaving.wait_for(|leaving| *leaving) => return Ok(Stood::Left),
            claim = queue.stake() => claim?,
        };
        let is_first = tokio::select! {
            biased;
            _ = leaving.wait_for(|leaving| *leaving) => false,
            reached = queue.reach_front(&claim) => reached.map(|()| true)?,
        };
        if !is_first {
            // What can't be deleted ends with the session.
            let _ = claim.withdraw().await;
            return Ok(Stood::Left);
        }
        let held = Held::by(claim);
        state.send_replace(Some(Leadership(held.hold().clone())));
        let loss = tokio::select! {
            biased;
            _ = leaving.wait_for(|leaving| *leaving) => None,
            loss = held.hold().lost() => Some(loss),
        };
        state.send_replace(None);
        if let Some(loss) = loss {
            tracing::info!(path = %self.path, token = %held.hold().token(), %loss, "leadership lost");
            return Ok(Stood::Lost);
        }
        let _ = held.release().await;
        Ok(Stood::Left)
    }

    async fn on_failure(&self, client: &Client, error: &AcquireError) {
        if client.is_over() {
            return;
        }
        tracing::warn!(path = %self.path, %error, "can't stand for election, will try again");
        self.sessions.runtime().clock.sleep(PAUSE).await;
    }
}
