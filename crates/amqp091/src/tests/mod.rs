//! What is encoded decodes to itself, no bytes make a decoder panic, and known bytes are what they should be.

mod any_bytes;
mod assembling;
mod fixtures;
mod frames;
mod round_trips;
mod source;

pub(crate) use source::{Make, Source};
