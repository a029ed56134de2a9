//! The stored form of a znode.

use std::sync::Arc;

use crate::acl::AclId;
use crate::children::Children;
use crate::command::CreateMode;
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
    pub(crate) lifetime: Lifetime,
}

/// How long a znode lives, in eight bytes, as ZooKeeper stores it: nothing, a session's id (which is positive), the lowest
/// number for a container, or a time to live below a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lifetime(i64);

/// A time to live, in milliseconds: 1 to 2^40 - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ttl(u64);

impl Ttl {
    const MAX: u64 = (1 << 40) - 1;

    /// None if it is out of range.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Option<Self> {
        if ms >= 1 && ms <= Self::MAX { Some(Self(ms)) } else { None }
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }
}

impl Lifetime {
    /// Until deleted.
    pub(crate) const PERSISTENT: Lifetime = Lifetime(0);
    const CONTAINER: Lifetime = Lifetime(i64::MIN);
    const TTL_MARK: u64 = 0xff << 56;

    pub(crate) fn of(mode: CreateMode, session: SessionId) -> Self {
        match mode {
            CreateMode::Persistent | CreateMode::PersistentSequential => Self::PERSISTENT,
            CreateMode::Ephemeral | CreateMode::EphemeralSequential => Self(session.0),
            CreateMode::Container => Self::CONTAINER,
            CreateMode::PersistentTtl(ttl) | CreateMode::PersistentSequentialTtl(ttl) => {
                Self((Self::TTL_MARK | ttl.0).cast_signed())
            }
        }
    }

    /// From the stored number. None if it is none of the four.
    pub(crate) fn from_stored(stored: i64) -> Option<Self> {
        let lifetime = Self(stored);
        (stored >= 0 || lifetime.is_container() || lifetime.ttl().is_some()).then_some(lifetime)
    }

    pub(crate) fn stored(self) -> i64 {
        self.0
    }

    /// The session of an ephemeral node.
    pub(crate) fn session(self) -> Option<SessionId> {
        (self.0 > 0).then_some(SessionId(self.0))
    }

    pub(crate) fn is_container(self) -> bool {
        self == Self::CONTAINER
    }

    pub(crate) fn ttl(self) -> Option<Ttl> {
        let stored = self.0.cast_unsigned();
        if stored & Self::TTL_MARK == Self::TTL_MARK { Ttl::from_ms(stored & !Self::TTL_MARK) } else { None }
    }
}

impl Znode {
    pub(crate) fn data_len(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len())
    }

    pub(crate) fn child_count(&self) -> usize {
        self.children.as_ref().map_or(0, |children| children.len())
    }

    pub(crate) fn is_ephemeral(&self) -> bool {
        self.lifetime.session().is_some()
    }

    /// Whether somebody has to look now and then if it is to be deleted.
    pub(crate) fn is_mortal(&self) -> bool {
        self.lifetime.is_container() || self.lifetime.ttl().is_some()
    }

    /// Whether it is to be deleted at `now_ms`. A container that never had a child waits for its first.
    pub(crate) fn is_to_be_reaped(&self, now_ms: i64) -> bool {
        if self.child_count() > 0 {
            return false;
        }
        let is_over = |ttl: Ttl| i128::from(now_ms) - i128::from(self.modified_ms) > i128::from(ttl.0);
        (self.lifetime.is_container() && self.children_created != 0)
            || self.lifetime.ttl().is_some_and(is_over)
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
            // Clients see nothing of containers and times to live.
            ephemeral_owner: self.lifetime.session().unwrap_or(SessionId::NONE).0,
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
