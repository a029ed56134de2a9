//! The stored form of a znode.

use std::sync::Arc;

use crate::acl::AclId;
use crate::children::Children;
use crate::name::Name;
use crate::session::SessionId;
use crate::slab::{Image, SlotId};
use crate::stat::Stat;
use crate::zxid::Zxid;

/// A node of the tree. A million of them is the measure of this crate's memory, so every field counts.
#[derive(Debug)]
pub(crate) struct Znode {
    /// The root is its own parent.
    pub(crate) parent: SlotId,
    pub(crate) acl: AclId,
    pub(crate) name: Name,
    /// None is null data, which is distinct from empty data.
    pub(crate) data: Option<Arc<[u8]>>,
    /// Derived: the children name their parent. None if there are no children.
    pub(crate) children: Option<Box<Children>>,
    pub(crate) created: Zxid,
    pub(crate) modified: Zxid,
    /// Transaction that last created or deleted a child.
    pub(crate) children_changed: Zxid,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) version: i32,
    /// Children ever created; wraps. Also the number of the next sequential child.
    pub(crate) children_created: i32,
    pub(crate) acl_version: i32,
    /// The session of an ephemeral node, otherwise none.
    pub(crate) owner: SessionId,
}

impl Znode {
    pub(crate) fn data_len(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len())
    }

    pub(crate) fn child_count(&self) -> usize {
        self.children.as_ref().map_or(0, |children| children.len())
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        self.owner != SessionId::NONE
    }

    pub(crate) fn stat(&self) -> Stat {
        let num_children = self.child_count() as i32;
        Stat {
            czxid: self.created,
            mzxid: self.modified,
            ctime: self.created_ms,
            mtime: self.modified_ms,
            version: self.version,
            cversion: self.children_created.wrapping_mul(2).wrapping_sub(num_children),
            aversion: self.acl_version,
            ephemeral_owner: self.owner.0,
            data_length: self.data_len() as i32,
            num_children,
            pzxid: self.children_changed,
        }
    }
}

impl Image for Znode {
    fn image(&self) -> Self {
        Self { name: self.name.clone(), data: self.data.clone(), children: None, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_znode_takes_at_most_120_bytes() {
        assert!(size_of::<Option<Znode>>() <= 120, "{}", size_of::<Option<Znode>>());
    }
}
