//! What the journal knows in memory: one value under one lock, so that the order of the calls is the order of the log.
//!
//! Nothing here waits or touches a file. [`changes`] takes what callers ask for and queues it; the writer takes batches
//! off the queue and reports them durable through [`flush`]; [`segments`] follows which files are still needed.

mod cache;
mod changes;
mod flush;
mod group;
mod queue;
mod segments;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::cache::Cache;
pub(crate) use self::flush::Taken;
pub(crate) use self::group::{Group, Purged, Value};
pub(crate) use self::queue::{Change, Done, What};
pub(crate) use self::segments::{Segment, Segments};
pub(crate) use self::sweep::{Found, Sweep};

use self::queue::Queue;
use crate::index::{Location, Ticket};
use crate::{GroupId, StateKey};

pub(crate) struct State {
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) segments: Segments,
    pub(crate) cache: Cache,
    queue: Queue,
    /// Values that wait for a flush that something else causes.
    lazy: BTreeSet<(GroupId, StateKey)>,
    /// Frames queued again so that their segment can be freed.
    pub(crate) moved: u64,
    /// The last change that is durable, with all before it.
    durable: Ticket,
}

impl State {
    pub(crate) fn new(groups: BTreeMap<GroupId, Group>, segments: Segments, cache: Cache) -> Self {
        let mut state = Self {
            groups,
            segments,
            cache,
            queue: Queue::default(),
            lazy: BTreeSet::new(),
            moved: 0,
            durable: Ticket(0),
        };
        for group in state.groups.values() {
            group.locations().for_each(|location| state.segments.add(location));
        }
        state
    }

    /// Bytes that wait to be written, with those being written.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// True if the entry is at `location`.
    pub(crate) fn is_at(&self, group: GroupId, index: u64, location: Location) -> bool {
        self.groups.get(&group).and_then(|group| group.index.get(index)) == Some(location)
    }

    /// The group, made if it is new.
    fn group(&mut self, id: GroupId) -> &mut Group {
        self.groups.entry(id).or_default()
    }
}
