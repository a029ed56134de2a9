//! How much memory a tree takes: an estimate that is kept up as the tree changes, so that asking costs nothing.
//!
//! It depends on the state alone, not on how the state came about: replicas agree on it, restored ones too. What it leaves
//! out: about 0.6 MiB of an empty tree; the places of deleted znodes, which are kept for new ones (150 bytes each); and what
//! a snapshot under way holds back. `tests/memory.rs` holds it against what the kernel counts.

use crate::acl::Acl;
use crate::children::Children;
use crate::command::{Create, Ensure, Operation, SetAcl, SetData, SubOperation};
use crate::name::INLINE;
use crate::session::Session;
use crate::tree::Tree;
use crate::znode::Znode;

/// A place in an index: 5 bytes a bucket, of which 7 to 14 of 16 are used.
const INDEX: usize = 8;
/// A place among the children of the parent: 4 bytes, in chunks that are between a quarter full and full.
const SIBLING: usize = 8;
/// A place in an ordered set of slots.
const SET_ENTRY: usize = 8;
/// The counts in front of the bytes of a shared slice.
const SHARED: usize = 16;
/// Digits behind the name of a sequential znode.
const SEQUENCE_DIGITS: usize = 10;

/// What a znode takes without its name and data.
const ZNODE: usize = size_of::<Option<Znode>>() + INDEX + SIBLING;

/// What a session takes, the first of its ephemeral znodes included.
pub(crate) const SESSION: usize = size_of::<Option<Session>>() + INDEX + heap(11 * 4 + 12);

/// What the first child of a znode adds to what it takes itself: the table, a list of chunks and a chunk.
pub(crate) const DIRECTORY: usize = heap(size_of::<Children>()) + heap(4 * 24) + heap(4 * 4);

/// What a watch takes: its places among those of its path and among those of its connection.
pub(crate) const WATCH: usize = 2 * SET_ENTRY + 8;

/// What the first watch of a connection adds.
pub(crate) const WATCHER: usize = 160;

/// What a watched path takes beside its slot.
pub(crate) fn of_text(text: &str) -> usize {
    heap(text.len()) + INDEX
}

/// What an allocation of so many bytes takes: 8 more, in steps of 16, and 32 at least, as glibc does it on 64 bits.
const fn heap(bytes: usize) -> usize {
    let taken = (bytes + 8).next_multiple_of(16);
    if taken < 32 { 32 } else { taken }
}

/// What the data of a znode takes.
pub(crate) fn of_data(data: Option<&[u8]>) -> usize {
    data.map_or(0, |data| heap(SHARED + data.len()))
}

fn of_name(bytes: usize) -> usize {
    if bytes > INLINE { heap(bytes) } else { 0 }
}

/// What a znode takes, its children not counted.
pub(crate) fn of_znode(znode: &Znode) -> usize {
    let is_listed = znode.is_ephemeral() || znode.is_mortal();
    ZNODE + of_name(znode.name.len()) + of_data(znode.data.as_deref()) + if is_listed { SET_ENTRY } else { 0 }
}

/// What an access control list takes, whoever many znodes share it.
pub(crate) fn of_acl(entries: &[Acl]) -> usize {
    let texts = entries.iter().map(|acl| heap(acl.identity.scheme.len()) + heap(acl.identity.id.len()));
    let shared = heap(SHARED + size_of::<Vec<Acl>>()) + heap(size_of_val(entries));
    size_of::<usize>() * 2 + INDEX + shared + texts.sum::<usize>()
}

impl Operation {
    /// At most so many bytes more the tree takes when this is applied. 0 for what never makes it larger, and for sessions,
    /// whose number the connections bound.
    ///
    /// Needs no look at the tree; [`Tree::first_growth`] takes one.
    #[must_use]
    pub fn memory_bytes_max(&self) -> usize {
        match self {
            Self::Create(create) => of_create(create),
            Self::Ensure(ensure) => of_ensure(ensure),
            Self::SetData(set) => of_set(set),
            Self::SetAcl(set) => of_acl(&set.acl),
            Self::Multi(parts) => parts.iter().map(of_part).sum(),
            Self::Delete(_)
            | Self::DeleteRecursive(_)
            | Self::CreateSession { .. }
            | Self::AttachSession { .. }
            | Self::CloseSession
            | Self::ExpireSession { .. }
            | Self::Announce { .. }
            | Self::Reap { .. } => 0,
        }
    }
}

fn of_part(part: &SubOperation) -> usize {
    match part {
        SubOperation::Create(create) => of_create(create),
        SubOperation::SetData(set) => of_set(set),
        SubOperation::Delete(_) | SubOperation::Check(_) => 0,
    }
}

fn of_create(create: &Create) -> usize {
    let name = create.path.rsplit('/').next().unwrap_or_default().len();
    let data = create.data.as_deref();
    let digits = if create.mode.is_sequential() { SEQUENCE_DIGITS } else { 0 };
    DIRECTORY + ZNODE + SET_ENTRY + of_name(name + digits) + of_data(data) + of_acl(&create.acl)
}

fn of_ensure(ensure: &Ensure) -> usize {
    let names = ensure.path.split('/').filter(|name| !name.is_empty());
    let znodes = if ensure.parents { usize::MAX } else { 1 };
    let made = names.rev().take(znodes);
    let each = made.map(|name| DIRECTORY + ZNODE + of_name(name.len()) + of_data(Some(&[])));
    each.sum::<usize>() + of_data(ensure.data.as_deref()) + of_acl(&ensure.acl)
}

fn of_set(set: &SetData) -> usize {
    of_data(set.data.as_deref())
}

impl Tree {
    /// The first part of a multi that, applied now, makes the tree take more memory, or 0 if another operation does; `None`
    /// if nothing in it does. A creation counts whether or not it can succeed: what stands in its way may be about to go.
    #[must_use]
    pub fn first_growth(&self, operation: &Operation) -> Option<usize> {
        let grows = match operation {
            Operation::SetData(set) => self.is_grown_by_set(set),
            Operation::SetAcl(set) => self.is_grown_by_acl(set),
            Operation::Multi(parts) => {
                return parts.iter().position(|part| match part {
                    SubOperation::Create(_) => true,
                    SubOperation::SetData(set) => self.is_grown_by_set(set),
                    SubOperation::Delete(_) | SubOperation::Check(_) => false,
                });
            }
            other => other.memory_bytes_max() > 0,
        };
        grows.then_some(0)
    }

    fn is_grown_by_set(&self, set: &SetData) -> bool {
        let Some(slot) = self.store.lookup(&set.path) else { return true };
        of_set(set) > of_data(self.store.node(slot).data.as_deref())
    }

    fn is_grown_by_acl(&self, set: &SetAcl) -> bool {
        let Some(slot) = self.store.lookup(&set.path) else { return true };
        of_acl(&set.acl) > of_acl(self.store.acl(slot).entries())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_rounded_up_as_the_allocator_does() {
        let taken = [0, 1, 24, 25, 40, 41, 1000].map(heap);
        assert_eq!(taken, [32, 32, 32, 48, 48, 64, 1008]);
    }
}
