//! Requests about watches.

use bytes::BytesMut;
use control::{CloseReason, View, WatchesFull};
use tree::WatchKind;

use crate::codec::{
    AddWatch, AddWatchMode, ErrorCode, EventType, PathWatcherType, SetWatches, SetWatches2, WatcherEvent,
    WatcherType, put_event_frame,
};

/// Events that answer a request have no transaction.
const NO_ZXID: i64 = -1;

/// There is no code for too many watches; this one says that a limit was reached, and clients know it.
pub(super) fn no_room(_: WatchesFull) -> ErrorCode {
    ErrorCode::QUOTA_EXCEEDED
}

/// Whether there is room for all the watches that a client brings with it. If not, its connection ends, and it tries another
/// node: client libraries do not look at the answer, and would go on without their watches.
pub(super) fn may_set(one_shot: &SetWatches<'_>, others: Option<&SetWatches2<'_>>, view: &View<'_>) -> bool {
    let others = others.into_iter().flat_map(|all| all.persistent.iter().chain(&all.persistent_recursive));
    let one_shot = one_shot.data.iter().chain(&one_shot.exist).chain(&one_shot.child);
    let has_room = view.check_watches(one_shot.chain(others).map(|path| &**path)).is_ok();
    if !has_room {
        view.close(CloseReason::WatchesFull);
    }
    has_room
}

/// Of a client that has reconnected: registers the watches whose events are still to come, and sends the events that have happened since
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
        None => view.watch_unchecked(path, kind),
        Some(kind) => put_event_frame(NO_ZXID, &WatcherEvent { kind, path }, out),
    }
}

/// As [`set_watches`]; persistent ones are registered, and nobody hears what happened meanwhile.
pub(crate) fn set_watches2(watches: &SetWatches2<'_>, view: &View<'_>, out: &mut BytesMut) {
    set_watches(&watches.one_shot, view, out);
    watches.persistent.iter().for_each(|path| view.watch_unchecked(path, WatchKind::Persistent));
    watches
        .persistent_recursive
        .iter()
        .for_each(|path| view.watch_unchecked(path, WatchKind::PersistentRecursive));
}

/// The path need not exist, and access control is not asked: it is asked for each event.
pub(crate) fn add_watch(add: &AddWatch<'_>, view: &View<'_>) -> Result<(), ErrorCode> {
    let kind = match add.mode {
        AddWatchMode::Persistent => WatchKind::Persistent,
        AddWatchMode::PersistentRecursive => WatchKind::PersistentRecursive,
    };
    view.watch(add.path, kind).map_err(no_room)
}

/// The watches that a request to check or remove some is about. `Data` stands for those of existence too.
fn meant(kind: WatcherType) -> &'static [WatchKind] {
    match kind {
        WatcherType::Children => &[WatchKind::Child],
        WatcherType::Data => &[WatchKind::Data],
        WatcherType::Persistent => &[WatchKind::Persistent],
        WatcherType::PersistentRecursive => &[WatchKind::PersistentRecursive],
        WatcherType::Any => {
            &[WatchKind::Child, WatchKind::Data, WatchKind::Persistent, WatchKind::PersistentRecursive]
        }
    }
}

/// Whether this connection has one of them.
pub(crate) fn check_watches(check: &PathWatcherType<'_>, view: &View<'_>) -> Result<(), ErrorCode> {
    let has_one = meant(check.kind).iter().any(|kind| view.is_watched(check.path, *kind));
    if has_one { Ok(()) } else { Err(ErrorCode::NO_WATCHER) }
}

/// Removes all of them that this connection has. No event tells of it.
pub(crate) fn remove_watches(remove: &PathWatcherType<'_>, view: &View<'_>) -> Result<(), ErrorCode> {
    let removed = meant(remove.kind).iter().filter(|kind| view.unwatch(remove.path, **kind)).count();
    if removed > 0 { Ok(()) } else { Err(ErrorCode::NO_WATCHER) }
}
