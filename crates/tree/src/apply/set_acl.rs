//! Set ACL. Fires no watch and stamps no zxid or time.

use super::check_version;
use super::transaction::Transaction;
use super::undo::Undo;
use crate::acl::{AclList, Permissions};
use crate::command::SetAcl;
use crate::error::ErrorCode;
use crate::outcome::Reply;
use crate::path;

impl Transaction<'_> {
    pub(super) fn set_acl(&mut self, set: &SetAcl) -> Result<Reply, ErrorCode> {
        path::validate(&set.path)?;
        let list = AclList::from_request(&set.acl, self.identities)?;
        let slot = self.store.lookup(&set.path).ok_or(ErrorCode::NoNode)?;
        self.store.acl(slot).check(Permissions::ADMIN, self.identities)?;
        check_version(set.version, self.store.node(slot).acl_version)?;
        let acl = self.store.acls.acquire(&list);
        let replaced = self.store.replace_acl(slot, acl);
        self.undo.push(Undo::SetAcl { slot, acl: replaced });
        let node = self.store.node_mut(slot);
        node.acl_version = node.acl_version.wrapping_add(1);
        Ok(Reply::AclSet(node.stat()))
    }
}
