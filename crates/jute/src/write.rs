//! Records of requests that change the tree.

use bytes::BytesMut;

use super::znode::put_acls;
use super::{Acl, DecodeError, JuteWrite, Reader, Record};

/// Creates a znode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Create<'a> {
    /// Where; for a sequential znode the number is appended.
    pub path: &'a str,
    /// Its data; null is kept apart from empty.
    pub data: Option<&'a [u8]>,
    /// Who may do what with it. Null reads as empty: both are invalid.
    pub acl: Vec<Acl<'a>>,
    /// The kind of znode, 0 to 6.
    pub flags: i32,
}

impl<'a> Record<'a> for Create<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_buffer(self.data);
        put_acls(out, &self.acl);
        out.put_int(self.flags);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            path: input.string()?,
            data: input.buffer()?,
            acl: input.vector(Acl::decode)?,
            flags: input.int()?,
        })
    }
}

/// Creates a znode that dies when it has had no children and no new data for a while.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateTtl<'a> {
    /// The znode; its flags are 5 or 6.
    pub create: Create<'a>,
    /// How long it lives, in milliseconds.
    pub ttl_ms: i64,
}

impl<'a> Record<'a> for CreateTtl<'a> {
    fn encode(&self, out: &mut BytesMut) {
        self.create.encode(out);
        out.put_long(self.ttl_ms);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { create: input.record()?, ttl_ms: input.long()? })
    }
}

/// A path and the version that must be there: deletes a znode, or checks it inside a multi.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathVersion<'a> {
    /// Which znode.
    pub path: &'a str,
    /// Its version, or -1 for any.
    pub version: i32,
}

impl<'a> Record<'a> for PathVersion<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_int(self.version);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: input.string()?, version: input.int()? })
    }
}

/// Replaces a znode's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetData<'a> {
    /// Which znode.
    pub path: &'a str,
    /// Its new data; null is kept apart from empty.
    pub data: Option<&'a [u8]>,
    /// Its present version, or -1 for any.
    pub version: i32,
}

impl<'a> Record<'a> for SetData<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_buffer(self.data);
        out.put_int(self.version);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: input.string()?, data: input.buffer()?, version: input.int()? })
    }
}

/// Replaces a znode's access control list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SetAcl<'a> {
    /// Which znode.
    pub path: &'a str,
    /// Its new list.
    pub acl: Vec<Acl<'a>>,
    /// The present version of its list (`aversion`), or -1 for any.
    pub version: i32,
}

impl<'a> Record<'a> for SetAcl<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        put_acls(out, &self.acl);
        out.put_int(self.version);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: input.string()?, acl: input.vector(Acl::decode)?, version: input.int()? })
    }
}

/// Changes the ensemble.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reconfig<'a> {
    /// Servers to add or change, separated by commas.
    pub joining: Option<&'a str>,
    /// Ids of servers to take out, separated by commas.
    pub leaving: Option<&'a str>,
    /// The whole new ensemble, instead of the two above.
    pub members: Option<&'a str>,
    /// The version of the present ensemble, or -1 for any.
    pub config_version: i64,
}

impl<'a> Record<'a> for Reconfig<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_nullable_string(self.joining);
        out.put_nullable_string(self.leaving);
        out.put_nullable_string(self.members);
        out.put_long(self.config_version);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            joining: input.nullable_string()?,
            leaving: input.nullable_string()?,
            members: input.nullable_string()?,
            config_version: input.long()?,
        })
    }
}
