//! Check, a part of a multi.

use super::check_version;
use super::transaction::Transaction;
use crate::acl::Permissions;
use crate::command::Check;
use crate::error::ErrorCode;
use crate::outcome::Reply;
use crate::path;

impl Transaction<'_> {
    pub(super) fn check(&self, check: &Check) -> Result<Reply, ErrorCode> {
        path::validate(&check.path)?;
        let slot = self.store.lookup(&check.path).ok_or(ErrorCode::NoNode)?;
        self.store.acl(slot).check(Permissions::READ, self.identities)?;
        check_version(check.version, self.store.node(slot).version)?;
        Ok(Reply::Checked)
    }
}
