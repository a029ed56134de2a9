//! Records of requests that read the tree.

use bytes::BytesMut;

use super::{DecodeError, JuteWrite, Reader, Record};

/// A path alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathOnly<'a> {
    /// Which znode.
    pub path: &'a str,
}

impl<'a> Record<'a> for PathOnly<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: input.string()? })
    }
}

/// A path, and whether to watch it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PathWatch<'a> {
    /// Which znode.
    pub path: &'a str,
    /// Whether the connection wants to hear, once, of the next change to what it reads here.
    pub watch: bool,
}

impl<'a> Record<'a> for PathWatch<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_bool(self.watch);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { path: input.string()?, watch: input.bool()? })
    }
}

/// Which of the session's ephemerals to list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetEphemerals<'a> {
    /// What their paths start with, as plain text; null, blank and "/" stand for all.
    pub prefix: Option<&'a str>,
}

impl<'a> Record<'a> for GetEphemerals<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_nullable_string(self.prefix);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { prefix: input.nullable_string()? })
    }
}
