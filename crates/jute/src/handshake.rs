//! The first frame each way: a session begins or is taken up again.

use bytes::BytesMut;

use super::{DecodeError, JuteWrite, Reader, Record};

/// Bytes in a session's password.
pub const PASSWORD_BYTES: usize = 16;

/// What a client sends first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectRequest<'a> {
    /// 0.
    pub protocol_version: i32,
    /// The newest transaction that the client has seen the effects of.
    pub last_zxid_seen: i64,
    /// The session timeout that it wishes for, in milliseconds.
    pub timeout_ms: i32,
    /// The session to take up, or 0 for a new one.
    pub session_id: i64,
    /// That session's password.
    pub password: Option<&'a [u8]>,
    /// Whether a read-only server would do. Clients before 3.4 do not send the field.
    pub read_only: Option<bool>,
}

impl<'a> Record<'a> for ConnectRequest<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.protocol_version);
        out.put_long(self.last_zxid_seen);
        out.put_int(self.timeout_ms);
        out.put_long(self.session_id);
        out.put_buffer(self.password);
        put_optional_bool(out, self.read_only);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: input.int()?,
            last_zxid_seen: input.long()?,
            timeout_ms: input.int()?,
            session_id: input.long()?,
            password: input.buffer()?,
            read_only: optional_bool(input),
        })
    }
}

/// What the server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectResponse<'a> {
    /// 0.
    pub protocol_version: i32,
    /// The session timeout that was agreed, in milliseconds; 0 when the session was refused.
    pub timeout_ms: i32,
    /// The session, or 0 when it was refused.
    pub session_id: i64,
    /// What takes the session up again on another connection.
    pub password: Option<&'a [u8]>,
    /// Whether this server serves only reads; sent if the client sent its own field.
    pub read_only: Option<bool>,
}

impl ConnectResponse<'_> {
    /// The answer to a session that is unknown, expired, or not the client's.
    pub const fn refused(read_only: Option<bool>) -> ConnectResponse<'static> {
        ConnectResponse {
            protocol_version: 0,
            timeout_ms: 0,
            session_id: 0,
            password: Some(&[0; PASSWORD_BYTES]),
            read_only,
        }
    }
}

impl<'a> Record<'a> for ConnectResponse<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.protocol_version);
        out.put_int(self.timeout_ms);
        out.put_long(self.session_id);
        out.put_buffer(self.password);
        put_optional_bool(out, self.read_only);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            protocol_version: input.int()?,
            timeout_ms: input.int()?,
            session_id: input.long()?,
            password: input.buffer()?,
            read_only: optional_bool(input),
        })
    }
}

fn put_optional_bool(out: &mut BytesMut, value: Option<bool>) {
    if let Some(value) = value {
        out.put_bool(value);
    }
}

/// The last field of a handshake: present if there are bytes left.
fn optional_bool(input: &mut Reader<'_>) -> Option<bool> {
    input.bool().ok()
}
