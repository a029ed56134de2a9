//! An AMQP 0-9-1 client: connections, channels, pipelined publishes with confirms, consumers.
//!
//! It speaks to Quorate and to RabbitMQ alike, over any stream of [`runtime`]: real, secured or simulated. It is for load generators, checkers and
//! tools: it hides nothing. A connection that is lost stays lost, delivery tags are the protocol's own, and an error says whether what was
//! asked may have happened ([`Error::effect`]).
//!
//! ```no_run
//! use amqp_client::{Connection, Options, Outcome, Publication, QueueOptions};
//!
//! # async fn example() -> Result<(), amqp_client::Error> {
//! let runtime = runtime::Runtime::system();
//! let connection = Connection::open(&runtime, "127.0.0.1:5672", &Options::default()).await?;
//! let channel = connection.channel().await?;
//! channel.declare_queue("jobs", &QueueOptions::durable()).await?;
//! let mut outcomes = channel.confirms().await?;
//! let tag = channel.publish(&Publication::to_queue("jobs", b"work".as_slice().into())).await?;
//! while let Ok(outcome) = outcomes.next().await {
//!     if matches!(outcome, Outcome::Acked { tag: acked, .. } if acked >= tag) {
//!         break;
//!     }
//! }
//! channel.qos(100).await?;
//! let mut deliveries = channel.consume("jobs", "worker", &Default::default()).await?;
//! let delivery = deliveries.next().await?;
//! channel.ack(delivery.tag, false)?;
//! connection.close().await
//! # }
//! ```
//!
//! # Bounds
//!
//! - What waits to be written is at most [`Options::output_bytes_max`] and one message: [`Channel::publish`] waits for room.
//! - Deliveries that the application has not taken are at most [`Options::input_bytes_max`] and what one read brings: then nothing is read
//!   from the connection, confirms included, until it takes some. Prefetch keeps them below.
//! - Outcomes wait in memory, some bytes each: no more than there are publishes that were not confirmed.
//!
//! Channels end when they are dropped, and a connection when its [`Connection`] is: at once, as if the process had died.

mod answers;
mod channel;
mod connection;
mod delivery;
mod dispatch;
mod driver;
mod error;
mod handshake;
mod options;
mod outcome;
mod shared;

pub use amqp091::{Properties, ShortBytes, ShortStr, Table, TableBuf, Value};
pub use channel::{Channel, Declared};
pub use connection::Connection;
pub use delivery::{Deliveries, Delivery};
pub use error::{Effect, Error, ErrorKind};
pub use options::{ConsumeOptions, ExchangeOptions, Options, Publication, QueueOptions, encode};
pub use outcome::{Outcome, Outcomes, Returned};
