//! Exchanges and their types.

use amqp091::{Table, Value};
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::name::Name;

/// An exchange. It is replaced as a whole when its record changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// The virtual host.
    pub vhost: Name,
    /// Its name there. The default exchange, which has none, is no znode and always there.
    pub name: Name,
    /// Never given twice.
    pub id: u64,
    /// How it routes.
    pub kind: ExchangeKind,
    /// As declared. All exchanges are equally safe: this is for clients that ask again.
    pub durable: bool,
    /// Deleted with the last binding that leads from it.
    pub auto_delete: bool,
    /// Closed to publishers.
    pub internal: bool,
    /// As declared.
    pub arguments: Arguments,
    /// Whether a binding has ever led from it; noted only for those that are deleted with their last.
    pub was_bound: bool,
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExchangeKind {
    /// Which rule it follows.
    pub rule: Rule,
    /// Whether it is an `x-delayed-message` exchange, whose rule is that of its argument `x-delayed-type`.
    pub delayed: bool,
}

/// How an exchange chooses among its bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Equal keys.
    Direct,
    /// All.
    Fanout,
    /// Patterns of words.
    Topic,
    /// The message's headers against the binding's arguments.
    Headers,
    /// One, by the hash of something that the exchange's arguments name; keys are weights.
    ConsistentHash,
    /// One, by the hash of the key over how many there are.
    ModulusHash,
    /// One, by chance.
    Random,
    /// The same: all queues are local to every node.
    LocalRandom,
}

const NAMES: [(&str, Rule); 8] = [
    ("direct", Rule::Direct),
    ("fanout", Rule::Fanout),
    ("topic", Rule::Topic),
    ("headers", Rule::Headers),
    ("x-consistent-hash", Rule::ConsistentHash),
    ("x-modulus-hash", Rule::ModulusHash),
    ("x-random", Rule::Random),
    ("x-local-random", Rule::LocalRandom),
];

const DELAYED: &str = "x-delayed-message";

/// The argument of an `x-delayed-message` exchange that names its rule.
pub const DELAYED_TYPE: &str = "x-delayed-type";

impl Rule {
    /// From the name of an exchange type.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
    }

    /// The name of the exchange type.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, rule)| *rule == self).map_or("", |(name, _)| name)
    }
}

impl ExchangeKind {
    /// A type that follows a rule at once.
    pub const fn plain(rule: Rule) -> Self {
        Self { rule, delayed: false }
    }

    /// From the name of an exchange type and the arguments of the declaration. `None` if there is no such type.
    pub fn parse(name: &str, arguments: Table<'_>) -> Option<Self> {
        match name {
            DELAYED => {
                let inner = arguments.get(DELAYED_TYPE).and_then(Value::text)?;
                Some(Self { rule: Rule::parse(inner)?, delayed: true })
            }
            _ => Rule::parse(name).map(Self::plain),
        }
    }

    /// The name of the exchange type.
    pub fn name(self) -> &'static str {
        if self.delayed { DELAYED } else { self.rule.name() }
    }
}

impl Exchange {
    /// The exchange that gets what finds no way from here, as declared.
    pub fn alternate(&self) -> Option<Name> {
        match self.arguments.get(ALTERNATE)? {
            Value::LongString(name) => Some(Name::from(name)),
            _ => None,
        }
    }
}

/// The argument that names an alternate exchange.
pub const ALTERNATE: &str = "alternate-exchange";

/// The exchanges that every virtual host has from the start.
pub(crate) const PREDECLARED: [(&str, Rule, bool); 6] = [
    ("amq.direct", Rule::Direct, false),
    ("amq.fanout", Rule::Fanout, false),
    ("amq.headers", Rule::Headers, false),
    ("amq.match", Rule::Headers, false),
    ("amq.rabbitmq.trace", Rule::Topic, true),
    ("amq.topic", Rule::Topic, false),
];

/// What an exchange's znode holds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    pub(crate) id: u64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    pub(crate) internal: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) was_bound: bool,
    #[serde(default, skip_serializing_if = "Arguments::is_empty")]
    pub(crate) arguments: Arguments,
}

impl Record {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        Self {
            format: crate::place::FORMAT,
            id: exchange.id,
            kind: exchange.kind.name().to_owned(),
            durable: exchange.durable,
            auto_delete: exchange.auto_delete,
            internal: exchange.internal,
            was_bound: exchange.was_bound,
            arguments: exchange.arguments.clone(),
        }
    }

    /// `None` for a type that this version does not know.
    pub(crate) fn into_exchange(self, vhost: Name, name: Name) -> Option<Exchange> {
        Some(Exchange {
            vhost,
            name,
            id: self.id,
            kind: ExchangeKind::parse(&self.kind, self.arguments.table())?,
            durable: self.durable,
            auto_delete: self.auto_delete,
            internal: self.internal,
            arguments: self.arguments,
            was_bound: self.was_bound,
        })
    }
}
