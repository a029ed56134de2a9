//! The bytes of AMQP 0-9-1: frames, methods, properties and tables, both directions. It knows nothing of sockets, tasks or queues.
//!
//! A server reads like this: [`Opening`], then [`Frame::take`] for whole frames. Frames of channel 0 hold methods and heartbeats
//! ([`Frame::into_connection_method`]); those of every other channel go to an [`Assembler`] of its own, which gives [`Command`]s. Bodies are
//! never copied together, and properties and tables are read where they lie, or passed on unread.
//!
//! ```
//! use amqp091::{Assembled, Assembler, ChannelId, Content, Frame, FrameMax, Method, Properties, ShortStr, basic};
//! use bytes::{Bytes, BytesMut};
//!
//! let publish = basic::Publish { routing_key: ShortStr::from_static("jobs"), ..basic::Publish::default() };
//! let mut properties = BytesMut::new();
//! Properties { delivery_mode: Some(2), ..Properties::default() }.encode(&mut properties);
//! let content = Content { properties: properties.freeze(), body: Bytes::from_static(b"hello").into() };
//! let mut wire = BytesMut::new();
//! content.put(&publish.into(), ChannelId(1), FrameMax::DEFAULT, &mut wire);
//!
//! // ... at the server ...
//! let mut channel = Assembler::new(1 << 20);
//! while let Some(frame) = Frame::take(&mut wire, FrameMax::DEFAULT).unwrap() {
//!     let Assembled::Command(command) = channel.push(frame.payload).unwrap() else { continue };
//!     assert_eq!(command.method.decode().unwrap(), Method::BasicPublish(publish));
//!     let content = command.content.expect("basic.publish has content");
//!     assert_eq!(content.properties().unwrap().delivery_mode, Some(2));
//!     assert_eq!(content.body.into_bytes(), "hello");
//! }
//! ```
//!
//! Nothing here panics on bytes from a peer, and what a size or length claims never decides how much is allocated. A [`WireError`] has the code
//! and the words with which RabbitMQ closes the connection, since clients compare them.
//!
//! Written by hand because `amq-protocol`, the kept crate of the field, decodes as a client that trusts its server: it copies every body, makes a
//! sorted map of every table (which loses order and repeated keys), recurses as deep as a peer likes, and brings its own sockets and TLS.

mod argument;
mod assembler;
mod content;
mod erlang;
mod error;
mod frame;
mod method;
mod opening;
mod properties;
mod reply;
mod short;
mod table;

#[cfg(test)]
mod tests;

pub use assembler::{Assembled, Assembler, Command};
pub use content::{BASIC_CLASS, BODY_BYTES_MAX, Body, BodyFrame, Content, ContentHeader};
pub use error::{PropertiesError, Snippet, TableError, WireError};
pub use frame::{ChannelId, FRAME_END, FRAME_OVERHEAD, Frame, FrameMax, HEARTBEAT_FRAME, Payload};
pub use method::{
    Method, MethodFrame, MethodId, Secret, access, basic, channel, confirm, connection, exchange, queue, tx,
};
pub use opening::{Opening, PROTOCOL_HEADER};
pub use properties::Properties;
pub use reply::{ReplyCode, Scope};
pub use short::{SHORT_BYTES_MAX, ShortBytes, ShortStr, TooLong};
pub use table::{Array, ArrayBuf, Entries, TABLE_DEPTH_MAX, Table, TableBuf, Value, Values};
