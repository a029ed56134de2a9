//! What a cache holds, and who is told of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use client::Node;

use super::changes::{Listener, is_successor};
use crate::paths;

/// What a znode costs beside its path and data, roughly: its numbers, and its place in the tree.
const ENTRY_BYTES: usize = 160;

#[derive(Default)]
pub(super) struct Entries {
    nodes: BTreeMap<Arc<str>, Node>,
    bytes: usize,
    listeners: Vec<Weak<Listener>>,
    is_initialized: bool,
    is_ended: bool,
    /// How often something that is told of has changed.
    generation: u64,
}

impl Entries {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    pub(super) fn nodes(&self) -> &BTreeMap<Arc<str>, Node> {
        &self.nodes
    }

    /// About how much memory the content takes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_initialized(&self) -> bool {
        self.is_initialized
    }

    /// A listener that is told everything from here on, and first of what is there.
    pub(super) fn listen(&mut self) -> Arc<Listener> {
        let listener = Arc::new(Listener::default());
        for (path, node) in &self.nodes {
            listener.tell(path, None, Some(node));
        }
        if self.is_initialized {
            listener.tell_initialized();
        }
        if self.is_ended {
            listener.tell_ended();
        }
        self.listeners.retain(|listener| listener.strong_count() > 0);
        self.listeners.push(Arc::downgrade(&listener));
        listener
    }

    /// A znode was seen. Its list of children and of access are no part of what is told of.
    pub(super) fn put(&mut self, path: &Arc<str>, node: Node) {
        let old = self.nodes.get(path);
        let is_same = |old: &Node| old.stat.czxid == node.stat.czxid && old.stat.mzxid == node.stat.mzxid;
        if !old.is_some_and(is_same) {
            self.generation += 1;
            tell(&self.listeners, path, old, Some(&node));
        }
        self.bytes += cost(path, &node);
        if let Some(old) = self.nodes.insert(Arc::clone(path), node) {
            self.bytes -= cost(path, &old);
        }
    }

    /// A znode is gone, and so is all below it.
    pub(super) fn remove(&mut self, path: &str) {
        self.remove_below(path);
        let Some((path, old)) = self.nodes.remove_entry(path) else { return };
        self.bytes -= cost(&path, &old);
        self.generation += 1;
        tell(&self.listeners, &path, Some(&old), None);
    }

    /// A znode has no children. The deepest go first.
    pub(super) fn remove_below(&mut self, path: &str) {
        let gone: Vec<Arc<str>> = paths::below(&self.nodes, path).map(|(path, _)| Arc::clone(path)).collect();
        for path in gone.iter().rev() {
            let old = self.nodes.remove(path).expect("it was there just now");
            self.bytes -= cost(path, &old);
            self.generation += 1;
            tell(&self.listeners, path, Some(&old), None);
        }
    }

    pub(super) fn on_initialized(&mut self) {
        if !std::mem::replace(&mut self.is_initialized, true) {
            self.listeners.iter().filter_map(Weak::upgrade).for_each(|listener| listener.tell_initialized());
        }
    }

    /// Nothing will change here any more.
    pub(super) fn on_ended(&mut self) {
        self.is_ended = true;
        self.listeners.iter().filter_map(Weak::upgrade).for_each(|listener| listener.tell_ended());
    }
}

/// One znode in the place of another is told of as an end and a beginning.
fn tell(listeners: &[Weak<Listener>], path: &Arc<str>, old: Option<&Node>, new: Option<&Node>) {
    let is_another = matches!((old, new), (Some(old), Some(new)) if !is_successor(old, new));
    for listener in listeners.iter().filter_map(Weak::upgrade) {
        if is_another {
            listener.tell(path, old, None);
            listener.tell(path, None, new);
        } else {
            listener.tell(path, old, new);
        }
    }
}

fn cost(path: &str, node: &Node) -> usize {
    ENTRY_BYTES + path.len() + node.data.as_ref().map_or(0, bytes::Bytes::len)
}
