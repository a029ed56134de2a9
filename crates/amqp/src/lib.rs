//! AMQP 0-9-1 as RabbitMQ's clients speak it, on replicated queues.
//!
//! The floors, from the socket down:
//! - `serve` accepts connections and gives each a task, which moves bytes and waits. It reads what there is, works it off in one *turn*, and
//!   writes all that came of it in one go; what a client does not take holds it up, and nothing grows.
//! - `connection` has the rules of a connection, without its socket: who may say what when. It lets whole commands of open channels through.
//! - `broker` knows what commands mean. Messages are routed by `catalog` and go to `shards` in one submission a turn and shard; answers come
//!   back as events.
//! - `channel` is the state of one channel: deliveries that are not settled, publishes that are not confirmed, transactions.
//! - `operator` does with queues what operators ask for, without a connection of theirs.
//! - `message` is a message as queues keep it, and what deliveries and dead letters add to it.
//!
//! [`amqp091`] is the protocol's bytes.

mod alarms;
mod auth;
mod broker;
mod caretaker;
mod certified;
mod channel;
mod colleagues;
mod config;
mod connection;
mod counts;
mod ending;
mod fault;
mod message;
mod metrics;
mod note;
mod operator;
mod output;
mod serve;
mod text;
mod usage;

pub use alarms::{Alarms, Resource};
pub use auth::{Authenticator, CatalogUsers, Claim, LoginRefused, User};
pub use certified::CertificateName;
pub use colleagues::Colleagues;
pub use config::Config;
pub use connection::Credentials;
pub use counts::QueueCounts;
pub use message::{DamagedMessage, Death, Message, Target};
pub use metrics::{Counter, Metrics};
pub use operator::{AfterGet, Got, OperatorError, Peeked, Post};
pub use serve::{ConnectionInfo, ConnectionState, Server, Terms};
