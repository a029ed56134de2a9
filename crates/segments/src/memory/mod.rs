//! Frames in memory: those that no file has yet.

mod layer;
mod partition;

pub(crate) use layer::{Freed, Layer};
