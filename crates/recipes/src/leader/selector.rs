//! Running something while one is the leader.

use client::{Client, Error, Sessions};

use super::leadership::Leadership;
use crate::contend::{AcquireError, Loss};
use crate::lock::{Lock, Naming, Participant};

/// A candidate that does something while it leads, and lets others lead when it is done: Curator's `LeaderSelector` and, with
/// [`Naming::Kazoo`], kazoo's `Election`. Both are locks at the path, with the candidate's id as data.
///
/// ```no_run
/// # async fn example(sessions: client::Sessions) -> Result<(), client::Error> {
/// let selector = recipes::Selector::new(&sessions, "/scheduler/leader", "host-1");
/// let led = selector.lead(async |leadership| println!("epoch {}", leadership.token())).await?;
/// # Ok(())
/// # }
/// ```
///
/// What is promised, and when two may believe that they lead, is told at the [module](self).
#[derive(Clone)]
pub struct Selector {
    sessions: Sessions,
    path: String,
    id: String,
    naming: Naming,
}

/// How a leadership ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Led<T> {
    /// The work was done while it lasted.
    Done(T),
    /// It was lost, and the work was dropped, wherever it was.
    Lost(Loss),
}

impl Selector {
    /// A candidate at `path`, known to others as `id`. It does not stand for election yet.
    pub fn new(sessions: &Sessions, path: &str, id: &str) -> Self {
        Self { sessions: sessions.clone(), path: path.to_owned(), id: id.to_owned(), naming: Naming::Curator }
    }

    /// Names the candidate's znodes so.
    #[must_use]
    pub fn named(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }

    /// Stands for election until it leads, however many sessions that takes, then does `work` while it leads. The work's future is
    /// dropped when the leadership is lost; work that goes on elsewhere, in a task or a process, has to be stopped by what
    /// is dropped, or by [`Leadership::lost`]. When it is done, the leadership is given up. To stand again, call this again.
    ///
    /// If the future is dropped, so is the work, and the znode is deleted in the background.
    ///
    /// # Errors
    /// When the sessions were closed, or the server refuses.
    pub async fn lead<T>(&self, work: impl AsyncFnOnce(Leadership) -> T) -> Result<Led<T>, Error> {
        loop {
            let client = self.sessions.client().await?;
            let guard = match self.lock(&client).acquire().await {
                Ok(guard) => guard,
                // In the next session, or at the end of the queue.
                Err(_) if client.is_over() => continue,
                Err(AcquireError::Removed { .. }) => continue,
                Err(AcquireError::Client(error)) => return Err(error),
            };
            let leadership = Leadership(guard.0.hold().clone());
            let led = tokio::select! {
                biased;
                loss = guard.lost() => Led::Lost(loss),
                done = work(leadership) => Led::Done(done),
            };
            match led {
                Led::Done(_) => guard.release().await?,
                // Without waiting for servers, who may not be there.
                Led::Lost(_) => drop(guard),
            }
            return Ok(led);
        }
    }

    /// Who stands for election, the leader first, as a server knows it.
    ///
    /// # Errors
    /// When there is no session, or the server refuses.
    pub async fn participants(&self) -> Result<Vec<Participant>, Error> {
        let client = self.sessions.client().await?;
        self.lock(&client).participants().await
    }

    fn lock(&self, client: &Client) -> Lock {
        Lock::new(client, &self.path).named(self.naming).with_data(self.id.as_bytes())
    }
}
