//! Records about who the client is.

use bytes::BytesMut;

use super::{DecodeError, JuteWrite, Reader, Record};

/// Adds an identity to the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Auth<'a> {
    /// 0.
    pub kind: i32,
    /// How `auth` is to be understood.
    pub scheme: &'a str,
    /// The proof.
    pub auth: Option<&'a [u8]>,
}

impl<'a> Record<'a> for Auth<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.kind);
        out.put_string(self.scheme);
        out.put_buffer(self.auth);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { kind: input.int()?, scheme: input.string()?, auth: input.buffer()? })
    }
}

/// One step of a SASL exchange, either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaslToken<'a> {
    /// What the mechanism wants to say.
    pub token: Option<&'a [u8]>,
}

impl<'a> Record<'a> for SaslToken<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_buffer(self.token);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { token: input.buffer()? })
    }
}

/// One of the connection's identities, as it may be shown: without secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientInfo<'a> {
    /// The scheme.
    pub scheme: &'a str,
    /// The user.
    pub user: &'a str,
}

impl<'a> Record<'a> for ClientInfo<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.scheme);
        out.put_string(self.user);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { scheme: input.string()?, user: input.string()? })
    }
}
