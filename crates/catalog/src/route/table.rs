//! The routing table of an exchange: what its type makes of its bindings.

use std::sync::Arc;

use amqp091::Value;

use super::headers::HeaderTable;
use super::ring::Ring;
use super::stable_hash::stable_hash;
use super::topic::Trie;
use super::{HashOn, Message};
use crate::binding::Binding;
use crate::destination::{Destination, Destinations};
use crate::exchange::{Exchange, Rule};
use crate::map::Map;
use crate::name::Name;

/// What is bound to an exchange, ready to be asked.
#[derive(Clone)]
pub(crate) enum Table {
    Direct(Map<Name, Destinations>),
    Fanout(Destinations),
    Topic(Trie),
    Headers(HeaderTable),
    ConsistentHash(Ring, Arc<HashOn>),
    ModulusHash(Distinct),
    Random(Distinct),
}

/// Destinations in the order of their names, each with by how many bindings it is there.
#[derive(Clone, Default)]
pub(crate) struct Distinct(Arc<Vec<(Destination, u32)>>);

impl Distinct {
    fn add(&mut self, destination: &Destination) {
        let all = Arc::make_mut(&mut self.0);
        match all.binary_search_by(|(other, _)| other.cmp(destination)) {
            Ok(at) => all[at].1 += 1,
            Err(at) => all.insert(at, (destination.clone(), 1)),
        }
    }

    fn remove(&mut self, destination: &Destination) {
        let all = Arc::make_mut(&mut self.0);
        if let Ok(at) = all.binary_search_by(|(other, _)| other.cmp(destination)) {
            all[at].1 -= 1;
            if all[at].1 == 0 {
                all.remove(at);
            }
        }
    }

    fn pick(&self, number: u64) -> Option<&Destination> {
        let count = self.0.len() as u64;
        let at = number.checked_rem(count)?;
        self.0.get(usize::try_from(at).ok()?).map(|(destination, _)| destination)
    }
}

impl Table {
    pub(crate) fn new(exchange: &Exchange) -> Self {
        match exchange.kind.rule {
            Rule::Direct => Table::Direct(Map::default()),
            Rule::Fanout => Table::Fanout(Destinations::default()),
            Rule::Topic => Table::Topic(Trie::default()),
            Rule::Headers => Table::Headers(HeaderTable::default()),
            Rule::ConsistentHash => {
                Table::ConsistentHash(Ring::default(), Arc::new(HashOn::of(&exchange.arguments)))
            }
            Rule::ModulusHash => Table::ModulusHash(Distinct::default()),
            Rule::Random | Rule::LocalRandom => Table::Random(Distinct::default()),
        }
    }

    pub(crate) fn add(&mut self, binding: &Binding, destination: &Destination) {
        match self {
            Table::Direct(keys) => keys.entry(&binding.key, Destinations::default).add(destination),
            Table::Fanout(all) => all.add(destination),
            Table::Topic(trie) => trie.add(&binding.key, destination),
            Table::Headers(table) => table.add(binding, destination),
            Table::ConsistentHash(ring, _) => ring.add(destination, weight(&binding.key)),
            Table::ModulusHash(all) | Table::Random(all) => all.add(destination),
        }
    }

    pub(crate) fn remove(&mut self, binding: &Binding, destination: &Destination) {
        match self {
            Table::Direct(keys) => {
                if let Some(there) = keys.get_mut(&binding.key) {
                    there.remove(destination);
                    if there.is_empty() {
                        keys.remove(&binding.key);
                    }
                }
            }
            Table::Fanout(all) => all.remove(destination),
            Table::Topic(trie) => trie.remove(&binding.key, destination),
            Table::Headers(table) => table.remove(binding, destination),
            Table::ConsistentHash(ring, _) => ring.remove(destination, weight(&binding.key)),
            Table::ModulusHash(all) | Table::Random(all) => all.remove(destination),
        }
    }

    /// Whether [`Table::find`] hands over nothing twice.
    pub(crate) fn finds_once(&self, message: &Message<'_>) -> bool {
        match self {
            Table::Direct(_) => message.more_keys.is_empty(),
            Table::Fanout(_) | Table::ConsistentHash(..) | Table::ModulusHash(_) | Table::Random(_) => true,
            Table::Topic(_) | Table::Headers(_) => false,
        }
    }

    /// Hands over where a message goes; the same may come several times.
    pub(crate) fn find<'a>(&'a self, message: &Message<'_>, mut found: impl FnMut(&'a Destination)) {
        match self {
            Table::Direct(keys) => message.keys().for_each(|key| {
                keys.get(key).into_iter().flat_map(Destinations::iter).for_each(&mut found);
            }),
            Table::Fanout(all) => all.iter().for_each(found),
            Table::Topic(trie) => message.keys().for_each(|key| {
                trie.find(key, |destinations| destinations.iter().for_each(&mut found));
            }),
            Table::Headers(table) => table.find(message.headers, found),
            Table::ConsistentHash(ring, on) => {
                if let Some(destination) = on.hashed(message, |bytes| ring.find(bytes)) {
                    found(destination);
                }
            }
            Table::ModulusHash(all) => all.pick(stable_hash(0, message.key)).into_iter().for_each(found),
            Table::Random(all) => all.pick(message.chance).into_iter().for_each(found),
        }
    }
}

/// The weight that a binding's key says; 1 for what an older version has let in.
fn weight(key: &Name) -> u32 {
    parse_weight(key).unwrap_or(1)
}

/// A whole number above 0.
pub(crate) fn parse_weight(key: &Name) -> Option<u32> {
    std::str::from_utf8(key).ok()?.parse().ok().filter(|weight| *weight > 0)
}

impl HashOn {
    /// Does something with the bytes that decide.
    pub(crate) fn hashed<R>(&self, message: &Message<'_>, find: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            HashOn::Key => find(message.key),
            HashOn::Header(name) => match message.headers.iter().find(|(key, _)| key.as_bytes() == &**name) {
                Some((_, Value::LongString(bytes) | Value::Bytes(bytes))) => find(bytes),
                Some((_, value)) => find(format!("{value:?}").as_bytes()),
                None => find(b""),
            },
            HashOn::MessageId => find(message.message_id.unwrap_or_default()),
            HashOn::CorrelationId => find(message.correlation_id.unwrap_or_default()),
            HashOn::Timestamp => {
                find(&message.timestamp.map(|seconds| seconds.to_le_bytes()).unwrap_or_default())
            }
        }
    }
}
