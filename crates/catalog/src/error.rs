//! What can go wrong, in RabbitMQ's words: clients and their tests compare them.

use std::fmt;

use amqp091::{ReplyCode, Value};
use thiserror::Error;

use crate::name::Name;
use crate::options::BadValue;
use crate::permission::Action;

/// Something in a virtual host, as error texts name it: `queue 'q' in vhost '/'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    kind: &'static str,
    name: Name,
    vhost: Name,
}

impl Resource {
    /// A queue.
    pub fn queue(vhost: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { kind: "queue", name: name.into(), vhost: vhost.into() }
    }

    /// An exchange.
    pub fn exchange(vhost: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { kind: "exchange", name: name.into(), vhost: vhost.into() }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}' in vhost '{}'", self.kind, self.name, self.vhost)
    }
}

/// Why something can not be done. [`CatalogError::reply_code`] and the text together are what a client is told:
/// `code.text(&error)`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CatalogError {
    /// No such queue or exchange.
    #[error("no {0}")]
    NotFound(Resource),
    /// No such virtual host.
    #[error("vhost {0} not found")]
    NoVhost(Name),
    /// No such user, policy or permission; never seen by AMQP clients.
    #[error("there is no {what} '{name}'")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: Name,
    },
    /// The queue is another connection's alone.
    #[error(
        "cannot obtain exclusive access to locked {0}. It could be originally declared on another connection or the exclusive \
         property value does not match that of the original declaration."
    )]
    Locked(Resource),
    /// It is there with another property or argument.
    #[error("inequivalent arg '{key}' for {resource}: received {received} but current is {current}")]
    Inequivalent {
        /// The property or argument.
        key: &'static str,
        /// What is there.
        resource: Resource,
        /// What was asked for.
        received: String,
        /// What is.
        current: String,
    },
    /// A value that is refused.
    #[error("invalid arg '{key}' for {resource}: {why}")]
    InvalidArgument {
        /// The argument.
        key: &'static str,
        /// Of what.
        resource: Resource,
        /// In RabbitMQ's words.
        why: BadValue,
    },
    /// An alternate or dead-letter exchange that is no string.
    #[error("invalid type '{found}' for arg '{key}' in {resource}")]
    InvalidType {
        /// The argument.
        key: &'static str,
        /// Its type.
        found: &'static str,
        /// Of what.
        resource: Resource,
    },
    /// A name that only the server may give.
    #[error("{kind} name '{name}' contains reserved prefix 'amq.*'")]
    ReservedPrefix {
        /// `queue` or `exchange`.
        kind: &'static str,
        /// The name.
        name: Name,
    },
    /// The exchange without a name can not be changed.
    #[error("operation not permitted on the default exchange")]
    DefaultExchange,
    /// What every virtual host has stays.
    #[error("deletion of system {0} not allowed")]
    SystemExchange(Resource),
    /// No such exchange type.
    #[error("unknown exchange type '{0}'")]
    UnknownType(String),
    /// A binding or exchange whose arguments or key make no sense to its type.
    #[error("{0}")]
    BadBinding(String),
    /// It has consumers or bindings, and was to be deleted only if not.
    #[error("{0} in use")]
    InUse(Resource),
    /// It has messages, and was to be deleted only if not.
    #[error("{0} not empty")]
    NotEmpty(Resource),
    /// No permission.
    #[error("{} access to {resource} refused for user '{user}'", .action.word())]
    Refused {
        /// To do what.
        action: Action,
        /// With what.
        resource: Resource,
        /// Who.
        user: Name,
    },
    /// No permission for a routing key.
    #[error("{} access to topic '{key}' in {exchange} refused for user '{user}'", .action.word())]
    TopicRefused {
        /// To do what.
        action: Action,
        /// With which key.
        key: Name,
        /// Where.
        exchange: Resource,
        /// Who.
        user: Name,
    },
    /// No permission to enter.
    #[error("access to vhost '{vhost}' refused for user '{user}'")]
    VhostRefused {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
    },
    /// A virtual host has as many queues as it may.
    #[error("cannot declare queue '{queue}': queue limit in vhost '{vhost}' ({max}) is reached")]
    TooManyQueues {
        /// That was to be made.
        queue: Name,
        /// Where.
        vhost: Name,
        /// How many there may be.
        max: u64,
    },
    /// A user has as many connections as it may.
    #[error("connection refused for user '{user}': user connection limit ({max}) is reached")]
    TooManyConnections {
        /// Who.
        user: Name,
        /// How many there may be.
        max: u64,
    },
    /// A virtual host has as many connections as it may.
    #[error("access to vhost '{vhost}' refused for user '{user}': connection limit ({max}) is reached")]
    VhostFull {
        /// Where.
        vhost: Name,
        /// Who.
        user: Name,
        /// How many there may be.
        max: u64,
    },
    /// A user has as many channels as it may.
    #[error(
        "number of channels opened for user '{user}' has reached the maximum allowed user limit of ({max})"
    )]
    TooManyChannels {
        /// Who.
        user: Name,
        /// How many there may be.
        max: u64,
    },
    /// A pattern, a definition or a name of an operator's that is refused.
    #[error("{0}")]
    Invalid(String),
    /// A name with more than 255 bytes.
    #[error("a name has at most 255 bytes, not {0}")]
    NameTooLong(usize),
    /// The tree takes as much memory as it may.
    #[error(
        "the catalog's memory is used up; delete what is not needed, or raise tree-bytes-max on all nodes"
    )]
    Full,
    /// This node's session is over, or there is none yet: exclusive queues can not be had at the moment.
    #[error("this node has no session at the moment; try again")]
    NoSession,
    /// Others changed the same at the same time, again and again.
    #[error("{0} was changed by others at the same time; try again")]
    Contended(String),
    /// The control plane did not answer in time. Whether anything was changed is not known; all requests may be made again.
    #[error("the control plane did not answer in time; try again")]
    Unavailable,
    /// The tree refused what it should take: somebody has changed the catalog by hand.
    #[error("the catalog refused a change ({0}); look at the access lists and records below /quorate")]
    Tree(tree::ErrorCode),
}

