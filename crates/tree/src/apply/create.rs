//! Create.

use std::sync::Arc;

use bytes::Bytes;

use super::check_data;
use super::quota::Growth;
use super::transaction::Transaction;
use super::undo::Undo;
use crate::acl::{AclList, Permissions};
use crate::command::{Create, CreateMode};
use crate::error::ErrorCode;
use crate::name::Name;
use crate::outcome::Reply;
use crate::path;
use crate::session::SessionId;
use crate::slab::{SLOTS_MAX, SlotId};
use crate::stat::Stat;
use crate::text::Text;
use crate::trigger::EventKind;
use crate::znode::{Lifetime, Znode};

impl Transaction<'_> {
    /// The order of the checks is visible to clients: a missing parent is told before a bad path, and both before an
    /// existing node.
    pub(super) fn create(&mut self, create: &Create) -> Result<Reply, ErrorCode> {
        check_data(create.data.as_ref())?;
        if create.mode.is_ephemeral() && self.session == SessionId::NONE {
            return Err(ErrorCode::SessionExpired);
        }
        let slash = path::last_slash(&create.path)?;
        let acl = AclList::from_request(&create.acl, self.identities)?;
        let parent = self.store.lookup(&create.path[..slash]).ok_or(ErrorCode::NoNode)?;
        self.store.acl(parent).check(Permissions::CREATE, self.identities)?;
        let path = self.final_path(create, parent);
        path::validate(&path)?;
        let name = &path[slash + 1..];
        if name.is_empty() || self.store.child(parent, name).is_some() {
            return Err(ErrorCode::NodeExists);
        }
        if self.store.node(parent).is_ephemeral() {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        let (_, stat) = self.add(parent, &path, slash, create.data.as_ref(), &acl, create.mode)?;
        Ok(Reply::Created { path, stat: create.want_stat.then_some(stat) })
    }

    /// Creates a node that is known to be missing, whose parent may have it, unless a quota forbids it. The stat is that
    /// from before a new node that shows a usage does.
    pub(super) fn add(
        &mut self,
        parent: SlotId,
        path: &Text,
        last_slash: usize,
        data: Option<&Bytes>,
        acl: &AclList,
        mode: CreateMode,
    ) -> Result<(SlotId, Stat), ErrorCode> {
        let growth = Growth::of_create(data.map_or(0, Bytes::len));
        self.check_quota(path, growth)?;
        let slot = self.insert(parent, Name::from(&path[last_slash + 1..]), data, acl, mode)?;
        let stat = self.store.node(slot).stat();
        self.begin_usage(path, slot);
        self.count_usage(path, growth);
        self.trigger(EventKind::NodeCreated, path.clone(), slot);
        self.trigger(EventKind::NodeChildrenChanged, path::parent(path, last_slash), parent);
        Ok((slot, stat))
    }

    /// A sequential node is numbered by how many children its parent has ever had.
    fn final_path(&self, create: &Create, parent: SlotId) -> Text {
        if create.mode.is_sequential() {
            Text::from(format!("{}{:010}", create.path, self.store.node(parent).children_created))
        } else {
            create.path.clone()
        }
    }

    fn insert(
        &mut self,
        parent: SlotId,
        name: Name,
        data: Option<&Bytes>,
        acl: &AclList,
        mode: CreateMode,
    ) -> Result<SlotId, ErrorCode> {
        let slot = self.store.nodes.next_free();
        if slot.0 >= SLOTS_MAX {
            return Err(ErrorCode::SystemError);
        }
        let node = Znode {
            parent,
            acl: self.store.acls.acquire(acl),
            name,
            data: data.map(|data| Arc::from(&data[..])),
            children: None,
            created: self.zxid,
            modified: self.zxid,
            children_changed: self.zxid,
            created_ms: self.time_ms,
            modified_ms: self.time_ms,
            version: 0,
            children_created: 0,
            acl_version: 0,
            lifetime: Lifetime::of(mode, self.session),
        };
        let above = self.store.node_mut(parent);
        self.undo.push(Undo::Create { slot, parent_changed: above.children_changed });
        above.children_created = above.children_created.wrapping_add(1);
        above.children_changed = self.zxid;
        self.store.insert(slot, node);
        Ok(slot)
    }
}
