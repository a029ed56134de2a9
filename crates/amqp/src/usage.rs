//! How much limited users and virtual hosts have, on all nodes together.
//!
//! A node knows its own connections, and every second hears from the others how many they have of those that are limited. So two nodes may
//! together let in a few more than there should be, within that second.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use runtime::Instant;

/// What another node has said counts for so long.
const HEARD_FOR: Duration = Duration::from_secs(5);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    /// A user's connections.
    UserConnections,
    /// A user's channels.
    UserChannels,
    /// Connections to a virtual host.
    VhostConnections,
}

impl Counted {
    pub(crate) const ALL: [Counted; 3] =
        [Counted::UserConnections, Counted::UserChannels, Counted::VhostConnections];
}

/// How many a node has, by what and whose.
pub(crate) type Usage = BTreeMap<(Counted, String), u32>;

/// What other nodes have said.
#[derive(Debug, Default)]
pub(crate) struct Usages(Mutex<BTreeMap<u64, (Usage, Instant)>>);

impl Usages {
    pub(crate) fn hear(&self, node: u64, usage: Usage, now: Instant) {
        self.0.lock().insert(node, (usage, now + HEARD_FOR));
    }

    /// How many all other nodes have.
    pub(crate) fn count(&self, counted: Counted, whose: &str, now: Instant) -> u64 {
        let key = (counted, whose.to_owned());
        let others = self.0.lock();
        let heard = others.values().filter(|(_, until)| *until > now);
        heard.filter_map(|(usage, _)| usage.get(&key)).map(|count| u64::from(*count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_nodes_have_adds_up_while_they_say_so() {
        let usages = Usages::default();
        let start = Instant::default();
        let usage = |count| Usage::from([((Counted::UserChannels, "u".to_owned()), count)]);
        usages.hear(1, usage(1), start);
        usages.hear(2, usage(5), start);
        usages.hear(1, usage(2), start + Duration::from_secs(1));
        let count = |counted, whose, now| usages.count(counted, whose, now);
        assert_eq!(count(Counted::UserChannels, "u", start), 7);
        assert_eq!(count(Counted::UserChannels, "v", start), 0);
        assert_eq!(count(Counted::UserConnections, "u", start), 0);
        assert_eq!(count(Counted::UserChannels, "u", start + HEARD_FOR), 2);
    }
}
