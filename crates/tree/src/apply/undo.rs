//! The journal of a transaction.

use std::sync::Arc;

use crate::acl::AclId;
use crate::slab::SlotId;
use crate::store::Store;
use crate::znode::Znode;
use crate::zxid::Zxid;

/// Entries of the buffer that are kept for the next transaction.
const BUFFER: usize = 1024;

/// What undoes one change. An ACL that a change replaced stays referenced from here until the transaction ends, so that
/// its id can not go to another list meanwhile.
#[derive(Debug)]
pub(crate) enum Undo {
    /// Remove the created node.
    Create { slot: SlotId, parent_changed: Zxid },
    /// Put the deleted node back.
    Delete { slot: SlotId, node: Box<Znode>, parent_changed: Zxid },
    /// Put the data back, with what was stamped together with it.
    SetData { slot: SlotId, data: Option<Arc<[u8]>>, modified: Zxid, modified_ms: i64 },
    /// Put the data of a node that shows a usage back.
    ShowUsage { slot: SlotId, data: Option<Arc<[u8]>> },
    /// Put the ACL back.
    SetAcl { slot: SlotId, acl: AclId },
}

/// Ends a transaction that stays.
pub(super) fn forget(journal: &mut Vec<Undo>, store: &mut Store) {
    for entry in journal.drain(..) {
        match entry {
            Undo::Create { .. } | Undo::SetData { .. } | Undo::ShowUsage { .. } => {}
            Undo::Delete { node, .. } => store.acls.release(node.acl),
            Undo::SetAcl { acl, .. } => store.acls.release(acl),
        }
    }
    journal.shrink_to(BUFFER);
}

/// Ends a transaction that never was.
pub(super) fn roll_back(journal: &mut Vec<Undo>, store: &mut Store) {
    while let Some(entry) = journal.pop() {
        match entry {
            Undo::Create { slot, parent_changed } => {
                let node = store.remove(slot);
                store.acls.release(node.acl);
                let parent = store.node_mut(node.parent);
                parent.children_created = parent.children_created.wrapping_sub(1);
                parent.children_changed = parent_changed;
            }
            Undo::Delete { slot, node, parent_changed } => {
                store.node_mut(node.parent).children_changed = parent_changed;
                store.insert(slot, *node);
            }
            Undo::SetData { slot, data, modified, modified_ms } => {
                store.replace_data(slot, data);
                let node = store.node_mut(slot);
                node.version = node.version.wrapping_sub(1);
                (node.modified, node.modified_ms) = (modified, modified_ms);
            }
            Undo::ShowUsage { slot, data } => {
                store.replace_data(slot, data);
            }
            Undo::SetAcl { slot, acl } => {
                let undone = store.replace_acl(slot, acl);
                store.acls.release(undone);
                let node = store.node_mut(slot);
                node.acl_version = node.acl_version.wrapping_sub(1);
            }
        }
    }
    journal.shrink_to(BUFFER);
}
