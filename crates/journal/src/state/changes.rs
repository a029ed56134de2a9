//! Changes as callers ask for them: they take effect in memory at once and are queued.

use bytes::Bytes;

use super::queue::{Done, What};
use super::{Purged, State, Value};
use crate::frame::Kind;
use crate::index::{Location, Ticket};
use crate::{AppendError, ENTRY_BYTES_MAX, GroupId, StateKey};

impl State {
    pub(crate) fn append(
        &mut self,
        id: GroupId,
        first_index: u64,
        entries: Vec<Bytes>,
        done: Done,
    ) -> Result<(), AppendError> {
        let next = self.group(id).index.next();
        if first_index != next {
            return Err(AppendError::NotNext { index: first_index, next });
        }
        if let Some(entry) = entries.iter().find(|entry| entry.len() > ENTRY_BYTES_MAX) {
            return Err(AppendError::TooLarge { bytes: entry.len(), limit: ENTRY_BYTES_MAX });
        }
        if entries.is_empty() {
            self.queue.push(What::Barrier, Some(done));
            return Ok(());
        }
        for (index, entry) in (first_index..).zip(entries) {
            self.append_one(id, index, entry);
        }
        self.queue.complete_last(done);
        Ok(())
    }

    fn append_one(&mut self, id: GroupId, index: u64, entry: Bytes) {
        self.cache.add(id, index, entry.len());
        let ticket = self.enqueue(id, Kind::Entry { index }, entry.clone(), None);
        let group = self.group(id);
        group.index.push(Location::waiting(ticket));
        group.tail.push(entry);
    }

    pub(crate) fn truncate(&mut self, id: GroupId, from: u64, done: Done) {
        let group = self.groups.entry(id).or_default();
        let from = from.max(group.index.first());
        if from >= group.index.next() {
            self.queue.push(What::Barrier, Some(done));
            return;
        }
        group.index.truncate(from).for_each(|location| self.segments.remove(location));
        let cached = group.tail.bytes();
        group.tail.truncate(from);
        self.cache.remove(cached - group.tail.bytes());
        self.enqueue(id, Kind::Truncate { from }, Bytes::new(), Some(done));
    }

    pub(crate) fn purge(&mut self, id: GroupId, through: u64, marker: Bytes, done: Done) {
        check_small(&marker);
        let first = through.checked_add(1).expect("an index that can be purged is less than u64::MAX");
        let group = self.groups.entry(id).or_default();
        if first <= group.index.first() {
            self.queue.push(What::Barrier, Some(done));
            return;
        }
        group.index.purge(first).for_each(|location| self.segments.remove(location));
        let cached = group.tail.bytes();
        group.tail.purge(first);
        self.cache.remove(cached - group.tail.bytes());
        self.record_purge(id, through, marker, Some(done));
    }

    /// Queues the record of a purge, which may be one that is moved.
    pub(super) fn record_purge(&mut self, id: GroupId, through: u64, marker: Bytes, done: Option<Done>) {
        let ticket = self.enqueue(id, Kind::Purge { through }, marker.clone(), done);
        let place = Location::waiting(ticket);
        let old = self.group(id).purged.replace(Purged { through, marker, place });
        if let Some(old) = old {
            self.segments.remove(old.place);
        }
    }

    pub(crate) fn put(&mut self, id: GroupId, key: StateKey, bytes: Bytes, done: Option<Done>) {
        check_small(&bytes);
        self.lazy.remove(&(id, key));
        let ticket = self.enqueue(id, Kind::Put { key }, bytes.clone(), done);
        let place = Some(Location::waiting(ticket));
        let old = self.group(id).values.insert(key, Value { bytes, place });
        if let Some(place) = old.and_then(|old| old.place) {
            self.segments.remove(place);
        }
    }

    pub(crate) fn put_lazy(&mut self, id: GroupId, key: StateKey, bytes: Bytes) {
        check_small(&bytes);
        // The value before it stays needed until this one is queued.
        let value = self.group(id).values.entry(key).or_insert(Value { bytes: Bytes::new(), place: None });
        value.bytes = bytes;
        self.lazy.insert((id, key));
    }

    /// Queues the lazy values: behind all that was called before them.
    pub(super) fn queue_lazy(&mut self) {
        for (id, key) in std::mem::take(&mut self.lazy) {
            self.requeue(id, key);
        }
    }

    /// Queues the newest bytes of a value.
    pub(super) fn requeue(&mut self, id: GroupId, key: StateKey) {
        let value = self.groups.get(&id).and_then(|group| group.values.get(&key));
        if let Some(bytes) = value.map(|value| value.bytes.clone()) {
            self.put(id, key, bytes, None);
        }
    }

    /// Queues a barrier.
    pub(crate) fn barrier(&mut self, done: Option<Done>) {
        self.queue.push(What::Barrier, done);
    }

    /// Queues the end of the journal.
    pub(crate) fn close(&mut self, done: Done) {
        self.queue_lazy();
        self.queue.push(What::Close, Some(done));
    }

    fn enqueue(&mut self, group: GroupId, kind: Kind, payload: Bytes, done: Option<Done>) -> Ticket {
        self.queue.push(What::Frame { group, kind, payload, from: None }, done)
    }
}

fn check_small(bytes: &Bytes) {
    assert!(bytes.len() <= ENTRY_BYTES_MAX, "values and markers are small");
}
