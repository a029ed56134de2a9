//! Create unless it is there, an extension.

use bytes::Bytes;

use super::check_data;
use super::transaction::Transaction;
use crate::acl::{AclList, Permissions};
use crate::command::{CreateMode, Ensure, Extent};
use crate::error::ErrorCode;
use crate::outcome::Reply;
use crate::path;
use crate::slab::SlotId;
use crate::stat::Stat;
use crate::store::ROOT;

impl Transaction<'_> {
    /// A request that makes no sense is refused also when there is nothing to create. A node that is there shows what
    /// `exists` shows of it.
    pub(super) fn ensure(&mut self, ensure: &Ensure) -> Result<Reply, ErrorCode> {
        check_data(ensure.data.as_ref())?;
        path::validate(&ensure.path)?;
        let acl = AclList::from_request(&ensure.acl, self.identities)?;
        if let Some(slot) = self.store.lookup(&ensure.path) {
            self.store.acl(slot).check(Permissions::READ, self.identities)?;
            return Ok(Reply::Ensured { created: false, stat: self.store.node(slot).stat() });
        }
        let (nearest, missing) = self.missing(ensure)?;
        self.store.acl(nearest).check(Permissions::CREATE, self.identities)?;
        if self.store.node(nearest).is_ephemeral() {
            return Err(ErrorCode::NoChildrenForEphemerals);
        }
        match self.add_all(nearest, &missing, ensure, &acl) {
            Ok(stat) => Ok(Reply::Ensured { created: true, stat }),
            Err(error) => {
                self.roll_back();
                Err(error)
            }
        }
    }

    /// The nearest node above that is there, and where the paths of those to be created end, the topmost first.
    fn missing(&self, ensure: &Ensure) -> Result<(SlotId, Vec<usize>), ErrorCode> {
        let mut ends = path::ends(&ensure.path).peekable();
        let (mut nearest, mut start) = (ROOT, 1);
        while let Some(end) = ends.peek()
            && let Some(slot) = self.store.child(nearest, &ensure.path[start..*end])
        {
            (nearest, start) = (slot, end + 1);
            ends.next();
        }
        let missing: Vec<usize> = ends.collect();
        if missing.len() > 1 && !ensure.parents {
            return Err(ErrorCode::NoNode);
        }
        let extent =
            missing.iter().try_fold(Extent::NONE, |extent, end| extent.plus_path(*end, ensure.limit));
        extent.ok_or(ErrorCode::TooManyZnodes).map(|_| (nearest, missing))
    }

    /// Gives the stat of the last one. On an error some may be there.
    fn add_all(
        &mut self,
        nearest: SlotId,
        ends: &[usize],
        ensure: &Ensure,
        acl: &AclList,
    ) -> Result<Stat, ErrorCode> {
        let (mut parent, mut last) = (nearest, Stat::default());
        let empty = Some(Bytes::new());
        for end in ends {
            let path = ensure.path.prefix(..*end);
            let slash = path.rfind('/').expect("a valid path is absolute");
            let data = if *end == ensure.path.len() { &ensure.data } else { &empty };
            (parent, last) = self.add(parent, &path, slash, data.as_ref(), acl, CreateMode::Persistent)?;
        }
        Ok(last)
    }
}
