//! Set data.

use std::sync::Arc;

use super::quota::Growth;
use super::transaction::Transaction;
use super::undo::Undo;
use super::{check_data, check_version};
use crate::acl::Permissions;
use crate::command::SetData;
use crate::error::ErrorCode;
use crate::outcome::Reply;
use crate::path;
use crate::trigger::EventKind;

impl Transaction<'_> {
    pub(super) fn set_data(&mut self, set: &SetData) -> Result<Reply, ErrorCode> {
        check_data(set.data.as_ref())?;
        path::validate(&set.path)?;
        let slot = self.store.lookup(&set.path).ok_or(ErrorCode::NoNode)?;
        self.store.acl(slot).check(Permissions::WRITE, self.identities)?;
        let after = set.data.as_ref().map_or(0, bytes::Bytes::len);
        let growth = Growth::of_set(self.store.node(slot).data_len(), after);
        self.check_quota(&set.path, growth)?;
        check_version(set.version, self.store.node(slot).version)?;
        let data = self.store.replace_data(slot, set.data.as_deref().map(Arc::from));
        let node = self.store.node_mut(slot);
        self.undo.push(Undo::SetData { slot, data, modified: node.modified, modified_ms: node.modified_ms });
        node.version = node.version.wrapping_add(1);
        (node.modified, node.modified_ms) = (self.zxid, self.time_ms);
        let stat = node.stat();
        self.count_usage(&set.path, growth);
        self.trigger(EventKind::NodeDataChanged, set.path.clone(), slot);
        Ok(Reply::DataSet(stat))
    }
}
