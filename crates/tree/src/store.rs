//! Znodes, sessions and ACL lists with everything derived from them kept in step: indexes, child order, counters.
//!
//! The operations in here know no rules of the protocol.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::acl::{Acl, AclId, AclList, AclTable, Permissions};
use crate::children::{Children, Names};
use crate::index::{Index, hash_child};
use crate::memory;
use crate::name::Name;
use crate::quota::{self, LIMITS, QuotaTable};
use crate::session::SessionTable;
use crate::slab::{Slab, SlotId};
use crate::znode::{Lifetime, Znode};
use crate::zxid::Zxid;

/// Where the root is.
pub(crate) const ROOT: SlotId = SlotId(0);

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) nodes: Slab<Znode>,
    pub(crate) index: Index,
    pub(crate) acls: AclTable,
    pub(crate) sessions: SessionTable,
    pub(crate) ephemerals: usize,
    /// Containers, and nodes with a time to live.
    pub(crate) mortals: BTreeSet<SlotId>,
    pub(crate) quotas: QuotaTable,
    /// Lengths of all paths and data.
    pub(crate) data_bytes: usize,
    /// What the znodes take in memory, without their access control lists. See `memory`.
    pub(crate) node_memory: usize,
}

impl Names for Slab<Znode> {
    fn name(&self, child: SlotId) -> &[u8] {
        self.get(child).map_or(&[], |node| node.name.as_bytes())
    }
}

impl Store {
    /// A tree with the nodes that a ZooKeeper server starts with.
    pub(crate) fn with_system_nodes() -> Self {
        let mut store = Self::default();
        let open = AclTable::open();
        let read_only = AclList::from_entries(vec![Acl::anyone(Permissions::READ)]);
        store.insert_system(ROOT, "", &open, 0);
        let system = store.insert_system(ROOT, "zookeeper", &open, 0);
        store.insert_system(system, "quota", &open, 0);
        // The configuration is written by the cluster, not by transactions, which ZooKeeper shows as version -1.
        store.insert_system(system, "config", &read_only, -1);
        store
    }

    fn insert_system(&mut self, parent: SlotId, name: &str, acl: &AclList, version: i32) -> SlotId {
        let slot = self.nodes.next_free();
        let acl = self.acls.acquire(acl);
        let node = Znode {
            parent,
            acl,
            name: Name::from(name),
            data: Some(Arc::from([])),
            children: None,
            created: Zxid::ZERO,
            modified: Zxid::ZERO,
            children_changed: Zxid::ZERO,
            created_ms: 0,
            modified_ms: 0,
            version,
            children_created: 0,
            acl_version: version,
            lifetime: Lifetime::PERSISTENT,
        };
        self.insert(slot, node);
        slot
    }

    /// The node at a slot that is known to be used.
    pub(crate) fn node(&self, slot: SlotId) -> &Znode {
        self.nodes.get(slot).expect("slots come from lookups of the same transaction")
    }

    /// For changes that a snapshot in progress must not see.
    pub(crate) fn node_mut(&mut self, slot: SlotId) -> &mut Znode {
        self.nodes.get_mut(slot).expect("slots come from lookups of the same transaction")
    }

    pub(crate) fn acl(&self, slot: SlotId) -> &Arc<AclList> {
        self.acls.list(self.node(slot).acl)
    }

    pub(crate) fn child(&self, parent: SlotId, name: &str) -> Option<SlotId> {
        let name = name.as_bytes();
        self.index.find(hash_child(parent, name), |slot| {
            self.nodes.get(slot).is_some_and(|node| node.parent == parent && node.name.as_bytes() == name)
        })
    }

    /// The node with exactly this path; the empty path is an alias of the root.
    pub(crate) fn lookup(&self, path: &str) -> Option<SlotId> {
        if matches!(path, "" | "/") {
            return Some(ROOT);
        }
        path.strip_prefix('/')?.split('/').try_fold(ROOT, |parent, name| self.child(parent, name))
    }

    pub(crate) fn path(&self, slot: SlotId) -> String {
        let mut names = Vec::new();
        let mut at = slot;
        while at != ROOT {
            let node = self.node(at);
            names.push(node.name.as_str());
            at = node.parent;
        }
        if names.is_empty() {
            return "/".to_owned();
        }
        names.iter().rev().fold(String::new(), |path, name| path + "/" + name)
    }

    /// Puts a node, whose ACL reference it takes over, into a free slot. The parent's stat stays as it is.
    pub(crate) fn insert(&mut self, slot: SlotId, node: Znode) {
        let (parent, session, is_mortal) = (node.parent, node.lifetime.session(), node.is_mortal());
        self.nodes.insert_at(slot, node);
        if slot != ROOT {
            self.link(parent, slot);
        }
        if let Some(session) = session {
            self.ephemerals += 1;
            let ephemerals = self.sessions.ephemerals_mut(session).expect("an ephemeral's session exists");
            ephemerals.insert(slot);
        }
        if is_mortal {
            self.mortals.insert(slot);
        }
        self.data_bytes += self.footprint(slot);
        self.node_memory += memory::of_znode(self.node(slot));
        self.note_quota(slot);
    }

