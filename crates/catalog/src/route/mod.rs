//! From an exchange and a message to queues.

mod headers;
mod ring;
mod stable_hash;
mod table;
mod topic;
mod walk;

pub(crate) use headers::{Match, X_MATCH};
pub use stable_hash::stable_hash;
pub(crate) use table::{Table, parse_weight};
pub use walk::Routed;

use amqp091::Value;

use crate::arguments::Arguments;
use crate::name::Name;

/// What routing looks at in a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// The routing key.
    pub key: &'a [u8],
    /// Further routing keys: those of the headers `CC` and `BCC`. What goes to one destination by hash or chance does so by the first
    /// key alone.
    pub more_keys: &'a [&'a [u8]],
    /// The headers.
    pub headers: amqp091::Table<'a>,
    /// A property.
    pub message_id: Option<&'a [u8]>,
    /// A property.
    pub correlation_id: Option<&'a [u8]>,
    /// A property.
    pub timestamp: Option<u64>,
    /// A random number for exchanges that choose by chance. From the publisher's node, so that nothing here is random.
    pub chance: u64,
}

impl<'a> Message<'a> {
    /// All its keys, the routing key first.
    fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        std::iter::once(self.key).chain(self.more_keys.iter().copied())
    }
}

/// The argument of a consistent-hash exchange that names a header.
pub(crate) const HASH_HEADER: &str = "hash-header";
/// The argument of a consistent-hash exchange that names a property.
pub(crate) const HASH_PROPERTY: &str = "hash-property";

/// What a consistent-hash exchange hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum HashOn {
    #[default]
    Key,
    Header(Name),
    MessageId,
    CorrelationId,
    Timestamp,
}

impl HashOn {
    /// The routing key, unless the arguments name something else that is known.
    fn of(arguments: &Arguments) -> Self {
        if let Some(Value::LongString(header)) = arguments.get(HASH_HEADER) {
            return HashOn::Header(header.into());
        }
        match arguments.get(HASH_PROPERTY) {
            Some(Value::LongString(property)) => Self::property(property).unwrap_or_default(),
            _ => HashOn::Key,
        }
    }

    /// A property by its name.
    pub(crate) fn property(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"message_id" => HashOn::MessageId,
            b"correlation_id" => HashOn::CorrelationId,
            b"timestamp" => HashOn::Timestamp,
            _ => return None,
        })
    }
}
