//! From requests to the tree and back, one file for each direction.

pub(crate) mod convert;
mod outcome;
mod page;
mod read;
mod reshape;
mod watches;
mod write;

pub(crate) use outcome::put_outcome;
pub(crate) use read::{answer_read, is_read};
pub(crate) use reshape::Wanted;
pub(crate) use write::operation;