impl CatalogError {
    /// With which code a client is told.
    pub fn reply_code(&self) -> ReplyCode {
        match self {
            CatalogError::NotFound(_) | CatalogError::Unknown { .. } => ReplyCode::NotFound,
            CatalogError::NoVhost(_)
            | CatalogError::VhostRefused { .. }
            | CatalogError::TooManyConnections { .. }
            | CatalogError::VhostFull { .. }
            | CatalogError::TooManyChannels { .. } => ReplyCode::NotAllowed,
            CatalogError::Locked(_) => ReplyCode::ResourceLocked,
            CatalogError::Inequivalent { .. }
            | CatalogError::InvalidArgument { .. }
            | CatalogError::InvalidType { .. }
            | CatalogError::UnknownType(_)
            | CatalogError::BadBinding(_)
            | CatalogError::InUse(_)
            | CatalogError::NotEmpty(_)
            | CatalogError::TooManyQueues { .. }
            | CatalogError::Invalid(_)
            | CatalogError::NameTooLong(_) => ReplyCode::PreconditionFailed,
            CatalogError::ReservedPrefix { .. }
            | CatalogError::DefaultExchange
            | CatalogError::SystemExchange(_)
            | CatalogError::Refused { .. }
            | CatalogError::TopicRefused { .. } => ReplyCode::AccessRefused,
            CatalogError::Full => ReplyCode::ResourceError,
            CatalogError::NoSession
            | CatalogError::Contended(_)
            | CatalogError::Unavailable
            | CatalogError::Tree(_) => ReplyCode::InternalError,
        }
    }

    pub(crate) fn inequivalent_flag(
        key: &'static str,
        resource: Resource,
        received: bool,
        current: bool,
    ) -> Self {
        let quoted = |flag: bool| format!("'{flag}'");
        Self::Inequivalent { key, resource, received: quoted(received), current: quoted(current) }
    }

    pub(crate) fn inequivalent_argument(
        key: &'static str,
        resource: Resource,
        received: Option<Value<'_>>,
        current: Option<Value<'_>>,
    ) -> Self {
        Self::Inequivalent { key, resource, received: described(received), current: described(current) }
    }
}

