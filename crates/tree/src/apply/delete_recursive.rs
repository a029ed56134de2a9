//! Delete with all that is below, an extension.

use super::check_version;
use super::transaction::Transaction;
use crate::acl::Permissions;
use crate::command::{DeleteRecursive, Extent};
use crate::error::ErrorCode;
use crate::outcome::Reply;
use crate::path;
use crate::slab::SlotId;
use crate::store::Store;
use crate::text::Text;

impl Transaction<'_> {
    /// What deletes of each node, leaves first and siblings in the order of their names, would do, in one transaction.
    /// Everything is checked before anything changes.
    pub(super) fn delete_recursive(&mut self, delete: &DeleteRecursive) -> Result<Reply, ErrorCode> {
        let slash = path::last_slash(&delete.path)?;
        if delete.path == "/" || path::is_reserved(&delete.path) {
            return Err(ErrorCode::BadArguments);
        }
        let parent = self.store.lookup(&delete.path[..slash]).ok_or(ErrorCode::NoNode)?;
        self.store.acl(parent).check(Permissions::DELETE, self.identities)?;
        let root = self.child_at(parent, &delete.path, slash).ok_or(ErrorCode::NoNode)?;
        check_version(delete.version, self.store.node(root).version)?;
        let doomed = leaves_first(self.store, root, &delete.path, delete.limit)?;
        self.check_parents(&doomed)?;
        let znodes = doomed.len().try_into().expect("the limit is a number of 32 bits");
        for Doomed { slot, path } in doomed {
            let slash = path.rfind('/').expect("paths of nodes are absolute");
            self.remove(slot, path, slash);
        }
        Ok(Reply::DeletedAll { znodes })
    }

    /// Each node that loses a child must permit it.
    fn check_parents(&self, doomed: &[Doomed]) -> Result<(), ErrorCode> {
        let mut parents = doomed.iter().filter(|doomed| self.store.node(doomed.slot).child_count() > 0);
        parents.try_for_each(|parent| self.store.acl(parent.slot).check(Permissions::DELETE, self.identities))
    }
}

/// A node that is to go.
struct Doomed {
    slot: SlotId,
    path: Text,
}

/// A node and all below it: each behind its children, and siblings in the order of their names.
fn leaves_first(store: &Store, root: SlotId, path: &Text, limit: Extent) -> Result<Vec<Doomed>, ErrorCode> {
    let children = store.node(root).children.as_ref();
    let descendants = children.map_or(0, |children| children.descendants);
    if descendants >= limit.znodes as usize {
        return Err(ErrorCode::TooManyZnodes);
    }
    let mut doomed: Vec<Doomed> = Vec::with_capacity(1 + descendants);
    // The other way round, each node comes before its children, and the last of them comes first.
    let mut waiting = vec![(root, None)];
    let mut extent = Extent::NONE;
    while let Some((slot, parent)) = waiting.pop() {
        let node = store.node(slot);
        let path = match parent {
            None => path.clone(),
            Some(at) => {
                let above: &Doomed = &doomed[at];
                Text::from([&above.path, "/", node.name.as_str()].concat())
            }
        };
        extent = extent.plus_path(path.len(), limit).ok_or(ErrorCode::TooManyZnodes)?;
        let at = doomed.len();
        doomed.push(Doomed { slot, path });
        let children = node.children.iter().flat_map(|children| children.iter());
        waiting.extend(children.map(|child| (child, Some(at))));
    }
    doomed.reverse();
    Ok(doomed)
}
