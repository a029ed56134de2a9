//! The queues of a run.

use super::super::history::Copy;

/// Something to publish to, and the queues behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// A queue, by the default exchange.
    Plain,
    /// Several queues, to which an exchange spreads messages by their keys.
    Spread,
    /// A queue with a single active consumer.
    Single,
    /// A queue whose messages die when they are rejected or fail too often.
    Mortal,
    /// Where they come to lie.
    Dead,
}

/// Which queues there are, and what they are called.
#[derive(Clone, Debug)]
pub struct Layout {
    /// All queues.
    pub queues: Vec<(Place, String)>,
    /// How often a message of [`Place::Mortal`] may fail.
    pub delivery_limit: i64,
}

/// The exchange of [`Place::Spread`].
pub(super) const SPREAD: &str = "spread";
/// The exchange that dead letters go to.
pub(super) const GRAVES: &str = "graves";
/// Different keys of messages for [`Place::Spread`].
const KEYS: u64 = 24;

impl Layout {
    /// With so many queues at [`Place::Spread`].
    pub fn new(spread: usize, delivery_limit: i64) -> Self {
        let one = |place, name: &str| (place, name.to_owned());
        let mut queues = vec![
            one(Place::Plain, "plain"),
            one(Place::Single, "single"),
            one(Place::Mortal, "mortal"),
            one(Place::Dead, "dead"),
        ];
        queues.extend((0..spread).map(|number| (Place::Spread, format!("spread-{number}"))));
        Self { queues, delivery_limit }
    }

    /// The queues of a place, by number.
    pub fn of(&self, place: Place) -> impl Iterator<Item = usize> + '_ {
        (0..self.queues.len()).filter(move |queue| self.queues[*queue].0 == place)
    }

    /// A queue's place.
    pub fn place(&self, queue: usize) -> Place {
        self.queues[queue].0
    }

    /// A queue's name.
    pub fn name(&self, queue: usize) -> &str {
        &self.queues[queue].1
    }

    /// The exchange and the routing key of a copy for a place.
    pub(super) fn address(place: Place, copy: Copy) -> (&'static str, String) {
        match place {
            Place::Plain => ("", "plain".to_owned()),
            Place::Single => ("", "single".to_owned()),
            Place::Mortal => ("", "mortal".to_owned()),
            Place::Dead => ("", "dead".to_owned()),
            Place::Spread => (SPREAD, Self::key(copy)),
        }
    }

    /// The routing key of a copy for [`Place::Spread`].
    pub fn key(copy: Copy) -> String {
        format!("key-{}", copy.number % KEYS)
    }
}
