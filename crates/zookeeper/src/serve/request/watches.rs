//! Watches of a client that has reconnected: what has changed meanwhile is an event at once.

use bytes::BytesMut;
use control::View;
use tree::WatchKind;

use crate::codec::{EventType, SetWatches, WatcherEvent, put_event_frame};

/// Events that answer a request have no transaction.
const NO_ZXID: i64 = -1;

/// Registers the watches whose events are still to come, and sends the events that have happened since
/// `relative_zxid`. Access control is not asked: the watches were set when it allowed them.
pub(crate) fn set_watches(watches: &SetWatches<'_>, view: &View<'_>, out: &mut BytesMut) {
    let since = watches.relative_zxid;
    let stat = |path: &str| view.tree().stat_unchecked(path);
    for path in &watches.data {
        let happened = match stat(path) {
            None => Some(EventType::NodeDeleted),
            Some(stat) => (stat.mzxid.0 > since).then_some(EventType::NodeDataChanged),
        };
        settle(path, WatchKind::Data, happened, view, out);
    }
    for path in &watches.exist {
        let happened = stat(path).map(|_| EventType::NodeCreated);
        settle(path, WatchKind::Exists, happened, view, out);
    }
    for path in &watches.child {
        let happened = match stat(path) {
            None => Some(EventType::NodeDeleted),
            Some(stat) => (stat.pzxid.0 > since).then_some(EventType::NodeChildrenChanged),
        };
        settle(path, WatchKind::Child, happened, view, out);
    }
}

fn settle(path: &str, kind: WatchKind, happened: Option<EventType>, view: &View<'_>, out: &mut BytesMut) {
    match happened {
        None => view.watch(path, kind),
        Some(kind) => put_event_frame(NO_ZXID, &WatcherEvent { kind, path }, out),
    }
}
