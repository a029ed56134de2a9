//! Frames back from files.

mod cache;
mod reader;

pub(crate) use cache::Cache;
pub(crate) use reader::Reader;
