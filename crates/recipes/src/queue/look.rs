//! What waits in a queue, and a word when that changes.

use std::collections::BTreeSet;
use std::time::Duration;

use client::{Acl, Client, Error, ErrorKind, OneShot};

use super::kind_of_parents;
use super::layout::{Entry, Layout};
use crate::parents::ensure;

/// A queue at one moment.
pub(super) struct Look {
    /// In the order in which they are taken.
    entries: Vec<Entry>,
    changed: Vec<OneShot>,
    now_ms: i64,
}

impl Look {
    /// What waits below `path`, without what is held below `taken`.
    pub(super) async fn at(
        client: &Client,
        path: &str,
        layout: Layout,
        taken: Option<&str>,
    ) -> Result<Self, Error> {
        let mut changed = Vec::new();
        // Before the items, so that an item is never seen without its hold, when both are removed in one step.
        let held: BTreeSet<String> = match taken {
            Some(taken) => list(client, taken, layout, &mut changed).await?.into_iter().collect(),
            None => BTreeSet::new(),
        };
        let names = list(client, path, layout, &mut changed).await?;
        let free = names.iter().filter(|name| !held.contains(*name));
        let mut entries: Vec<Entry> = free.filter_map(|name| layout.entry(name)).collect();
        entries.sort_unstable();
        Ok(Self { entries, changed, now_ms: client.runtime().clock.wall_ms() })
    }

    /// Those that may be taken now.
    pub(super) fn ready(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().take_while(|entry| entry.not_before_ms <= self.now_ms)
    }

    /// Waits until something changes, or the next item may be taken, or the session ends.
    pub(super) async fn wait(self, client: &Client) {
        let due = self.entries.iter().find(|entry| entry.not_before_ms > self.now_ms);
        let clock = &client.runtime().clock;
        let until_due = async {
            match due {
                Some(entry) => {
                    let ms = u64::try_from(entry.not_before_ms - self.now_ms).unwrap_or(0);
                    clock.sleep(Duration::from_millis(ms).min(LONGEST)).await;
                }
                None => std::future::pending().await,
            }
        };
        let changed =
            futures::future::select_all(self.changed.into_iter().map(|watch| Box::pin(watch.fired())));
        tokio::select! {
            biased;
            _ = changed => {}
            () = until_due => {}
        }
    }
}

/// People set clocks: nobody relies on one for longer.
const LONGEST: Duration = Duration::from_secs(60);

async fn list(
    client: &Client,
    path: &str,
    layout: Layout,
    changed: &mut Vec<OneShot>,
) -> Result<Vec<String>, Error> {
    loop {
        match client.children_and_watch(path).await {
            Ok(((names, _), watch)) => {
                changed.push(watch);
                return Ok(names);
            }
            Err(error) if error.kind == ErrorKind::NoNode => {
                ensure(client, path, kind_of_parents(layout), &Acl::open()).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
