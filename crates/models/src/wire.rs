//! Stands in for the wire format of `consensus`, for the parts of its source that are compiled into this crate.

/// The last command of a node that was applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Applied {
    pub(crate) node: u64,
    pub(crate) incarnation: u64,
    pub(crate) sequence: u64,
}
