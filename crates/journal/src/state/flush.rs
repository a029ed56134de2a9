//! Batches on their way to the disk and back.

use super::queue::{Change, Done, What};
use super::{Segment, State};
use crate::frame::Kind;
use crate::index::Location;

/// What the writer gets when it asks for a batch.
pub(crate) enum Taken {
    /// Nothing waits.
    Nothing,
    /// These changes, in order.
    Changes(Vec<Change>),
    /// The first change needs this many bytes.
    TooLong(usize),
}

impl State {
    /// True if nothing waits for the writer.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes what waits, in order, as much as fits into `bytes_max`. Lazy values go with whatever else does.
    pub(crate) fn take(&mut self, bytes_max: usize) -> Taken {
        if self.queue.is_empty() {
            return Taken::Nothing;
        }
        self.queue_lazy();
        match self.queue.first_bytes() {
            Some(bytes) if bytes > bytes_max => Taken::TooLong(bytes),
            _ => Taken::Changes(self.queue.take(bytes_max)),
        }
    }

    /// Takes everything that waits, to fail it.
    pub(crate) fn take_all(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        while !self.queue.is_empty() {
            let changes = self.queue.take(usize::MAX);
            done.extend(self.fail(changes));
        }
        done
    }

    /// Gives up taken changes; returns their completions, in order.
    pub(crate) fn fail(&mut self, changes: Vec<Change>) -> Vec<Done> {
        changes.iter().for_each(|change| self.queue.settle(change));
        changes.into_iter().filter_map(|change| change.done).collect()
    }

    /// The oldest segment that a batch which is written now must keep.
    pub(crate) fn head(&mut self) -> u64 {
        self.segments.head(self.queue.last(), self.durable)
    }

    /// True if a segment is free but nothing waits that would say so on disk.
    pub(crate) fn must_publish_head(&mut self) -> bool {
        self.queue.is_empty() && self.head() > self.segments.oldest()
    }

    /// Forgets the segments before `head`, which is durable.
    pub(crate) fn free_before(&mut self, head: u64) -> Vec<Segment> {
        self.segments.free_before(head)
    }

    /// Records that `changes` are durable at `places` (of changes that are not frames: none). Returns their
    /// completions, in order.
    pub(crate) fn settle(&mut self, changes: Vec<Change>, places: &[Location]) -> Vec<Done> {
        let mut places = places.iter();
        let mut completions = Vec::new();
        for change in changes {
            self.queue.settle(&change);
            self.durable = change.ticket;
            if let What::Frame { .. } = change.what {
                let place = *places.next().expect("every frame has a place");
                self.place(&change, place);
            }
            completions.extend(change.done);
        }
        self.evict();
        completions
    }

    fn place(&mut self, change: &Change, place: Location) {
        let What::Frame { group, kind, from, .. } = change.what else { return };
        let Some(group) = self.groups.get_mut(&group) else { return };
        let waiting = Location::waiting(change.ticket);
        let needed = match kind {
            Kind::Entry { index } => group.index.replace(index, waiting, place),
            Kind::Moved { index } => {
                let from = from.expect("a moved entry comes from somewhere");
                let moved = group.index.replace(index, from, place);
                if moved {
                    self.segments.remove(from);
                }
                moved
            }
            // Needed only as long as what it removes is there, which is in this segment or older ones.
            Kind::Truncate { .. } => false,
            Kind::Purge { .. } => {
                replace(group.purged.as_mut().map(|purged| &mut purged.place), waiting, place)
            }
            Kind::Put { key } => {
                let value = group.values.get_mut(&key);
                replace(value.and_then(|value| value.place.as_mut()), waiting, place)
            }
        };
        if needed {
            self.segments.add(place);
        }
    }

    /// Drops cached entries beyond the budget, oldest first, as far as they are durable.
    fn evict(&mut self) {
        let Self { groups, cache, queue, .. } = self;
        // Of the bytes in memory about as many wait to be written as the queue has: those are not the cache's.
        while cache.is_over(queue.bytes()) {
            let Some((id, index)) = cache.oldest() else { return };
            let Some(group) = groups.get_mut(&id) else {
                cache.forget_oldest();
                continue;
            };
            while group.tail.start() <= index {
                let start = group.tail.start();
                if group.index.get(start).is_some_and(|location| !location.is_on_disk()) {
                    return;
                }
                let bytes = group.tail.bytes();
                if !group.tail.pop_front() {
                    break;
                }
                cache.remove(bytes - group.tail.bytes());
            }
            cache.forget_oldest();
        }
    }
}

/// Sets `place` to `to` if it is `from`. Says whether it was.
fn replace(place: Option<&mut Location>, from: Location, to: Location) -> bool {
    match place {
        Some(place) if *place == from => {
            *place = to;
            true
        }
        _ => false,
    }
}
