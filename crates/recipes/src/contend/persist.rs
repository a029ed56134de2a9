//! Asking until there is an answer.

use std::time::Duration;

use client::{Client, Error};

/// Before what failed for a passing reason is tried again. The client itself waits for servers; this is so that one that
/// fails at once is not asked in a circle.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks again what failed for a passing reason, until the session is over. For requests that do no harm when they happen twice.
pub(crate) async fn persist<T, F>(client: &Client, mut ask: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    loop {
        match ask().await {
            Err(error) if error.is_passing() => pause(client).await,
            done => return done,
        }
    }
}

pub(crate) async fn pause(client: &Client) {
    client.runtime().clock.sleep(PAUSE).await;
}
