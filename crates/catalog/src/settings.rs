//! What counts for a queue: its arguments and its policy, merged.

use crate::name::Name;
use crate::options::{DeliveryLimit, Overflow, QueueOptions};
use crate::policy::Definition;
use crate::queue::Queue;
use crate::topology::Vhost;

/// What counts for a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// Ready messages, at most.
    pub length_max: Option<u64>,
    /// Their bytes, at most.
    pub bytes_max: Option<u64>,
    /// What happens when it is full.
    pub overflow: Overflow,
    /// How long messages live, milliseconds. 0: only if they can be delivered at once.
    pub ttl_ms: Option<u64>,
    /// How long it may be unused, milliseconds.
    pub expires_ms: Option<u64>,
    /// The highest priority; 0 is none.
    pub priorities: u8,
    /// Whether only one of its consumers gets messages; of each partition, if it has several.
    pub single_active: bool,
    /// How many deliveries of a message may fail; nothing said is any number.
    pub delivery_limit: Option<u32>,
    /// Where dead messages go.
    pub dead_letter: Option<DeadLetter>,
    /// How long a consumer may keep a message, milliseconds; nothing said is the node's default, 0 is for ever.
    pub consumer_timeout_ms: Option<u64>,
}

/// Where dead messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// To which exchange.
    pub exchange: Name,
    /// With which key; nothing said is each message's own.
    pub routing_key: Option<Name>,
}

impl QueueSettings {
    /// Merges as RabbitMQ does: of two limits the lower counts, of two other settings the argument.
    pub fn merge(options: &QueueOptions, policy: Option<&Definition>) -> Self {
        let none = Definition::default();
        let policy = policy.unwrap_or(&none);
        let exchange = options
            .dead_letter_exchange
            .clone()
            .or_else(|| policy.dead_letter_exchange.as_deref().map(Name::from));
        let key = options
            .dead_letter_key
            .clone()
            .or_else(|| policy.dead_letter_routing_key.as_deref().map(Name::from));
        Self {
            length_max: lower(options.length_max, policy.max_length),
            bytes_max: lower(options.bytes_max, policy.max_length_bytes),
            overflow: options.overflow.or(policy.overflow()).unwrap_or_default(),
            ttl_ms: lower(options.ttl_ms, policy.message_ttl),
            expires_ms: lower(options.expires_ms, policy.expires),
            priorities: options.priorities.unwrap_or(0),
            single_active: options.single_active || options.partitions.is_some(),
            delivery_limit: delivery_limit(options.delivery_limit, policy.delivery_limit()),
            dead_letter: exchange.map(|exchange| DeadLetter { exchange, routing_key: key }),
            consumer_timeout_ms: lower(options.consumer_timeout_ms, policy.consumer_timeout),
        }
    }
}

impl Vhost {
    /// What counts for a queue of this virtual host. Tries the patterns of the policies: keep the result until
    /// [`Vhost::policies`] is another list or the queue another one.
    pub fn settings(&self, queue: &Queue) -> QueueSettings {
        let policy = self.policy_of_queue(queue);
        QueueSettings::merge(&queue.options, policy.map(|policy| &policy.definition))
    }
}

fn lower(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

/// Of two limits the lower; none at all is said by saying so, once.
fn delivery_limit(argument: Option<DeliveryLimit>, policy: Option<DeliveryLimit>) -> Option<u32> {
    let numbers = [argument, policy].into_iter().flatten().filter_map(|limit| match limit {
        DeliveryLimit::Off => None,
        DeliveryLimit::At(limit) => Some(limit),
    });
    numbers.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_limits_the_lower_counts_and_of_other_settings_the_argument() {
        let options = QueueOptions {
            ttl_ms: Some(100),
            length_max: Some(50),
            overflow: Some(Overflow::Refuse),
            dead_letter_exchange: Some("dead".into()),
            delivery_limit: Some(DeliveryLimit::Off),
            ..QueueOptions::default()
        };
        let policy = Definition {
            message_ttl: Some(200),
            max_length: Some(10),
            max_length_bytes: Some(1000),
            overflow: Some("drop-head".into()),
            dead_letter_exchange: Some("other".into()),
            dead_letter_routing_key: Some("key".into()),
            delivery_limit: Some(5),
            ..Definition::default()
        };
        let settings = QueueSettings::merge(&options, Some(&policy));
        let expected = QueueSettings {
            ttl_ms: Some(100),
            length_max: Some(10),
            bytes_max: Some(1000),
            overflow: Overflow::Refuse,
            dead_letter: Some(DeadLetter { exchange: "dead".into(), routing_key: Some("key".into()) }),
            delivery_limit: Some(5),
            ..QueueSettings::default()
        };
        assert_eq!(settings, expected);
        assert_eq!(QueueSettings::merge(&QueueOptions::default(), None), QueueSettings::default());
    }
}
