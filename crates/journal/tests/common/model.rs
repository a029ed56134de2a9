//! The journal as one would write it without a disk: every state it ever had.

use std::collections::BTreeMap;

use bytes::Bytes;
use journal::{Bounds, GroupId, Journal, StateKey};

/// One group after some number of frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) first: u64,
    pub(crate) entries: Vec<Bytes>,
    pub(crate) marker: Option<Bytes>,
}

impl Group {
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { first: self.first, next: self.next() }
    }
}

pub(crate) type Groups = BTreeMap<GroupId, Group>;

/// A value that was set when `frames` frames had been called, this one included unless it is lazy.
#[derive(Clone, Debug)]
struct Set {
    frames: usize,
    lazy: bool,
    bytes: Bytes,
}

/// All states since the beginning.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The groups after each frame.
    states: Vec<Groups>,
    values: BTreeMap<(GroupId, StateKey), Vec<Set>>,
}

impl Default for Model {
    fn default() -> Self {
        Self { states: vec![Groups::default()], values: BTreeMap::new() }
    }
}

impl Model {
    /// A model that begins with what a journal has.
    pub(crate) async fn of(journal: &Journal) -> Self {
        let mut model = Self::default();
        for id in journal.groups() {
            let log = journal.group(id);
            let Bounds { first, .. } = log.bounds();
            let entries = super::read_all(&log).await;
            model.states[0].insert(id, Group { first, entries, marker: log.purge_marker() });
            for key in (0..=u8::MAX).map(StateKey) {
                if let Some(bytes) = log.get(key) {
                    model.values.insert((id, key), vec![Set { frames: 0, lazy: false, bytes }]);
                }
            }
        }
        model
    }

    /// How many frames were called.
    pub(crate) fn frames(&self) -> usize {
        self.states.len() - 1
    }

    pub(crate) fn group(&self, id: GroupId) -> Group {
        self.states[self.frames()].get(&id).cloned().unwrap_or_default()
    }

    fn change(&mut self, id: GroupId, change: impl FnOnce(&mut Group)) {
        let mut state = self.states[self.frames()].clone();
        change(state.entry(id).or_default());
        self.states.push(state);
    }

    pub(crate) fn append(&mut self, id: GroupId, entry: Bytes) {
        self.change(id, |group| group.entries.push(entry));
    }

    pub(crate) fn truncate(&mut self, id: GroupId, from: u64) {
        self.change(id, |group| group.entries.truncate(from.saturating_sub(group.first) as usize));
    }

    pub(crate) fn purge(&mut self, id: GroupId, through: u64, marker: Bytes) {
        self.change(id, |group| {
            if through < group.first {
                return;
            }
            let gone = (through + 1 - group.first).min(group.entries.len() as u64);
            group.entries.drain(..gone as usize);
            group.first = through + 1;
            group.marker = Some(marker);
        });
    }

    pub(crate) fn put(&mut self, id: GroupId, key: StateKey, bytes: Bytes, lazy: bool) {
        if !lazy {
            self.change(id, |_| {});
        }
        let frames = self.frames();
        self.values.entry((id, key)).or_default().push(Set { frames, lazy, bytes });
    }

    pub(crate) fn value(&self, id: GroupId, key: StateKey) -> Option<Bytes> {
        self.values.get(&(id, key)).and_then(|sets| sets.last()).map(|set| set.bytes.clone())
    }

    /// How many frames `journal` can have, at least `least`, so that it is exactly what the calls up to there made.
    pub(crate) async fn explain(&self, journal: &Journal, least: usize) -> Result<usize, String> {
        let actual = Model::of(journal).await;
        let groups = |state: &Groups| -> Groups {
            let used = state.iter().filter(|(_, group)| **group != Group::default());
            used.map(|(&id, group)| (id, group.clone())).collect()
        };
        let found = groups(&actual.states[0]);
        let frames = (least..=self.frames()).find(|&frames| {
            groups(&self.states[frames]) == found
                && self.values.keys().all(|key| self.allows(&actual, *key, frames))
        });
        frames.ok_or_else(|| {
            format!(
                "no prefix of at least {least} of {} frames gives {found:?}\n{:?}",
                self.frames(),
                actual.values
            )
        })
    }

    /// True if the value is one that the first `frames` frames may leave: the last one put, or a lazy one set after it.
    fn allows(&self, actual: &Model, key: (GroupId, StateKey), frames: usize) -> bool {
        let value = actual.value(key.0, key.1);
        let mut allowed = vec![None];
        for set in self.values[&key].iter().filter(|set| set.frames <= frames) {
            if !set.lazy {
                allowed.clear();
            }
            allowed.push(Some(set.bytes.clone()));
        }
        allowed.contains(&value)
    }
}
