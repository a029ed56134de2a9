//! The watches that are set, by the server's paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use jute::{ErrorCode, EventType, SetWatches2, WatcherEvent, Xid};
use tokio::sync::{mpsc, oneshot};

use super::ask::Registration;
use crate::path::above;
use crate::watch::{Event, WatchEvent, WatchMode};

type OneShots = BTreeMap<Arc<str>, Vec<oneshot::Sender<Event>>>;
type Persistent = BTreeMap<Arc<str>, Vec<mpsc::Sender<WatchEvent>>>;

pub(super) struct Registry {
    chroot: Arc<str>,
    data: OneShots,
    exist: OneShots,
    child: OneShots,
    node: Persistent,
    recursive: Persistent,
}

/// Bytes of paths in one frame that sets watches again, as the Java client has it.
const BATCH_BYTES: usize = 128 * 1024;

impl Registry {
    pub(super) fn new(chroot: &str) -> Self {
        let (data, exist, child) = Default::default();
        Self { chroot: chroot.into(), data, exist, child, node: BTreeMap::new(), recursive: BTreeMap::new() }
    }

    /// A request that sets a watch was answered with `error`.
    pub(super) fn on_answer(&mut self, registration: Registration, error: ErrorCode) {
        let ok = error == ErrorCode::OK;
        let (table, path, sender) = match registration {
            Registration::Data(path, sender) if ok => (&mut self.data, path, sender),
            Registration::Exists(path, sender) if ok => (&mut self.data, path, sender),
            Registration::Exists(path, sender) if error == ErrorCode::NO_NODE => {
                (&mut self.exist, path, sender)
            }
            Registration::Child(path, sender) if ok => (&mut self.child, path, sender),
            Registration::Persistent(path, mode, sender) if ok => {
                let table = if mode == WatchMode::Node { &mut self.node } else { &mut self.recursive };
                let watchers = table.entry(path).or_default();
                watchers.retain(|watcher| !watcher.is_closed());
                return watchers.push(sender);
            }
            _ => return,
        };
        let watchers = table.entry(path).or_default();
        watchers.retain(|watcher| !watcher.is_closed());
        watchers.push(sender);
    }

    /// A server tells of an event.
    pub(super) fn on_event(&mut self, zxid: i64, event: &WatcherEvent<'_>) {
        let path = Arc::from(above(&self.chroot, event.path));
        let told = Event { kind: event.kind, path, zxid };
        let tables: &mut [&mut OneShots] = match event.kind {
            EventType::NodeCreated => &mut [&mut self.exist, &mut self.data],
            EventType::NodeDataChanged => &mut [&mut self.data, &mut self.exist],
            EventType::NodeDeleted => &mut [&mut self.data, &mut self.exist, &mut self.child],
            EventType::NodeChildrenChanged => &mut [&mut self.child],
        };
        for table in tables {
            for watcher in table.remove(event.path).into_iter().flatten() {
                // It may have been dropped.
                let _ = watcher.send(told.clone());
            }
        }
        tell(&mut self.node, event.path, &WatchEvent::Changed(told.clone()));
        if event.kind != EventType::NodeChildrenChanged {
            for ancestor in itself_and_ancestors(event.path) {
                tell(&mut self.recursive, ancestor, &WatchEvent::Changed(told.clone()));
            }
        }
    }

    /// The requests that set everything again on a connection whose server is told of `seen`, in frames of a bounded size.
    pub(super) fn put_again(&mut self, seen: i64, mut put: impl FnMut(Xid, &jute::Request<'_>)) {
        self.forget_dropped();
        let mut batch = SetWatches2::default();
        batch.one_shot.relative_zxid = seen;
        let mut bytes = 0;
        let mut flush = |batch: &mut SetWatches2<'_>, bytes: &mut usize| {
            if *bytes > 0 {
                put(Xid::SET_WATCHES, &request(std::mem::take(batch)));
                batch.one_shot.relative_zxid = seen;
                *bytes = 0;
            }
        };
        for (kind, path) in self.paths() {
            let list = match kind {
                Kind::Data => &mut batch.one_shot.data,
                Kind::Exist => &mut batch.one_shot.exist,
                Kind::Child => &mut batch.one_shot.child,
                Kind::Node => &mut batch.persistent,
                Kind::Recursive => &mut batch.persistent_recursive,
            };
            list.push(path);
            bytes += path.len() + 4;
            if bytes >= BATCH_BYTES {
                flush(&mut batch, &mut bytes);
            }
        }
        flush(&mut batch, &mut bytes);
    }

    /// Persistent watches may have missed something.
    pub(super) fn on_resumed(&mut self) {
        for table in [&mut self.node, &mut self.recursive] {
            let paths: Vec<Arc<str>> = table.keys().cloned().collect();
            for path in paths {
                tell(table, &path, &WatchEvent::Resumed);
            }
        }
    }

    fn forget_dropped(&mut self) {
        for table in [&mut self.data, &mut self.exist, &mut self.child] {
            table.retain(|_, watchers| watchers.iter().any(|watcher| !watcher.is_closed()));
        }
        for table in [&mut self.node, &mut self.recursive] {
            table.retain(|_, watchers| watchers.iter().any(|watcher| !watcher.is_closed()));
        }
    }

    fn paths(&self) -> impl Iterator<Item = (Kind, &str)> {
        let data = self.data.keys().map(|path| (Kind::Data, &**path));
        let exist = self.exist.keys().map(|path| (Kind::Exist, &**path));
        let child = self.child.keys().map(|path| (Kind::Child, &**path));
        let node = self.node.keys().map(|path| (Kind::Node, &**path));
        let recursive = self.recursive.keys().map(|path| (Kind::Recursive, &**path));
        data.chain(exist).chain(child).chain(node).chain(recursive)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Data,
    Exist,
    Child,
    Node,
    Recursive,
}

/// Servers before 3.6 know only the older request, which has no place for persistent watches.
fn request(batch: SetWatches2<'_>) -> jute::Request<'_> {
    if batch.persistent.is_empty() && batch.persistent_recursive.is_empty() {
        jute::Request::SetWatches(batch.one_shot)
    } else {
        jute::Request::SetWatches2(batch)
    }
}

/// Tells the watchers of `path`. One whose queue is full hears so, in the place that is kept for it, and no more.
fn tell(table: &mut Persistent, path: &str, event: &WatchEvent) {
    let Some(watchers) = table.get_mut(path) else { return };
    watchers.retain(|watcher| {
        let last = watcher.capacity() <= 1;
        let event = if last { WatchEvent::Overflowed } else { event.clone() };
        watcher.try_send(event).is_ok() && !last
    });
    if watchers.is_empty() {
        table.remove(path);
    }
}

fn itself_and_ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| match path.rfind('/') {
        Some(0) if path.len() > 1 => Some("/"),
        Some(at) if at > 0 => Some(&path[..at]),
        _ => None,
    })
}
