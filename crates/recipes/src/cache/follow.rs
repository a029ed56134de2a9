//! The task that keeps a cache like the tree, from session to session.

use std::sync::Arc;

use bytes::Bytes;
use client::{
    Client, Error, ErrorKind, Event, Node, OneShot, Sessions, Stat, WatchEvent, WatchMode, Watcher,
};
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use tokio::task::unconstrained;

use super::mirror::{Found, Mirror, Read, Watching};
use super::{CacheError, Options, Scope, Shared, Status};
use crate::trouble::{Patience, is_over, may_pass};

/// So many reads are under way at once.
const READS_MAX: usize = 128;

pub(super) struct Follower {
    pub(super) sessions: Sessions,
    pub(super) root: Arc<str>,
    pub(super) options: Options,
    pub(super) shared: Arc<Shared>,
}

/// Why following came to an end.
enum End {
    /// Look again at everything: changes may have been missed.
    Again,
    /// The same, after a failure that may pass.
    Failed(Error),
    /// The session is over.
    Session,
    /// The cache can't go on.
    Fatal(CacheError),
}

type Answer = (Read, Result<Found, Error>, Vec<OneShot>);

impl Follower {
    pub(super) async fn run(self, mut client: Client) {
        let mut patience = Patience::default();
        let failure = loop {
            match self.follow(&client, &mut patience).await {
                End::Again => {}
                End::Failed(error) => {
                    tracing::debug!(path = %self.root, %error, "cache reads everything again");
                    patience.pause(&client).await;
                }
                End::Session => match self.sessions.after(&client).await {
                    Ok(next) => client = next,
                    Err(error) => break CacheError::Client(error),
                },
                End::Fatal(error) => break error,
            }
        };
        self.shared.end(failure);
    }

    /// Follows the tree until a watch or the session ends.
    async fn follow(&self, client: &Client, patience: &mut Patience) -> End {
        match self.begin(client).await {
            Ok(source) => Following::new(self, client, source).run(patience).await,
            Err(error) => end_of(error),
        }
    }

    /// Watches what the cache is about, on a server that has seen all that earlier sessions have.
    async fn begin(&self, client: &Client) -> Result<Source, Error> {
        client.sync(&self.root).await?;
        if !self.options.one_watch {
            return Ok(Source::EachRead(FuturesUnordered::new()));
        }
        let mode = if self.options.scope == Scope::Node { WatchMode::Node } else { WatchMode::Recursive };
        match client.watch(&self.root, mode).await {
            Ok(watcher) => Ok(Source::All(watcher)),
            Err(error) if error.kind == ErrorKind::Unimplemented => {
                Ok(Source::EachRead(FuturesUnordered::new()))
            }
            Err(error) => Err(error),
        }
    }
}

fn end_of(error: Error) -> End {
    match error {
        error if is_over(&error) => End::Session,
        error if may_pass(&error) => End::Failed(error),
        error => End::Fatal(CacheError::Client(error)),
    }
}

/// Where events come from.
enum Source {
    All(Watcher),
    EachRead(FuturesUnordered<BoxFuture<'static, Option<Event>>>),
}

enum Told {
    Event(Event),
    /// Events are missing.
    Gap,
    Over,
}

impl Source {
    async fn next(&mut self) -> Told {
        match self {
            Source::All(watcher) => match watcher.next().await {
                Some(WatchEvent::Changed(event)) => Told::Event(event),
                Some(WatchEvent::Resumed | WatchEvent::Overflowed) => Told::Gap,
                None => Told::Over,
            },
            Source::EachRead(watches) => match watches.next().await {
                Some(Some(event)) => Told::Event(event),
                Some(None) => Told::Over,
                None => std::future::pending().await,
            },
        }
    }

    /// What has been told already. Without the scheduler's say, which may let a task wait though there is something.
    fn ready(&mut self) -> Option<Told> {
        unconstrained(self.next()).now_or_never()
    }
}

/// One go at following the tree.
struct Following<'a> {
    follower: &'a Follower,
    client: &'a Client,
    source: Source,
    mirror: Mirror,
    /// In the order in which they are asked.
    reads: FuturesOrdered<BoxFuture<'static, Answer>>,
}

impl<'a> Following<'a> {
    fn new(follower: &'a Follower, client: &'a Client, source: Source) -> Self {
        let watching = match source {
            Source::All(_) => Watching::All,
            Source::EachRead(_) => Watching::EachRead,
        };
        let mirror = Mirror::new(&follower.root, follower.options.scope, watching);
        Self { follower, client, source, mirror, reads: FuturesOrdered::new() }
    }

