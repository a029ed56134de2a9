//! What a transaction changed, for those who watch.

use std::sync::Arc;

use crate::acl::AclList;
use crate::text::Text;

/// A kind of change, with the number that the ZooKeeper protocol gives its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum EventKind {
    /// The node was created.
    NodeCreated = 1,
    /// The node was deleted.
    NodeDeleted = 2,
    /// The node's data was set.
    NodeDataChanged = 3,
    /// A child was created or deleted.
    NodeChildrenChanged = 4,
}

impl EventKind {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }
}

/// One change at one path. Its zxid is that of the [`Outcome`](crate::Outcome) it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// What happened.
    pub kind: EventKind,
    /// To which node.
    pub path: Text,
    /// The node's ACL at the change: only connections with READ on it may learn of the event.
    pub acl: Arc<AclList>,
}
