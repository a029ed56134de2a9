//! The text that a tree is exported to.
//!
//! UTF-8, a JSON object a line: a [`Header`], a [`NodeLine`] for each znode, every parent before its children, and a
//! [`Trailer`] that says how many there were and what they add up to, so that half a file is never taken for a whole.
//!
//! ```text
//! {"format":"quorate-tree","version":2,"source":"127.0.0.1:2181","zxid":"0x1a","root":"/app","taken_at_ms":1700000000000}
//! {"quota":"/app","limits":"count=1000,bytes=-1"}
//! {"path":"/app","data":"text","acl":["world:anyone:cdrwa"],"kind":"persistent","stat":{"version":3,...}}
//! {"path":"/app/blob","data":"/9j/4A==","encoding":"base64","acl":["digest:alice:HASH:r"],"kind":"persistent","stat":{...}}
//! {"path":"/app/none","data":null,"acl":["world:anyone:cdrwa"],"kind":"ttl","ttl_ms":60000}
//! {"znodes":3,"ephemerals_left_out":2,"unreadable_left_out":0,"crc32c":"1c291ca3"}
//! ```
//!
//! `crc32c` covers all bytes before the trailer. `stat` is for reference, and not imported.

mod line;
mod reader;
mod writer;

pub(super) use line::{
    DataText, Header, Kind, NodeLine, QuotaLine, StatLine, Trailer, next_sequence, version_for,
};
pub(super) use reader::{Reader, Seal, is_within};
pub(super) use writer::Writer;

#[cfg(test)]
mod tests;
