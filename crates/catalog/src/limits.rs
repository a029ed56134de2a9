//! How much a user or a virtual host may have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What can be limited, with RabbitMQ's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// A user's channels, on all its connections together.
    MaxChannels,
    /// Connections, of a user or to a virtual host.
    MaxConnections,
    /// Queues in a virtual host.
    MaxQueues,
}

impl Limit {
    /// Those of users.
    pub const OF_USERS: [Limit; 2] = [Limit::MaxChannels, Limit::MaxConnections];
    /// Those of virtual hosts.
    pub const OF_VHOSTS: [Limit; 2] = [Limit::MaxConnections, Limit::MaxQueues];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Limit::MaxChannels => "max-channels",
            Limit::MaxConnections => "max-connections",
            Limit::MaxQueues => "max-queues",
        }
    }
}

/// The limits of a user or of a virtual host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(BTreeMap<Limit, i64>);

impl Limits {
    /// How many there may be, if that is limited. As with RabbitMQ, a number below 0 limits nothing.
    pub fn max(&self, limit: Limit) -> Option<u64> {
        self.0.get(&limit).and_then(|number| u64::try_from(*number).ok())
    }

    /// Whether nothing was ever set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With another number for a limit, or without one.
    pub(crate) fn with(&self, limit: Limit, number: Option<i64>) -> Self {
        let mut limits = self.0.clone();
        match number {
            Some(number) => limits.insert(limit, number),
            None => limits.remove(&limit),
        };
        Self(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_stored_with_rabbitmqs_names() {
        let limits = Limits::default().with(Limit::MaxQueues, Some(3)).with(Limit::MaxConnections, Some(-1));
        let json = serde_json::to_string(&limits).unwrap();
        assert_eq!(json, r#"{"max-connections":-1,"max-queues":3}"#);
        assert_eq!(serde_json::from_str::<Limits>(&json).unwrap(), limits);
        assert_eq!(limits.max(Limit::MaxQueues), Some(3));
        assert_eq!((limits.max(Limit::MaxConnections), limits.max(Limit::MaxChannels)), (None, None));
        assert!(limits.with(Limit::MaxQueues, None).with(Limit::MaxConnections, None).is_empty());
        for limit in Limit::OF_USERS.into_iter().chain(Limit::OF_VHOSTS) {
            assert_eq!(serde_json::to_value(limit).unwrap(), limit.name());
        }
    }
}
