//! One group in memory.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::index::{Index, Location};
use crate::tail::Tail;
use crate::{Bounds, StateKey};

#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) index: Index,
    pub(crate) tail: Tail,
    pub(crate) values: BTreeMap<StateKey, Value>,
    pub(crate) purged: Option<Purged>,
}

/// A small value.
#[derive(Debug)]
pub(crate) struct Value {
    /// The newest.
    pub(crate) bytes: Bytes,
    /// Where the newest that was queued is. `None`: no value was queued yet, the newest is lazy.
    pub(crate) place: Option<Location>,
}

/// The last purge.
#[derive(Debug)]
pub(crate) struct Purged {
    pub(crate) through: u64,
    pub(crate) marker: Bytes,
    pub(crate) place: Location,
}

impl Group {
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { first: self.index.first(), next: self.index.next() }
    }

    /// The locations of all that the group needs.
    pub(crate) fn locations(&self) -> impl Iterator<Item = Location> {
        let entries = self.index.iter_from(0).map(|(_, location)| location);
        let values = self.values.values().filter_map(|value| value.place);
        entries.chain(values).chain(self.purged.iter().map(|purged| purged.place))
    }
}
