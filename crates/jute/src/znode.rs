//! What describes a znode: its stat and its access control list.

use bytes::BytesMut;

use super::{DecodeError, JuteWrite, Reader, Record};

/// A znode's numbers. 68 bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stat {
    /// The transaction that created it.
    pub czxid: i64,
    /// The transaction that last set its data.
    pub mzxid: i64,
    /// When it was created, in milliseconds since the Unix epoch.
    pub ctime_ms: i64,
    /// When its data was last set, in milliseconds since the Unix epoch.
    pub mtime_ms: i64,
    /// How often its data was set.
    pub version: i32,
    /// How often its list of children changed.
    pub cversion: i32,
    /// How often its access control list was set.
    pub aversion: i32,
    /// The session whose end deletes it, or 0.
    pub ephemeral_owner: i64,
    /// Bytes of data.
    pub data_length: i32,
    /// Children.
    pub children: i32,
    /// The transaction that last changed its list of children.
    pub pzxid: i64,
}

impl<'a> Record<'a> for Stat {
    fn encode(&self, out: &mut BytesMut) {
        out.reserve(68);
        out.put_long(self.czxid);
        out.put_long(self.mzxid);
        out.put_long(self.ctime_ms);
        out.put_long(self.mtime_ms);
        out.put_int(self.version);
        out.put_int(self.cversion);
        out.put_int(self.aversion);
        out.put_long(self.ephemeral_owner);
        out.put_int(self.data_length);
        out.put_int(self.children);
        out.put_long(self.pzxid);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            czxid: input.long()?,
            mzxid: input.long()?,
            ctime_ms: input.long()?,
            mtime_ms: input.long()?,
            version: input.int()?,
            cversion: input.int()?,
            aversion: input.int()?,
            ephemeral_owner: input.long()?,
            data_length: input.int()?,
            children: input.int()?,
            pzxid: input.long()?,
        })
    }
}

/// One entry of an access control list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Acl<'a> {
    /// READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16. Other bits are kept.
    pub permissions: i32,
    /// How `id` is to be understood: `world`, `digest`, `ip`, `auth`, ...
    pub scheme: &'a str,
    /// Whom the entry is about.
    pub id: &'a str,
}

impl Acl<'static> {
    /// Everything for everyone.
    pub const OPEN: Acl<'static> = Acl { permissions: 31, scheme: "world", id: "anyone" };
}

impl<'a> Record<'a> for Acl<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.permissions);
        out.put_string(self.scheme);
        out.put_string(self.id);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        // kazoo writes the empty id of `auth` as null.
        Ok(Self {
            permissions: input.int()?,
            scheme: input.string()?,
            id: input.nullable_string()?.unwrap_or_default(),
        })
    }
}

pub(super) fn put_acls(out: &mut BytesMut, acls: &[Acl<'_>]) {
    out.put_vector(acls, |out, acl| acl.encode(out));
}
