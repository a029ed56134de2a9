//! What exists on the data plane: virtual hosts, exchanges, queues, bindings, users, permissions and policies.
//!
//! They are znodes below `/quorate`, as JSON that any ZooKeeper client can read and only the cluster and the super user can write; what is
//! secret only those read. So they are replicated, ordered and recovered like everything else in the tree, and the data plane is the
//! control plane's first client. The module `place` has the layout.
//!
//! - [`Topology`] is an immutable picture of it in memory: look things up in it, [route](Topology::route) with it, keep it as long as you
//!   like. [`Catalog::changed`] tells of the next one, which shares what did not change.
//! - [`Catalog`] changes it. Each change is one transaction that fails if something it relies on is no longer so, and is then planned anew:
//!   the outcome is that of one change after the other. All of them may be made again when their fate is not known. What was changed
//!   through a node is in that node's picture when the call returns; on the others it is soon, and after [`Catalog::sync`] for certain.
//! - [`CatalogError`] has the words that AMQP clients compare, all in one place.
//! - [`Access`] is what a connection may do.
//! - The node's own session in the control plane is kept here ([`Catalog::session`]): exclusive queues and their bindings are its
//!   ephemerals.
//!
//! What this crate does not do: it knows no messages, consumers or connections. A queue's partitions, whose ids and shard its record names,
//! are made and deleted by who declares and deletes the queue; partitions whose queue went otherwise (with its node's session, or its
//! virtual host) are those for which [`Topology::queue_of_partition`] finds none.

mod access;
mod arguments;
mod binding;
mod catalog;
mod change;
mod destination;
mod error;
mod exchange;
mod janitor;
mod keeper;
mod limits;
mod map;
mod name;
mod node;
mod options;
mod permission;
mod place;
mod policy;
mod queue;
mod route;
mod settings;
mod topology;
mod user;

pub use access::{Access, Target};
pub use arguments::Arguments;
pub use binding::{Binding, BindingSpec};
pub use catalog::{Catalog, CatalogConfig};
pub use change::{
    Declared, Deletion, ExchangeSpec, PolicySpec, QueueSpec, REPLICATION_FACTOR_MAX, UserSpec, VhostSpec,
};
pub use destination::DestinationName;
pub use error::{CatalogError, Resource};
pub use exchange::{ALTERNATE, DELAYED_TYPE, Exchange, ExchangeKind, Rule};
pub use limits::{Limit, Limits};
pub use name::Name;
pub use node::{Founder, Founders, NodeRecord};
pub use options::{
    BadArgument, BadValue, DeliveryLimit, Overflow, PARTITIONS_MAX, QueueOptions, QueueType, TIME_MS_MAX,
};
pub use permission::{Action, Permission, TopicPermission, Topics, Variables};
pub use policy::{ApplyTo, Definition, Policy};
pub use queue::{ExclusiveOwner, Queue};
pub use route::{Message, Routed, stable_hash};
pub use settings::{DeadLetter, QueueSettings};
pub use topology::{Topology, Vhost, VhostRecord};
pub use user::{PasswordHash, Tag, User};
