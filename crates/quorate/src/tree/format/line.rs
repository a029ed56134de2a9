//! The lines of an export.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::Stat;
use serde::{Deserialize, Serialize};

/// What [`Header::format`] says.
pub(in super::super) const FORMAT: &str = "quorate-tree";
/// The newest version that this program writes and reads.
pub(in super::super) const VERSION: u32 = 2;

/// The oldest version that can hold these: the first has no quotas.
pub(in super::super) fn version_for(quotas: &[QuotaLine]) -> u32 {
    if quotas.is_empty() { 1 } else { 2 }
}

/// The first line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Header {
    pub(in super::super) format: String,
    pub(in super::super) version: u32,
    /// The servers that it was taken from.
    pub(in super::super) source: String,
    /// The last transaction that the server had when it began.
    pub(in super::super) zxid: String,
    /// The topmost znode.
    pub(in super::super) root: String,
    /// When it began, in milliseconds since the Unix epoch, by the clock of the machine that took it.
    pub(in super::super) taken_at_ms: i64,
}

impl Header {
    pub(in super::super) fn new(version: u32, source: &str, zxid: i64, root: &str, taken_at_ms: i64) -> Self {
        let (format, source, root) = (FORMAT.to_owned(), source.to_owned(), root.to_owned());
        Self { format, version, source, zxid: format!("{zxid:#x}"), root, taken_at_ms }
    }
}

/// The quota of a subtree. All come before the znodes. From version 2 on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct QuotaLine {
    /// The subtree's topmost znode.
    pub(in super::super) quota: String,
    /// As ZooKeeper writes it: `count=-1,bytes=1000=;byteHardLimit=-1;countHardLimit=-1`.
    pub(in super::super) limits: String,
}

/// A znode.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct NodeLine {
    pub(in super::super) path: String,
    /// Null is not the same as empty.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(in super::super) data: Option<String>,
    /// Present where the data is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) encoding: Option<Encoding>,
    /// As `SCHEME:ID:PERMISSIONS`.
    pub(in super::super) acl: Vec<String>,
    pub(in super::super) kind: Kind,
    /// Only of [`Kind::Ttl`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) ttl_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) stat: Option<StatLine>,
}

/// Data, as text where it is text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct DataText {
    pub(in super::super) data: Option<String>,
    pub(in super::super) encoding: Option<Encoding>,
}

/// How data that is no text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Encoding {
    Base64,
}

impl DataText {
    pub(in super::super) fn of(data: Option<&[u8]>) -> Self {
        match data.map(std::str::from_utf8) {
            None => Self { data: None, encoding: None },
            Some(Ok(text)) => Self { data: Some(text.to_owned()), encoding: None },
            Some(Err(_)) => {
                Self { data: data.map(|data| STANDARD.encode(data)), encoding: Some(Encoding::Base64) }
            }
        }
    }
}

impl NodeLine {
    /// The bytes that its data stands for; `None` if it is no base64.
    pub(in super::super) fn bytes(&self) -> Option<Option<Cow<'_, [u8]>>> {
        match (&self.data, self.encoding) {
            (None, _) => Some(None),
            (Some(text), None) => Some(Some(Cow::Borrowed(text.as_bytes()))),
            (Some(text), Some(Encoding::Base64)) => {
                STANDARD.decode(text).ok().map(|data| Some(Cow::Owned(data)))
            }
        }
    }
}

/// How long a znode lives.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Kind {
    Persistent,
    Container,
    Ttl,
}

/// A znode's numbers where it was taken from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct StatLine {
    version: i32,
    cversion: i32,
    aversion: i32,
    czxid: String,
    mzxid: String,
    ctime_ms: i64,
    mtime_ms: i64,
    /// The number that the next sequential child gets.
    pub(in super::super) next_sequence: i32,
}

impl From<&Stat> for StatLine {
    fn from(stat: &Stat) -> Self {
        Self {
            version: stat.version,
            cversion: stat.cversion,
            aversion: stat.aversion,
            czxid: format!("{:#x}", stat.czxid),
            mzxid: format!("{:#x}", stat.mzxid),
            ctime_ms: stat.ctime_ms,
            mtime_ms: stat.mtime_ms,
            next_sequence: next_sequence(stat),
        }
    }
}

/// Servers count the creates of children and show twice that less the children, as if deletes were counted, too.
pub(in super::super) fn next_sequence(stat: &Stat) -> i32 {
    let creates = (i64::from(stat.cversion) + i64::from(stat.children)) / 2;
    i32::try_from(creates).unwrap_or(i32::MAX)
}

/// The last line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Trailer {
    /// How many there are in the file.
    pub(in super::super) znodes: u64,
    pub(in super::super) ephemerals_left_out: u64,
    /// Znodes that could not be read; what is below them is left out as well, and not counted.
    pub(in super::super) unreadable_left_out: u64,
    /// Of all bytes before this line, as eight hexadecimal digits.
    pub(in super::super) crc32c: String,
}
