//! Reads. None of them validates its path: what can not exist does not exist.
//!
//! Each tells first whether the node exists and then whether the connection may know more, as ZooKeeper does.

use std::sync::Arc;

use crate::acl::{Acl, AclList, Identity, Permissions};
use crate::error::ErrorCode;
use crate::session::SessionId;
use crate::slab::SlotId;
use crate::stat::Stat;
use crate::store::{ROOT, Store};
use crate::tree::Tree;
use crate::zxid::Zxid;

/// The data of a znode and the stat that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct NodeData<'a> {
    /// None is null data, which is distinct from empty data. A clone of the `Arc` outlives the tree's lock.
    pub data: Option<&'a Arc<[u8]>>,
    /// The stat.
    pub stat: Stat,
}

/// A child of a znode, as a list of children shows it.
#[derive(Clone, Copy, Debug)]
pub struct Child<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its data and stat; none if the connection may not READ it.
    pub node: Option<NodeData<'a>>,
}

impl Tree {
    /// The stat of a znode. Needs READ.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`], [`ErrorCode::NoAuth`].
    pub fn exists(&self, path: &str, identities: &[Identity]) -> Result<Stat, ErrorCode> {
        let slot = self.readable(path, Permissions::READ, identities)?;
        Ok(self.store.node(slot).stat())
    }

    /// The data of a znode. Needs READ.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`], [`ErrorCode::NoAuth`].
    pub fn data(&self, path: &str, identities: &[Identity]) -> Result<NodeData<'_>, ErrorCode> {
        let slot = self.readable(path, Permissions::READ, identities)?;
        let node = self.store.node(slot);
        Ok(NodeData { data: node.data.as_ref(), stat: node.stat() })
    }

    /// Whether the data of a znode may be replaced: needs WRITE.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`], [`ErrorCode::NoAuth`].
    pub fn check_write(&self, path: &str, identities: &[Identity]) -> Result<(), ErrorCode> {
        self.readable(path, Permissions::WRITE, identities).map(|_| ())
    }

    /// The transaction that changed what `/zookeeper/config` shows last; 0 for a cluster's founders.
    pub fn members_version(&self) -> Zxid {
        self.ensemble.version
    }

    /// The names of a znode's children in byte order, and its stat. Needs READ.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`], [`ErrorCode::NoAuth`].
    pub fn children(&self, path: &str, identities: &[Identity]) -> Result<(ChildNames<'_>, Stat), ErrorCode> {
        let slot = self.readable(path, Permissions::READ, identities)?;
        Ok((ChildNames { store: &self.store, parent: slot }, self.store.node(slot).stat()))
    }

    /// The ACL of a znode. Needs READ or ADMIN; without ADMIN the password hashes of `digest` read `x`.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`], [`ErrorCode::NoAuth`].
    pub fn acl(&self, path: &str, identities: &[Identity]) -> Result<(Vec<Acl>, Stat), ErrorCode> {
        let slot = self.readable(path, Permissions::READ | Permissions::ADMIN, identities)?;
        let list = self.store.acl(slot);
        let entries = if list.permits(Permissions::ADMIN, identities) {
            list.entries().to_vec()
        } else {
            list.masked_entries()
        };
        Ok((entries, self.store.node(slot).stat()))
    }

    /// How many znodes are below one, at any depth. Needs READ. Takes constant time.
    ///
    /// # Errors
    /// [`ErrorCode::NoNode`], [`ErrorCode::NoAuth`].
    pub fn descendants(&self, path: &str, identities: &[Identity]) -> Result<usize, ErrorCode> {
        let slot = self.readable(path, Permissions::READ, identities)?;
        Ok(self.store.node(slot).children.as_ref().map_or(0, |children| children.descendants))
    }

    /// The stat of a znode if it exists, whoever asks: for watches that a client sets again after a reconnect.
    #[must_use]
    pub fn stat_unchecked(&self, path: &str) -> Option<Stat> {
        self.store.lookup(path).map(|slot| self.store.node(slot).stat())
    }

    /// The ACL list of a znode if it exists, whoever asks: for front ends that check before they propose.
    #[must_use]
    pub fn acl_unchecked(&self, path: &str) -> Option<&Arc<AclList>> {
        self.store.lookup(path).map(|slot| self.store.acl(slot))
    }

    /// The paths of a session's ephemeral znodes that begin with `prefix`, a plain string, sorted. Empty for an unknown
    /// session.
    #[must_use]
    pub fn ephemerals(&self, session: SessionId, prefix: &str) -> Vec<String> {
        let slots = self.store.sessions.get(session).into_iter().flat_map(|session| &session.ephemerals);
        let mut paths: Vec<_> = slots.map(|slot| self.store.path(*slot)).collect();
        paths.retain(|path| path.starts_with(prefix));
        paths.sort_unstable();
        paths
    }

    fn readable(
        &self,
        path: &str,
        wanted: Permissions,
        identities: &[Identity],
    ) -> Result<SlotId, ErrorCode> {
        let slot = self.store.lookup(path).ok_or(ErrorCode::NoNode)?;
        self.store.acl(slot).check(wanted, identities)?;
        Ok(slot)
    }
}

/// The names of a znode's children, borrowed from the tree.
#[derive(Clone, Copy, Debug)]
pub struct ChildNames<'a> {
    store: &'a Store,
    parent: SlotId,
}

impl<'a> ChildNames<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.store.node(self.parent).child_count()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in byte order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let store = self.store;
        let children = store.node(self.parent).children.as_ref();
        children.into_iter().flat_map(|children| children.iter()).map(move |slot| name(store, slot))
    }

    /// Those that come after a name, which need not exist, in byte order. Starting costs O(log n).
    pub fn iter_after(&self, after: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let store = self.store;
        let children = store.node(self.parent).children.as_ref();
        let rest = children.map(|children| children.iter_after(after.as_bytes(), &store.nodes));
        rest.into_iter().flatten().map(move |slot| name(store, slot))
    }

    /// As [`iter_after`](Self::iter_after), with what the identities may know of each. Data and stat need READ on the
    /// child.
    pub fn nodes_after<'b>(
        &self,
        after: &str,
        identities: &'b [Identity],
    ) -> impl Iterator<Item = Child<'a>> + use<'a, 'b> {
        let store = self.store;
        let children = store.node(self.parent).children.as_ref();
        let rest = children.map(|children| children.iter_after(after.as_bytes(), &store.nodes));
        rest.into_iter().flatten().map(move |slot| child(store, slot, identities))
    }
}

fn child<'a>(store: &'a Store, slot: SlotId, identities: &[Identity]) -> Child<'a> {
    let node = store.node(slot);
    let is_readable = store.acl(slot).permits(Permissions::READ, identities);
    let content = is_readable.then(|| NodeData { data: node.data.as_ref(), stat: node.stat() });
    Child { name: name(store, slot), node: content }
}

fn name(store: &Store, slot: SlotId) -> &str {
    debug_assert_ne!(slot, ROOT, "the root is nobody's child");
    store.node(slot).name.as_str()
}
