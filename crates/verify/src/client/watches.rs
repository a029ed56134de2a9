//! The one-shot watches that a client waits for.

use std::collections::BTreeSet;
use std::rc::Rc;

use zookeeper::codec::{ErrorCode, EventType};

use crate::history::{Failure, Op, Outcome, WatchKind};

/// Watches that are set and have not fired.
#[derive(Default, Clone, Debug)]
pub struct Watches(BTreeSet<(WatchKind, Rc<str>)>);

/// The watch that a request set, given what came of it.
pub fn set_by(op: &Op, outcome: &Outcome) -> Option<(WatchKind, Rc<str>)> {
    let ok = matches!(outcome, Outcome::Ok { .. });
    let no_node = matches!(outcome, Outcome::Failed { failure: Failure::Code(ErrorCode::NO_NODE), .. });
    match op {
        Op::Get { path, watch: true } if ok => Some((WatchKind::Data, Rc::clone(path))),
        Op::Exists { path, watch: true } if ok => Some((WatchKind::Data, Rc::clone(path))),
        Op::Exists { path, watch: true } if no_node => Some((WatchKind::Exist, Rc::clone(path))),
        Op::Children { path, watch: true } if ok => Some((WatchKind::Child, Rc::clone(path))),
        _ => None,
    }
}

/// The kinds of watches that can wait for an event. A transaction's uses up all of them, one that answers `setWatches` only
/// the first that there is ([`answers_set_watches`]).
pub fn used_by(kind: EventType) -> &'static [WatchKind] {
    match kind {
        EventType::NodeCreated => &[WatchKind::Exist],
        EventType::NodeDataChanged => &[WatchKind::Data],
        EventType::NodeDeleted => &[WatchKind::Data, WatchKind::Child],
        EventType::NodeChildrenChanged => &[WatchKind::Child],
    }
}

/// Whether an event tells of what was missed while there was no connection. Each watch gets one of its own then, so that
/// a client that watched data and children of a znode that is gone hears twice of it, from ZooKeeper too.
pub fn answers_set_watches(zxid: i64) -> bool {
    zxid < 0
}

impl Watches {
    /// A request was answered.
    pub fn on_outcome(&mut self, op: &Op, outcome: &Outcome) {
        self.0.extend(set_by(op, outcome));
    }

    /// An event arrived. False if nothing waited for it.
    pub fn on_event(&mut self, zxid: i64, kind: EventType, path: &Rc<str>) -> bool {
        let most = if answers_set_watches(zxid) { 1 } else { usize::MAX };
        let used = used_by(kind).iter().filter(|watch| self.0.remove(&(**watch, Rc::clone(path))));
        used.take(most).count() > 0
    }

    /// The session is over.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Paths whose data is watched.
    pub fn data(&self) -> impl Iterator<Item = &str> {
        self.of(WatchKind::Data)
    }

    /// Paths whose creation is waited for.
    pub fn exist(&self) -> impl Iterator<Item = &str> {
        self.of(WatchKind::Exist)
    }

    /// Paths whose children are watched.
    pub fn child(&self) -> impl Iterator<Item = &str> {
        self.of(WatchKind::Child)
    }

    fn of(&self, kind: WatchKind) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(watch, _)| *watch == kind).map(|(_, path)| &**path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_and_children() -> Watches {
        Watches([WatchKind::Data, WatchKind::Child].map(|kind| (kind, "/a".into())).into())
    }

    #[test]
    fn a_deletion_is_told_once() {
        let mut watches = data_and_children();
        assert!(watches.on_event(7, EventType::NodeDeleted, &"/a".into()));
        assert!(!watches.on_event(7, EventType::NodeDeleted, &"/a".into()));
    }

    #[test]
    fn a_deletion_that_was_missed_is_told_to_each_watch() {
        let mut watches = data_and_children();
        assert!(watches.on_event(-1, EventType::NodeDeleted, &"/a".into()));
        assert!(watches.on_event(-1, EventType::NodeDeleted, &"/a".into()));
        assert!(!watches.on_event(-1, EventType::NodeDeleted, &"/a".into()));
    }
}
