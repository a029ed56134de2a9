//! Messages as queues keep them.
//!
//! A message is written once, when it is published: where it went, the client's own bytes of its properties, and its body. What a delivery adds
//! is put together when it is delivered.

mod deaths;
mod headers;
mod publication;
mod stored;

pub use deaths::Death;
pub(crate) use headers::changed_properties;
pub(crate) use publication::Publication;
pub use stored::{DamagedMessage, Message, Target};
pub(crate) use stored::{View, head_bytes, put};
