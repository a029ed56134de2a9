//! Why publishers are held up: what this node is short of, or another one of the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use runtime::Instant;
use tokio::sync::watch;

/// What another node has said counts for so long. It says so every second while it is short of something.
const HEARD_FOR: Duration = Duration::from_secs(5);

/// What a node can be short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Memory.
    Memory,
    /// Disk space.
    Disk,
}

impl Resource {
    const ALL: [Resource; 2] = [Resource::Memory, Resource::Disk];

    /// RabbitMQ's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Memory => "memory",
            Resource::Disk => "disk",
        }
    }
}

/// What a node is short of, as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shortage(u8);

impl Shortage {
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits & 0b11)
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    fn is_none(self) -> bool {
        self.0 == 0
    }

    fn has(self, resource: Resource) -> bool {
        self.0 & (1 << resource as u8) != 0
    }

    fn with(self, resource: Resource, is_low: bool) -> Self {
        let bit = 1 << resource as u8;
        Self(if is_low { self.0 | bit } else { self.0 & !bit })
    }

    fn resources(self) -> impl Iterator<Item = Resource> {
        Resource::ALL.into_iter().filter(move |resource| self.has(*resource))
    }
}

/// What the cluster is short of. While it is, nothing is read from connections that publish.
#[derive(Debug)]
pub struct Alarms {
    state: Mutex<State>,
    /// Of all nodes together.
    sum: watch::Sender<Shortage>,
}

#[derive(Debug, Default)]
struct State {
    own: Shortage,
    /// What the others were told.
    told: Shortage,
    /// By node: what it is short of, and until when that counts.
    others: BTreeMap<u64, (Shortage, Instant)>,
}

impl Default for Alarms {
    fn default() -> Self {
        Self { state: Mutex::default(), sum: watch::Sender::new(Shortage::default()) }
    }
}

impl Alarms {
    /// Whether this node is short of something.
    pub fn set(&self, resource: Resource, is_low: bool) {
        self.change(|state| state.own = state.own.with(resource, is_low));
    }

    /// What another node says it is short of.
    pub(crate) fn hear(&self, node: u64, shortage: Shortage, now: Instant) {
        self.change(|state| {
            if shortage.is_none() {
                state.others.remove(&node);
            } else {
                state.others.insert(node, (shortage, now + HEARD_FOR));
            }
        });
    }

    /// Forgets what was said too long ago, and gives what the others are to be told, if they are.
    pub(crate) fn pass(&self, now: Instant) -> Option<Shortage> {
        self.change(|state| {
            state.others.retain(|_, (_, until)| *until > now);
            let is_news = !state.own.is_none() || state.told != state.own;
            state.told = state.own;
            is_news.then_some(state.own)
        })
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let others = state.others.values().map(|(shortage, _)| shortage.0);
        let sum = Shortage(others.fold(state.own.0, |sum, bits| sum | bits));
        self.sum.send_if_modified(|known| std::mem::replace(known, sum) != sum);
        result
    }

    /// What the cluster is short of, in RabbitMQ's words.
    pub fn reason(&self) -> Option<&'static str> {
        let sum = *self.sum.borrow();
        match (sum.has(Resource::Memory), sum.has(Resource::Disk)) {
            (false, false) => None,
            (true, false) => Some("low on memory"),
            (false, true) => Some("low on disk"),
            (true, true) => Some("low on memory & disk"),
        }
    }

    /// What this node is short of.
    pub fn own(&self) -> Vec<Resource> {
        self.state.lock().own.resources().collect()
    }

    /// What other nodes are short of, as far as they have said.
    pub fn others(&self) -> Vec<(u64, Resource)> {
        let state = self.state.lock();
        let others = state.others.iter();
        others.flat_map(|(node, (shortage, _))| shortage.resources().map(|it| (*node, it))).collect()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Shortage> {
        self.sum.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(alarms: &Alarms, memory: bool, disk: bool) {
        alarms.set(Resource::Memory, memory);
        alarms.set(Resource::Disk, disk);
    }

    #[test]
    fn reasons_are_rabbitmqs() {
        let alarms = Alarms::default();
        assert_eq!(alarms.reason(), None);
        set(&alarms, true, false);
        assert_eq!(alarms.reason(), Some("low on memory"));
        set(&alarms, true, true);
        assert_eq!(alarms.reason(), Some("low on memory & disk"));
        set(&alarms, false, true);
        assert_eq!(alarms.reason(), Some("low on disk"));
        set(&alarms, false, false);
        assert_eq!(alarms.reason(), None);
    }

    #[test]
    fn what_another_node_is_short_of_counts_until_it_says_otherwise_or_nothing() {
        let alarms = Alarms::default();
        let start = Instant::default();
        alarms.hear(2, Shortage::from_bits(1), start);
        alarms.hear(3, Shortage::from_bits(2), start + Duration::from_secs(3));
        assert_eq!(alarms.others(), [(2, Resource::Memory), (3, Resource::Disk)]);
        assert_eq!((alarms.reason(), alarms.own().len()), (Some("low on memory & disk"), 0));
        alarms.pass(start + HEARD_FOR);
        assert_eq!(alarms.reason(), Some("low on disk"));
        alarms.hear(3, Shortage::default(), start + HEARD_FOR);
        assert_eq!(alarms.reason(), None);
    }

    #[test]
    fn others_are_told_while_there_is_a_shortage_and_once_that_it_is_over() {
        let alarms = Alarms::default();
        let now = Instant::default();
        assert_eq!(alarms.pass(now), None);
        alarms.set(Resource::Disk, true);
        assert_eq!(alarms.pass(now), Some(Shortage::from_bits(2)));
        assert_eq!(alarms.pass(now), Some(Shortage::from_bits(2)));
        alarms.set(Resource::Disk, false);
        assert_eq!(alarms.pass(now), Some(Shortage::default()));
        assert_eq!(alarms.pass(now), None);
    }
}