    async fn run(mut self, patience: &mut Patience) -> End {
        loop {
            self.ask();
            let answer = tokio::select! {
                biased;
                told = self.source.next() => {
                    if let Some(end) = self.on_told(&told) {
                        return end;
                    }
                    continue;
                }
                Some(answer) = self.reads.next() => answer,
            };
            while let Some(told) = self.source.ready() {
                if let Some(end) = self.on_told(&told) {
                    return end;
                }
            }
            if let Err(end) = self.on_answer(answer) {
                return end;
            }
            if self.mirror.has_walked() {
                patience.renew();
                self.follower.shared.complete();
            }
        }
    }

    fn ask(&mut self) {
        while self.reads.len() < READS_MAX {
            let Some(read) = self.mirror.next_read() else { return };
            let is_watching = matches!(self.source, Source::EachRead(_));
            let with_data = self.follower.options.keep_data;
            let is_root = matches!(&read, Read::Node(path) if *path == self.follower.root);
            let client = self.client.clone();
            self.reads.push_back(Box::pin(async move {
                let read_it = Reading { client: &client, is_watching, with_data, is_root };
                let mut watches = Vec::new();
                let found = match &read {
                    Read::Node(path) => read_it.node(path, &mut watches).await.map(Found::Node),
                    Read::Names(path) => read_it.names(path, &mut watches).await.map(Found::Names),
                };
                (read, found, watches)
            }));
        }
    }

    fn on_told(&mut self, told: &Told) -> Option<End> {
        match told {
            Told::Event(event) => {
                let mut entries = self.follower.shared.entries.lock();
                self.mirror.on_event(event.kind, &event.path, &mut entries);
                None
            }
            Told::Gap => Some(End::Again),
            Told::Over => Some(End::Session),
        }
    }

    fn on_answer(&mut self, (read, found, watches): Answer) -> Result<(), End> {
        if let Source::EachRead(all) = &self.source {
            watches.into_iter().for_each(|watch| all.push(Box::pin(watch.fired())));
        }
        let found = found.map_err(end_of)?;
        let mut entries = self.follower.shared.entries.lock();
        self.mirror.on_answer(read, found, &mut entries);
        let (bytes, bytes_max) = (entries.bytes(), self.follower.options.bytes_max);
        if bytes > bytes_max {
            return Err(End::Fatal(CacheError::TooLarge { bytes, bytes_max }));
        }
        Ok(())
    }
}

/// How to read.
struct Reading<'a> {
    client: &'a Client,
    is_watching: bool,
    with_data: bool,
    is_root: bool,
}

impl Reading<'_> {
    async fn node(&self, path: &str, watches: &mut Vec<OneShot>) -> Result<Option<Node>, Error> {
        let node = match self.there(path, watches).await {
            Err(error) if error.kind == ErrorKind::NoNode => None,
            Err(error) if error.kind == ErrorKind::NoAuth => None,
            other => other?,
        };
        if node.is_none() && self.is_watching && self.is_root {
            // Only a watch on its coming tells of it. If it is there by now, that is told as a change.
            let (stat, watch) = self.client.exists_and_watch(path).await?;
            watches.push(watch);
            return match stat {
                Some(_) => self.client.get(path).await.map(|node| Some(compact(node))),
                None => Ok(None),
            };
        }
        Ok(node)
    }

    async fn there(&self, path: &str, watches: &mut Vec<OneShot>) -> Result<Option<Node>, Error> {
        let node = match (self.is_watching, self.with_data) {
            (false, true) => Some(self.client.get(path).await?),
            (false, false) => self.client.exists(path).await?.map(numbers),
            (true, true) => {
                let (node, watch) = self.client.get_and_watch(path).await?;
                watches.push(watch);
                Some(node)
            }
            (true, false) => {
                let (stat, watch) = self.client.exists_and_watch(path).await?;
                watches.push(watch);
                stat.map(numbers)
            }
        };
        Ok(node.map(compact))
    }

    async fn names(&self, path: &str, watches: &mut Vec<OneShot>) -> Result<Option<Vec<String>>, Error> {
        let names = if self.is_watching {
            self.client.children_and_watch(path).await.map(|((names, _), watch)| {
                watches.push(watch);
                names
            })
        } else {
            self.client.children(path).await.map(|(names, _)| names)
        };
        match names {
            Ok(names) => Ok(Some(names)),
            Err(error) if matches!(error.kind, ErrorKind::NoNode | ErrorKind::NoAuth) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn numbers(stat: Stat) -> Node {
    Node { data: None, stat }
}

/// Data of its own, so that it does not keep in memory all that came with it.
fn compact(node: Node) -> Node {
    Node { data: node.data.map(|data| Bytes::copy_from_slice(&data)), ..node }
}

impl Shared {
    fn complete(&self) {
        self.entries.lock().on_initialized();
        self.status.send_if_modified(|status| {
            let was_filling = matches!(status, Status::Filling);
            if was_filling {
                *status = Status::Complete;
            }
            was_filling
        });
    }

    fn end(&self, failure: CacheError) {
        // Whoever is told that it has ended may ask why.
        self.status.send_replace(Status::Failed(failure));
        self.entries.lock().on_ended();
    }
}