    /// Takes a node without children out; its ACL reference goes to the caller. The parent's stat stays as it is.
    pub(crate) fn remove(&mut self, slot: SlotId) -> Znode {
        self.data_bytes -= self.footprint(slot);
        self.node_memory -= memory::of_znode(self.node(slot));
        self.forget_quota(slot);
        let node = self.node(slot);
        let (parent, session, is_mortal) = (node.parent, node.lifetime.session(), node.is_mortal());
        self.unlink(parent, slot);
        if let Some(session) = session {
            self.ephemerals -= 1;
            if let Some(ephemerals) = self.sessions.ephemerals_mut(session) {
                ephemerals.remove(&slot);
            }
        }
        if is_mortal {
            self.mortals.remove(&slot);
        }
        self.nodes.remove(slot).expect("the slot was read above")
    }

    /// If a node that is in its place sets a quota.
    pub(crate) fn note_quota(&mut self, slot: SlotId) {
        let node = self.node(slot);
        if node.name.as_bytes() == LIMITS.as_bytes() {
            let (path, directory) = (self.path(slot), node.parent);
            if let Some(prefix) = quota::prefix_of(&path, LIMITS) {
                self.quotas.set(prefix, directory);
            }
        }
    }

    fn forget_quota(&mut self, slot: SlotId) {
        if self.node(slot).name.as_bytes() == LIMITS.as_bytes()
            && let Some(prefix) = quota::prefix_of(&self.path(slot), LIMITS)
        {
            self.quotas.unset(prefix);
        }
    }

    /// Replaces the data of a node and gives back what was there.
    pub(crate) fn replace_data(&mut self, slot: SlotId, data: Option<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        let node = self.nodes.get_mut(slot).expect("slots come from lookups of the same transaction");
        self.data_bytes -= node.data_len();
        let before = std::mem::replace(&mut node.data, data);
        self.data_bytes += node.data_len();
        self.node_memory -= memory::of_data(before.as_deref());
        self.node_memory += memory::of_data(node.data.as_deref());
        before
    }

    /// Replaces the ACL of a node and gives back what was there, with its reference.
    pub(crate) fn replace_acl(&mut self, slot: SlotId, acl: AclId) -> AclId {
        std::mem::replace(&mut self.node_mut(slot).acl, acl)
    }

    fn link(&mut self, parent: SlotId, slot: SlotId) {
        let node = self.node(slot);
        let name = node.name.clone();
        let nodes = &self.nodes;
        self.index.insert(hash_child(parent, name.as_bytes()), slot, |slot| hash_of(nodes, slot));
        let mut children = self.take_children(parent).unwrap_or_else(|| {
            self.node_memory += memory::DIRECTORY;
            Box::default()
        });
        children.insert(slot, name.as_bytes(), &self.nodes);
        self.put_children(parent, children);
        self.for_each_ancestor(parent, |children| children.descendants += 1);
    }

    fn unlink(&mut self, parent: SlotId, slot: SlotId) {
        self.for_each_ancestor(parent, |children| children.descendants -= 1);
        let name = self.node(slot).name.clone();
        self.index.remove(hash_child(parent, name.as_bytes()), slot);
        let mut children = self.take_children(parent).expect("the parent of a node has children");
        children.remove(slot, name.as_bytes(), &self.nodes);
        if children.len() > 0 {
            self.put_children(parent, children);
        } else {
            self.node_memory -= memory::DIRECTORY;
        }
    }

    /// Out of its node, so that the order can look at the names of other nodes.
    fn take_children(&mut self, parent: SlotId) -> Option<Box<Children>> {
        self.derived_mut(parent).children.take()
    }

    fn put_children(&mut self, parent: SlotId, children: Box<Children>) {
        self.derived_mut(parent).children = Some(children);
    }

    fn derived_mut(&mut self, slot: SlotId) -> &mut Znode {
        self.nodes.get_derived_mut(slot).expect("a parent outlives its children")
    }

    fn for_each_ancestor(&mut self, from: SlotId, change: impl Fn(&mut Children)) {
        let mut at = from;
        loop {
            let node = self.derived_mut(at);
            if let Some(children) = node.children.as_mut() {
                change(children);
            }
            if at == ROOT {
                return;
            }
            at = node.parent;
        }
    }

    /// What all of it takes in memory. See `memory`.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.node_memory + self.acls.memory_bytes + self.sessions.len() * memory::SESSION
    }

    /// What ZooKeeper counts as the size of a node: its path and its data.
    fn footprint(&self, slot: SlotId) -> usize {
        let mut path = usize::from(slot == ROOT);
        let mut at = slot;
        while at != ROOT {
            let node = self.node(at);
            path += 1 + node.name.len();
            at = node.parent;
        }
        path + self.node(slot).data_len()
    }
}

pub(crate) fn hash_of(nodes: &Slab<Znode>, slot: SlotId) -> u64 {
    nodes.get(slot).map_or(0, |node| hash_child(node.parent, node.name.as_bytes()))
}
