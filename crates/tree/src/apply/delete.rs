//! Delete, by a client or with a session.

use super::check_version;
use super::quota::Growth;
use super::transaction::Transaction;
use super::undo::Undo;
use crate::acl::Permissions;
use crate::command::Delete;
use crate::error::ErrorCode;
use crate::outcome::Reply;
use crate::path;
use crate::slab::SlotId;
use crate::text::Text;
use crate::trigger::EventKind;

impl Transaction<'_> {
    /// The permission is the parent's to give; the node's own ACL does not matter.
    pub(super) fn delete(&mut self, delete: &Delete) -> Result<Reply, ErrorCode> {
        let slash = path::last_slash(&delete.path)?;
        if path::is_system(&delete.path) {
            return Err(ErrorCode::BadArguments);
        }
        let parent = self.store.lookup(&delete.path[..slash]).ok_or(ErrorCode::NoNode)?;
        self.store.acl(parent).check(Permissions::DELETE, self.identities)?;
        let slot = self.child_at(parent, &delete.path, slash).ok_or(ErrorCode::NoNode)?;
        check_version(delete.version, self.store.node(slot).version)?;
        if self.store.node(slot).child_count() > 0 {
            return Err(ErrorCode::NotEmpty);
        }
        self.remove(slot, delete.path.clone(), slash);
        Ok(Reply::Deleted)
    }

    /// The last element of a path whose parent was found. `//a` has the root as its parent, and yet names nothing.
    pub(super) fn child_at(&self, parent: SlotId, path: &str, last_slash: usize) -> Option<SlotId> {
        let (above, name) = (&path[..last_slash], &path[last_slash + 1..]);
        if above == "/" { None } else { self.store.child(parent, name) }
    }

    /// Deletes a node without children.
    pub(super) fn remove(&mut self, slot: SlotId, path: Text, last_slash: usize) {
        let parent_path = path::parent(&path, last_slash);
        self.trigger(EventKind::NodeDeleted, path.clone(), slot);
        let node = Box::new(self.store.remove(slot));
        let growth = Growth::of_delete(node.data_len());
        let parent = node.parent;
        let above = self.store.node_mut(parent);
        let parent_changed = std::mem::replace(&mut above.children_changed, self.zxid);
        self.undo.push(Undo::Delete { slot, node, parent_changed });
        self.count_usage(&path, growth);
        self.trigger(EventKind::NodeChildrenChanged, parent_path, parent);
    }
}
