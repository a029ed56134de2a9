//! Resource barriers: a barrier for each resource, held by its owner, awaited by the next.
//!
//! A member uses a resource only while it holds the resource's barrier, an ephemeral znode. It takes a barrier away only when
//! it has stopped using the resource. So nothing but the barrier decides who uses a resource: an allocation, however old
//! the one that a member has read may be, says only who should *try*. Resources that stay with a member are left alone.

mod coordinator;
mod member;

pub use coordinator::{Command as CoordinatorCommand, Coordinator, Input as CoordinatorInput};
pub use member::{Command, Input, Member};
