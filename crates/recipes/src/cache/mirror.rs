//! What a cache has to read, decided from what it is told. No IO.
//!
//! Two orders make it right, and `follow` keeps both. Every event that the server sent before an answer is handed in before that
//! answer, so that an event that is handed in later tells of something later. Answers are handed in in the order in which they
//! were asked for, so that what the entries hold is never newer than the answer that is handed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::{EventType, Node};

use super::Scope;
use super::entries::Entries;
use crate::paths;

/// Something to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Read {
    /// A znode.
    Node(Arc<str>),
    /// The names of its children.
    Names(Arc<str>),
}

/// What was read; `None` if there is no such znode, or the client may not read it.
pub(super) enum Found {
    Node(Option<Node>),
    Names(Option<Vec<String>>),
}

/// How changes come to be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Watching {
    /// One watch tells of the whole scope, from before the first read on.
    All,
    /// Each read sets a watch on what it reads, and nothing else tells of it.
    EachRead,
}

/// Whether what was read is to be followed downwards, as far as the scope goes.
type Walk = bool;

pub(super) struct Mirror {
    root: Arc<str>,
    scope: Scope,
    watching: Watching,
    due_nodes: BTreeMap<Arc<str>, Walk>,
    due_names: BTreeMap<Arc<str>, Walk>,
    asked_nodes: BTreeMap<Arc<str>, Asked>,
    asked_names: BTreeMap<Arc<str>, Asked>,
}

/// A read whose answer has not come.
struct Asked {
    walk: Walk,
    /// Something has happened since that the answer may not tell of.
    again: Option<Walk>,
    /// The znode was deleted since.
    is_deleted: bool,
}

impl Mirror {
    /// One that is about to read everything in its scope.
    pub(super) fn new(root: &Arc<str>, scope: Scope, watching: Watching) -> Self {
        let (asked_nodes, asked_names, due_names) = Default::default();
        let due_nodes = BTreeMap::from([(Arc::clone(root), true)]);
        Self { root: Arc::clone(root), scope, watching, due_nodes, due_names, asked_nodes, asked_names }
    }

    /// Whether everything has been read once since the beginning.
    pub(super) fn has_walked(&self) -> bool {
        let due = || self.due_nodes.values().chain(self.due_names.values()).any(|walk| *walk);
        let asked = || {
            let all = self.asked_nodes.values().chain(self.asked_names.values());
            all.into_iter().any(|asked| asked.walk || asked.again == Some(true))
        };
        !due() && !asked()
    }

    /// The next thing to read, if any.
    pub(super) fn next_read(&mut self) -> Option<Read> {
        if let Some((path, walk)) = self.due_names.pop_first() {
            self.asked_names.insert(Arc::clone(&path), Asked::new(walk));
            return Some(Read::Names(path));
        }
        let (path, walk) = self.due_nodes.pop_first()?;
        self.asked_nodes.insert(Arc::clone(&path), Asked::new(walk));
        Some(Read::Node(path))
    }

    pub(super) fn on_event(&mut self, kind: EventType, path: &Arc<str>, entries: &mut Entries) {
        if !self.covers(path) {
            return;
        }
        match kind {
            EventType::NodeCreated => self.want_node(path, self.watching == Watching::EachRead),
            EventType::NodeDataChanged => self.want_node(path, false),
            EventType::NodeDeleted => {
                entries.remove(path);
                if let Some(asked) = self.asked_nodes.get_mut(path) {
                    asked.is_deleted = true;
                }
                if self.watching == Watching::EachRead && *path == self.root {
                    // Nothing else would tell that it is back.
                    self.want_node(path, true);
                }
            }
            EventType::NodeChildrenChanged if self.watching == Watching::EachRead => {
                self.want_names(path, false)
            }
            EventType::NodeChildrenChanged => {}
        }
    }

    pub(super) fn on_answer(&mut self, read: Read, found: Found, entries: &mut Entries) {
        match (read, found) {
            (Read::Node(path), Found::Node(node)) => self.on_node(&path, node, entries),
            (Read::Names(path), Found::Names(names)) => self.on_names(&path, names, entries),
            _ => unreachable!("what is found is what was read"),
        }
    }

    fn on_node(&mut self, path: &Arc<str>, node: Option<Node>, entries: &mut Entries) {
        let asked = self.asked_nodes.remove(path).expect("it was asked for");
        if asked.is_deleted {
            // What was found may be what was deleted.
            return self.want_node(path, asked.walk || asked.again == Some(true));
        }
        match node {
            None => entries.remove(path),
            Some(node) => {
                let has_children = node.stat.children > 0;
                if self.holds(path) {
                    entries.put(path, node);
                }
                if asked.walk && self.lists(path) {
                    if has_children || self.watching == Watching::EachRead {
                        self.want_names(path, true);
                    } else {
                        entries.remove_below(path);
                    }
                }
            }
        }
        if let Some(walk) = asked.again {
            self.want_node(path, walk);
        }
    }

    fn on_names(&mut self, path: &Arc<str>, names: Option<Vec<String>>, entries: &mut Entries) {
        let asked = self.asked_names.remove(path).expect("they were asked for");
        let names: BTreeSet<String> = names.unwrap_or_default().into_iter().collect();
        let held: Vec<Arc<str>> =
            paths::children(entries.nodes(), path).map(|(path, _)| Arc::clone(path)).collect();
        for gone in held.iter().filter(|held| !names.contains(paths::name(held))) {
            entries.remove(gone);
        }
        for name in names {
            let child: Arc<str> = paths::child(path, &name).into();
            if asked.walk || !entries.nodes().contains_key(&child) {
                let walk = asked.walk || self.watching == Watching::EachRead;
                self.want_node(&child, walk);
            }
        }
        if let Some(walk) = asked.again {
            self.want_names(path, walk);
        }
    }

    fn want_node(&mut self, path: &Arc<str>, walk: Walk) {
        want(&mut self.asked_nodes, &mut self.due_nodes, path, walk);
    }

    fn want_names(&mut self, path: &Arc<str>, walk: Walk) {
        want(&mut self.asked_names, &mut self.due_names, path, walk);
    }

    /// Whether the cache holds this znode.
    fn holds(&self, path: &str) -> bool {
        self.covers(path) && !(self.scope == Scope::Children && *path == *self.root)
    }

    /// Whether the cache wants to know of this znode.
    fn covers(&self, path: &str) -> bool {
        match self.scope {
            Scope::Node => *path == *self.root,
            Scope::Children => *path == *self.root || paths::parent(path) == Some(&self.root),
            Scope::Tree => paths::is_within(&self.root, path),
        }
    }

    /// Whether it wants to know of the znode's children.
    fn lists(&self, path: &str) -> bool {
        match self.scope {
            Scope::Node => false,
            Scope::Children => *path == *self.root,
            Scope::Tree => true,
        }
    }
}

impl Asked {
    fn new(walk: Walk) -> Self {
        Self { walk, again: None, is_deleted: false }
    }
}

fn want(
    asked: &mut BTreeMap<Arc<str>, Asked>,
    due: &mut BTreeMap<Arc<str>, Walk>,
    path: &Arc<str>,
    walk: Walk,
) {
    match asked.get_mut(path) {
        Some(asked) => asked.again = Some(asked.again.unwrap_or(false) || walk),
        None => *due.entry(Arc::clone(path)).or_default() |= walk,
    }
}

#[cfg(test)]
mod tests;
