//! A watch tells of the first change after what its client saw, once, and before any answer that shows the change.

use std::collections::BTreeMap;
use std::rc::Rc;

use zookeeper::codec::EventType;

use super::log::{Change, Entry, State, attached_in_the_end};
use super::{Findings, Log};
use crate::client::{answers_set_watches, set_by, used_by};
use crate::history::{
    Attached, ConnectionId, Event, Fired, History, Op, OpId, Outcome, SessionKey, WatchKind, Write,
};

/// A watch that has not fired.
#[derive(Clone, Copy, Debug)]
struct Armed {
    /// The state that the client saw when it set it.
    since: i64,
    /// Where it is set; `None` while the session has no connection.
    on: Option<ConnectionId>,
}

#[derive(Default)]
struct Sessions {
    armed: BTreeMap<SessionKey, BTreeMap<(WatchKind, Rc<str>), Armed>>,
    connections: BTreeMap<ConnectionId, SessionKey>,
}

pub(super) fn check(history: &History, log: &Log, findings: &mut Findings) {
    let lists = Lists::of(log);
    let mut sessions = Sessions::default();
    for event in &history.events {
        match event {
            Event::Attached(attached) => sessions.on_attached(attached),
            Event::Detached(connection) => sessions.disarm(*connection),
            Event::Completed(id) => sessions.on_reply(history, log, &lists, *id, findings),
            Event::Fired(fired) => sessions.on_event(log, &lists, fired, findings),
            _ => {}
        }
    }
    let attached = attached_in_the_end(history);
    for (session, armed) in sessions.armed.iter().filter(|(session, _)| attached.get(*session) == Some(&true))
    {
        for ((kind, path), watch) in armed {
            if let Some(zxid) = first_change(log, &lists, *kind, path, watch.since) {
                let what = format!(
                    "{session:?} was never told of {zxid:#x}, watching {kind:?} of {path} since {:#x}",
                    watch.since
                );
                findings.add("a watch fires", what);
            }
        }
    }
}

impl Sessions {
    fn on_attached(&mut self, attached: &Attached) {
        self.connections.insert(attached.connection, attached.session);
    }

    fn disarm(&mut self, connection: ConnectionId) {
        let session = self.connections.get(&connection);
        for watch in session.and_then(|session| self.armed.get_mut(session)).into_iter().flatten() {
            watch.1.on = None;
        }
    }

    fn on_reply(&mut self, history: &History, log: &Log, lists: &Lists, id: OpId, findings: &mut Findings) {
        let record = history.op(id);
        let Some(zxid) = record.zxid() else { return };
        let armed = self.armed.entry(record.session).or_default();
        if matches!((&record.op, &record.outcome), (Op::SetWatches { .. }, Outcome::Ok { .. })) {
            for ((kind, path), watch) in armed.iter_mut() {
                watch.on = Some(record.connection);
                // A znode that came and went while nobody listened leaves nothing by which the server could tell.
                let is_there = matches!(log.state(path, zxid), State::Present(_));
                let may_be_gone = || log.may_have(history, path, record.completed, is_delete);
                if *kind == WatchKind::Exist && (!is_there || may_be_gone()) {
                    watch.since = watch.since.max(zxid);
                }
            }
        }
        for ((kind, path), watch) in armed.iter().filter(|(_, watch)| watch.on == Some(record.connection)) {
            if let Some(change) =
                first_change(log, lists, *kind, path, watch.since).filter(|change| *change <= zxid)
            {
                let what =
                    format!("{id:?} showed {zxid:#x} before the event of {change:#x} ({kind:?} of {path})");
                findings.add("an event comes before what it announces", what);
            }
        }
        if let Some(key) = set_by(&record.op, &record.outcome) {
            let new = Armed { since: zxid, on: Some(record.connection) };
            let watch = armed.entry(key).or_insert(new);
            watch.on = Some(record.connection);
        }
    }

