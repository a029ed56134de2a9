//! Bindings.

use amqp091::Table;
use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::destination::DestinationName;
use crate::name::Name;

/// A way from an exchange to a queue or another exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The exchange that messages come from.
    pub source: Name,
    /// Where they go.
    pub destination: DestinationName,
    /// The destination's id. When it has another one or is gone, the binding counts for nothing.
    pub destination_id: u64,
    /// The routing key, or what the exchange's type takes it for.
    pub key: Name,
    /// The rest.
    pub arguments: Arguments,
}

/// What a binding's znode holds; the rest is its name.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    #[serde(default, skip_serializing_if = "Arguments::is_empty")]
    pub(crate) arguments: Arguments,
}

/// A binding by what makes it this one and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingSpec {
    /// The exchange that messages come from.
    pub source: Name,
    /// Where they go.
    pub destination: DestinationName,
    /// The routing key.
    pub key: Name,
    /// The rest.
    pub arguments: Arguments,
}

impl BindingSpec {
    /// A binding of a queue.
    pub fn of_queue(
        source: impl Into<Name>,
        queue: impl Into<Name>,
        key: impl Into<Name>,
        arguments: Table<'_>,
    ) -> Self {
        Self {
            source: source.into(),
            destination: DestinationName::Queue(queue.into()),
            key: key.into(),
            arguments: arguments.into(),
        }
    }

    /// A binding of an exchange.
    pub fn of_exchange(
        source: impl Into<Name>,
        destination: impl Into<Name>,
        key: impl Into<Name>,
        arguments: Table<'_>,
    ) -> Self {
        let destination = DestinationName::Exchange(destination.into());
        Self { destination, ..Self::of_queue(source, "", key, arguments) }
    }

    /// The binding, to the destination that has this id now.
    pub(crate) fn to(&self, destination_id: u64) -> Binding {
        let Self { source, destination, key, arguments } = self.clone();
        Binding { source, destination, destination_id, key, arguments }
    }
}

impl Binding {
    /// The name of its znode: `queue,NAME,ID,KEY` or `exchange,NAME,ID,KEY`, and a fingerprint of its arguments if it has any. As the id
    /// is in it and none is given twice, a name whose destination has gone is never used again.
    pub(crate) fn znode(&self) -> String {
        let kind = if self.destination.is_queue() { "queue" } else { "exchange" };
        let (name, id, key) = (self.destination.name().encode(), self.destination_id, self.key.encode());
        let mut znode = format!("{kind},{name},{id},{key}");
        if let Some(fingerprint) = self.arguments.fingerprint() {
            znode.push(',');
            znode.push_str(&fingerprint);
        }
        znode
    }

    /// From the names of the znodes of its exchange and of its own.
    pub(crate) fn from_record(source: Name, znode: &str, record: Record) -> Option<Self> {
        let mut parts = znode.split(',');
        let (kind, name, id, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let name = Name::decode(name)?;
        let destination = match kind {
            "queue" => DestinationName::Queue(name),
            "exchange" => DestinationName::Exchange(name),
            _ => return None,
        };
        let binding = Self {
            source,
            destination,
            destination_id: id.parse().ok()?,
            key: Name::decode(key)?,
            arguments: record.arguments,
        };
        (binding.znode() == znode).then_some(binding)
    }

    /// What makes it this one.
    pub fn spec(&self) -> BindingSpec {
        let Self { source, destination, key, arguments, .. } = self.clone();
        BindingSpec { source, destination, key, arguments }
    }
}
