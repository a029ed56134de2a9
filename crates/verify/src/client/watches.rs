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

/// The kinds of watches that an event uses up.
pub fn used_by(kind: EventType) -> &'static [WatchKind] {
    match kind {
        EventType::NodeCreated => &[WatchKind::Exist],
        EventType::NodeDataChanged => &[WatchKind::Data],
        EventType::NodeDeleted => &[WatchKind::Data, WatchKind::Child],
        EventType::NodeChildrenChanged => &[WatchKind::Child],
    }
}

impl Watches {
    /// A request was answered.
    pub fn on_outcome(&mut self, op: &Op, outcome: &Outcome) {
        self.0.extend(set_by(op, outcome));
    }

    /// An event arrived. False if nothing waited for it.
    pub fn on_event(&mut self, kind: EventType, path: &Rc<str>) -> bool {
        let used = used_by(kind).iter().filter(|watch| self.0.remove(&(**watch, Rc::clone(path))));
        used.count() > 0
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
