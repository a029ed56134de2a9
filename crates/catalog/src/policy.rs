//! Policies: settings that an operator gives to all queues and exchanges whose names match.

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::options::{DeliveryLimit, Overflow, QueueType};

/// A policy of a virtual host.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name.
    pub name: Name,
    /// Found anywhere in a name; anchor it to match whole names.
    pub pattern: Regex,
    /// To what it applies.
    pub apply_to: ApplyTo,
    /// Of several that match, the highest counts alone.
    pub priority: i64,
    /// What it sets.
    pub definition: Definition,
}

/// What a policy is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyTo {
    /// Queues and exchanges.
    #[default]
    All,
    /// All queues.
    Queues,
    /// Queues that were declared `classic`, or without a type.
    ClassicQueues,
    /// Queues that were declared `quorum`.
    QuorumQueues,
    /// Queues that were declared `stream`.
    Streams,
    /// Exchanges.
    Exchanges,
}

impl ApplyTo {
    fn queue(self, queue_type: QueueType) -> bool {
        match self {
            ApplyTo::All | ApplyTo::Queues => true,
            ApplyTo::ClassicQueues => queue_type == QueueType::Classic,
            ApplyTo::QuorumQueues => queue_type == QueueType::Quorum,
            ApplyTo::Streams => queue_type == QueueType::Stream,
            ApplyTo::Exchanges => false,
        }
    }
}

/// What a policy sets, in RabbitMQ's words. What has no meaning here is kept for whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Definition {
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_ttl: Option<u64>,
    /// Milliseconds, from 1 up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length_bytes: Option<u64>,
    /// One of RabbitMQ's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<String>,
    /// An exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_exchange: Option<String>,
    /// A routing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_routing_key: Option<String>,
    /// Below 0: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_limit: Option<i64>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consumer_timeout: Option<u64>,
    /// An exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternate_exchange: Option<String>,
    /// All the rest.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

impl Definition {
    /// What happens when a queue is full.
    pub fn overflow(&self) -> Option<Overflow> {
        Overflow::parse(self.overflow.as_deref()?.as_bytes())
    }

    /// How many deliveries may fail.
    pub fn delivery_limit(&self) -> Option<DeliveryLimit> {
        self.delivery_limit.map(DeliveryLimit::of)
    }

    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.overflow.is_some() && self.overflow().is_none() {
            return Some("overflow must be drop-head, reject-publish or reject-publish-dlx");
        }
        if self.expires == Some(0) {
            return Some("expires must be above 0");
        }
        let too_long = |ms: Option<u64>| ms.is_some_and(|ms| ms > crate::options::TIME_MS_MAX);
        (too_long(self.message_ttl) || too_long(self.expires)).then_some("times must be below 10 years")
    }
}

impl Policy {
    pub(crate) fn applies_to_queue(&self, name: &Name, queue_type: QueueType) -> bool {
        self.apply_to.queue(queue_type) && self.pattern.is_match(name)
    }

    pub(crate) fn applies_to_exchange(&self, name: &Name) -> bool {
        matches!(self.apply_to, ApplyTo::All | ApplyTo::Exchanges) && self.pattern.is_match(name)
    }
}

/// What a policy's znode holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    pub(crate) pattern: String,
    #[serde(default)]
    pub(crate) apply_to: ApplyTo,
    #[serde(default)]
    pub(crate) priority: i64,
    pub(crate) definition: Definition,
}

impl Record {
    pub(crate) fn into_policy(self, name: Name) -> Option<Policy> {
        Some(Policy {
            name,
            pattern: Regex::new(&self.pattern).ok()?,
            apply_to: self.apply_to,
            priority: self.priority,
            definition: self.definition,
        })
    }
}
