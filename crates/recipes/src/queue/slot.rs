//! What was being taken when the taker's future was dropped.

use std::pin::Pin;

use client::{Client, Sessions};
use runtime::Pool;
use tokio::sync::{Mutex, MutexGuard, oneshot};

use super::QueueError;
use crate::trouble::{Patience, may_pass};

type Outcome<T> = Result<Option<T>, QueueError>;

/// Keeps what takes effect, though nobody waits for it any more, for whoever comes next.
pub(super) struct Slot<T>(Mutex<Option<oneshot::Receiver<Outcome<T>>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

/// The slot, while somebody takes.
pub(super) struct Filling<'a, T> {
    under_way: MutexGuard<'a, Option<oneshot::Receiver<Outcome<T>>>>,
    sessions: &'a Sessions,
}

/// Who takes.
pub(super) trait Taker<T> {
    /// Takes in one session, each step that has an effect by [`Filling::run`].
    fn take_in(
        &self,
        client: &Client,
        slot: &mut Filling<'_, T>,
    ) -> impl Future<Output = Result<T, QueueError>> + Send;
}

impl<T: Send + 'static> Slot<T> {
    /// What a dropped future has left, or else what `taker` takes in one session or the next. One at a time.
    pub(super) async fn fill(&self, sessions: &Sessions, taker: &impl Taker<T>) -> Result<T, QueueError> {
        let mut filling = Filling { under_way: self.0.lock().await, sessions };
        if let Some(left) = filling.wait().await? {
            return Ok(left);
        }
        let mut patience = Patience::default();
        loop {
            let client = sessions.client().await?;
            match taker.take_in(&client, &mut filling).await {
                Err(QueueError::Client(error)) if may_pass(&error) => patience.pause(&client).await,
                taken => return taken,
            }
        }
    }
}

impl<T: Send + 'static> Filling<'_, T> {
    /// Runs `work` to its end, whether anybody waits for it or not.
    pub(super) async fn run(
        &mut self,
        work: impl Future<Output = Outcome<T>> + Send + 'static,
    ) -> Outcome<T> {
        let (sender, receiver) = oneshot::channel();
        *self.under_way = Some(receiver);
        let work = async move {
            // If nobody will ever ask, what was taken is dropped, and does then what it does when dropped.
            let _ = sender.send(work.await);
        };
        self.sessions.runtime().spawn(Pool::Clients, work).detach();
        self.wait().await
    }

    /// What is under way, if anything.
    async fn wait(&mut self) -> Outcome<T> {
        let Some(receiver) = self.under_way.as_mut() else { return Ok(None) };
        let outcome = Pin::new(receiver).await;
        *self.under_way = None;
        outcome.unwrap_or(Ok(None))
    }
}