    fn on_event(&mut self, log: &Log, lists: &Lists, fired: &Fired, findings: &mut Findings) {
        let Some(session) = self.connections.get(&fired.connection) else { return };
        let armed = self.armed.entry(*session).or_default();
        for kind in used_by(fired.kind) {
            let Some(watch) = armed.remove(&(*kind, Rc::clone(&fired.path))) else { continue };
            // Events of changes that were missed while there was no connection do not name them.
            if answers_set_watches(fired.zxid) {
                break;
            }
            if watch.on.is_none() {
                continue;
            }
            if fired.zxid <= watch.since {
                let what = format!(
                    "{:?} of {} in {:#x} was told to a watch set at {:#x}",
                    fired.kind, fired.path, fired.zxid, watch.since
                );
                findings.add("a watch tells of what comes after it", what);
            }
            match first_change(log, lists, *kind, &fired.path, watch.since) {
                Some(change) if change < fired.zxid => {
                    let what = format!(
                        "{session:?} was told of {:#x} and not of {change:#x}, watching {kind:?} of {}",
                        fired.zxid, fired.path
                    );
                    findings.add("a watch tells of the first change", what);
                }
                _ => {}
            }
            check_kind(log, fired, findings);
        }
    }
}

fn is_delete(write: &Write) -> bool {
    matches!(write, Write::Delete { .. })
}

/// The event is of the change that its transaction made.
fn check_kind(log: &Log, fired: &Fired, findings: &mut Findings) {
    let Some(timeline) = log.timelines.get(&fired.path) else { return };
    let Some(entry) = timeline.entries.iter().find(|entry| entry.zxid == fired.zxid) else { return };
    let fits = match fired.kind {
        EventType::NodeCreated => matches!(entry.change, Change::Created { .. }),
        EventType::NodeDataChanged => matches!(entry.change, Change::Set { .. }),
        EventType::NodeDeleted => entry.change == Change::Deleted,
        EventType::NodeChildrenChanged => true,
    };
    if !fits {
        let what = format!("{:?} of {} was told of {entry:?}", fired.kind, fired.path);
        findings.add("an event says what happened", what);
    }
}

/// Changes of each parent's list of children, in order.
struct Lists(BTreeMap<Rc<str>, Vec<i64>>);

impl Lists {
    fn of(log: &Log) -> Self {
        let mut lists: BTreeMap<Rc<str>, Vec<i64>> = BTreeMap::new();
        for (path, timeline) in &log.timelines {
            let Some((parent, _)) = path.rsplit_once('/') else { continue };
            let coming_and_going =
                timeline.entries.iter().filter(|entry| !matches!(entry.change, Change::Set { .. }));
            lists.entry(parent.into()).or_default().extend(coming_and_going.map(|entry| entry.zxid));
        }
        lists.values_mut().for_each(|changes| changes.sort_unstable());
        Self(lists)
    }

    fn first_after(&self, path: &str, since: i64) -> Option<i64> {
        let changes = self.0.get(path)?;
        changes.get(changes.partition_point(|zxid| *zxid <= since)).copied()
    }
}

/// The first change that certainly happened after `since` and that such a watch tells of.
fn first_change(log: &Log, lists: &Lists, kind: WatchKind, path: &str, since: i64) -> Option<i64> {
    let tells = |entry: &&Entry| match kind {
        WatchKind::Data => matches!(entry.change, Change::Set { .. } | Change::Deleted),
        WatchKind::Exist => matches!(entry.change, Change::Created { .. }),
        WatchKind::Child => entry.change == Change::Deleted,
    };
    let own = log.timelines.get(path).and_then(|timeline| {
        let from = timeline.entries.partition_point(|entry| entry.zxid <= since);
        timeline.entries[from..].iter().find(tells).map(|entry| entry.zxid)
    });
    let children = lists.first_after(path, since).filter(|_| kind == WatchKind::Child);
    own.into_iter().chain(children).min()
}
