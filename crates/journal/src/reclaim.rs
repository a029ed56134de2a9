//! Emptying old segments: what is still needed of them is written again at the tail, so that they can be freed.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::JournalError;
use crate::read::{Plan, Wanted};
use crate::shared::Shared;
use crate::state::{Done, Found, Sweep};

/// Bytes moved at once: little enough that callers hardly notice them in a batch.
const PIECE_BYTES: usize = 1 << 20;

/// The task: empties segments while files take much more than what is needed.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        let victim = shared.state().segments.victim();
        let emptied = match victim {
            Some(segment) => empty(&shared, segment).await,
            None => {
                shared.reclaim.notified().await;
                continue;
            }
        };
        match emptied {
            Ok(()) => {}
            Err(error) => {
                shared.stop(error);
                return;
            }
        }
    }
}

/// Moves everything that is needed out of `segment`; completes when it is durable elsewhere.
async fn empty(shared: &Shared, segment: u64) -> Result<(), JournalError> {
    let mut sweep = Sweep::new(segment);
    loop {
        let found = shared.state().sweep(&mut sweep, PIECE_BYTES);
        let ended = found.is_none();
        let entries = load(shared, found.unwrap_or_default()).await?;
        move_and_wait(shared, entries).await?;
        if ended {
            return Ok(());
        }
    }
}

/// The entries that were found, from memory or disk. Leaves out those that have gone meanwhile.
async fn load(shared: &Shared, mut found: Vec<Found>) -> Result<Vec<(Found, Bytes)>, JournalError> {
    loop {
        let plan = {
            let state = shared.state();
            found.retain(|found| state.is_at(found.group, found.index, found.location));
            let on_disk = found.iter().filter(|found| found.entry.is_none());
            let wanted = on_disk.map(|found| Wanted {
                group: found.group,
                index: found.index,
                location: found.location,
            });
            Plan::new(&state, wanted.collect())
        };
        if let Some(read) = plan.read(shared).await.map_err(JournalError::unreadable)? {
            return Ok(join(found, read));
        }
    }
}

/// Each of `found` with its entry: those that were in memory have it, the others are in `read`, in order.
fn join(found: Vec<Found>, read: Vec<Bytes>) -> Vec<(Found, Bytes)> {
    let mut read = read.into_iter();
    let mut entry = |found: &mut Found| found.entry.take().or_else(|| read.next());
    found.into_iter().filter_map(|mut found| entry(&mut found).map(|entry| (found, entry))).collect()
}

async fn move_and_wait(shared: &Shared, entries: Vec<(Found, Bytes)>) -> Result<(), JournalError> {
    let (sender, receiver) = oneshot::channel();
    let done: Done = Box::new(move |result| {
        // The receiver is gone when the journal is.
        let _ = sender.send(result);
    });
    shared.change(|state| state.move_entries(entries, done));
    receiver.await.unwrap_or(Err(JournalError::Closed))
}