/// As RabbitMQ describes an argument.
fn described(value: Option<Value<'_>>) -> String {
    let Some(value) = value else { return "none".to_owned() };
    let shown = match value {
        Value::LongString(bytes) | Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::F32(number) => format!("{number:?}"),
        Value::F64(number) => format!("{number:?}"),
        Value::Timestamp(seconds) => seconds.to_string(),
        Value::Void => "undefined".to_owned(),
        _ => value.integer().map_or_else(|| format!("{value:?}"), |number| number.to_string()),
    };
    format!("the value '{shown}' of type '{}'", value.type_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients' test suites compare these.
    #[test]
    fn texts_are_rabbitmqs() {
        let queue = || Resource::queue("/", "q");
        let exchange = || Resource::exchange("/", "e");
        let ttl = |number| Some(Value::I64(number));
        for (error, text) in [
            (CatalogError::NotFound(queue()), "NOT_FOUND - no queue 'q' in vhost '/'"),
            (CatalogError::NotFound(exchange()), "NOT_FOUND - no exchange 'e' in vhost '/'"),
            (CatalogError::NoVhost("x".into()), "NOT_ALLOWED - vhost x not found"),
            (
                CatalogError::Locked(queue()),
                "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally \
                 declared on another connection or the exclusive property value does not match that of the original declaration.",
            ),
            (
                CatalogError::inequivalent_flag("durable", queue(), false, true),
                "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
            ),
            (
                CatalogError::inequivalent_argument("x-message-ttl", queue(), None, ttl(100)),
                "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is \
                 the value '100' of type 'long'",
            ),
            (
                CatalogError::ReservedPrefix { kind: "queue", name: "amq.x".into() },
                "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'",
            ),
            (
                CatalogError::DefaultExchange,
                "ACCESS_REFUSED - operation not permitted on the default exchange",
            ),
            (
                CatalogError::SystemExchange(Resource::exchange("/", "amq.direct")),
                "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
            ),
            (CatalogError::UnknownType("x".into()), "PRECONDITION_FAILED - unknown exchange type 'x'"),
            (CatalogError::InUse(exchange()), "PRECONDITION_FAILED - exchange 'e' in vhost '/' in use"),
            (CatalogError::NotEmpty(queue()), "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty"),
            (
                CatalogError::Refused { action: Action::Configure, resource: queue(), user: "u".into() },
                "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'u'",
            ),
            (
                CatalogError::TopicRefused {
                    action: Action::Write,
                    key: "k".into(),
                    exchange: exchange(),
                    user: "u".into(),
                },
                "ACCESS_REFUSED - write access to topic 'k' in exchange 'e' in vhost '/' refused for user 'u'",
            ),
            (
                CatalogError::VhostRefused { vhost: "/".into(), user: "u".into() },
                "NOT_ALLOWED - access to vhost '/' refused for user 'u'",
            ),
            (
                CatalogError::TooManyQueues { queue: "q".into(), vhost: "/".into(), max: 1 },
                "PRECONDITION_FAILED - cannot declare queue 'q': queue limit in vhost '/' (1) is reached",
            ),
            (
                CatalogError::TooManyConnections { user: "u".into(), max: 1 },
                "NOT_ALLOWED - connection refused for user 'u': user connection limit (1) is reached",
            ),
            (
                CatalogError::VhostFull { vhost: "/".into(), user: "u".into(), max: 1 },
                "NOT_ALLOWED - access to vhost '/' refused for user 'u': connection limit (1) is reached",
            ),
            (
                CatalogError::TooManyChannels { user: "u".into(), max: 1 },
                "NOT_ALLOWED - number of channels opened for user 'u' has reached the maximum allowed user limit of (1)",
            ),
            (
                CatalogError::InvalidArgument {
                    key: "x-max-length",
                    resource: queue(),
                    why: BadValue::Type("longstr"),
                },
                "PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'q' in vhost '/': {unacceptable_type,longstr}",
            ),
            (
                CatalogError::InvalidType { key: "alternate-exchange", found: "long", resource: exchange() },
                "PRECONDITION_FAILED - invalid type 'long' for arg 'alternate-exchange' in exchange 'e' in vhost '/'",
            ),
        ] {
            assert_eq!(error.reply_code().text(&error), text);
        }
    }
}
