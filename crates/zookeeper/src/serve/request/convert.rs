//! The tree's records as the protocol's, and back.

use tree::{EventKind, Identity, Permissions};

use crate::codec;

pub(crate) fn stat(stat: &tree::Stat) -> codec::Stat {
    codec::Stat {
        czxid: stat.czxid.0,
        mzxid: stat.mzxid.0,
        ctime_ms: stat.ctime,
        mtime_ms: stat.mtime,
        version: stat.version,
        cversion: stat.cversion,
        aversion: stat.aversion,
        ephemeral_owner: stat.ephemeral_owner,
        data_length: stat.data_length,
        children: stat.num_children,
        pzxid: stat.pzxid.0,
    }
}

pub(crate) fn wire_acl(acl: &tree::Acl) -> codec::Acl<'_> {
    codec::Acl { permissions: acl.permissions.0, scheme: &acl.identity.scheme, id: &acl.identity.id }
}

pub(crate) fn tree_acl(acl: &codec::Acl<'_>) -> tree::Acl {
    let permissions = Permissions(acl.permissions);
    if acl.scheme == "world" && acl.id == "anyone" {
        return tree::Acl::anyone(permissions);
    }
    tree::Acl::new(permissions, Identity::new(acl.scheme, acl.id))
}

pub(crate) fn event_type(kind: EventKind) -> codec::EventType {
    match kind {
        EventKind::NodeCreated => codec::EventType::NodeCreated,
        EventKind::NodeDeleted => codec::EventType::NodeDeleted,
        EventKind::NodeDataChanged => codec::EventType::NodeDataChanged,
        EventKind::NodeChildrenChanged => codec::EventType::NodeChildrenChanged,
    }
}
