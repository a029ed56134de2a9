//! The first eight bytes of a connection: which protocol the client speaks.

/// What a client of AMQP 0-9-1 sends first, and what a server answers to any other opening before it closes.
pub const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

/// AMQP 0-9 in the older notation, which differs from 0-9-1 in nothing that is still in use.
const PROTOCOL_HEADER_0_9: [u8; 8] = *b"AMQP\x01\x01\x00\x09";

const TLS_HANDSHAKE: &[u8] = &[0x16, 0x03];

/// What the first bytes from a client are. Takes at most [`PROTOCOL_HEADER`]'s length of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// More bytes are needed.
    Incomplete,
    /// AMQP 0-9-1; the eight bytes are done with.
    Amqp,
    /// AMQP in another version: answer with [`PROTOCOL_HEADER`] and close.
    OtherVersion([u8; 4]),
    /// A TLS handshake on a port without TLS.
    Tls,
    /// An HTTP request.
    Http,
    /// Something else: answer with [`PROTOCOL_HEADER`] and close.
    Unknown,
}

impl Opening {
    /// What `bytes`, the first of a connection, are. A stranger is recognised as early as its bytes allow.
    pub fn of(bytes: &[u8]) -> Self {
        if starts_alike(bytes, b"AMQP") {
            return match bytes.first_chunk::<8>() {
                None => Opening::Incomplete,
                Some(&PROTOCOL_HEADER | &PROTOCOL_HEADER_0_9) => Opening::Amqp,
                Some(&[_, _, _, _, a, b, c, d]) => Opening::OtherVersion([a, b, c, d]),
            };
        }
        let strangers = [(TLS_HANDSHAKE, Opening::Tls), (b"GET ", Opening::Http), (b"POST ", Opening::Http)];
        match strangers.into_iter().find(|(prefix, _)| starts_alike(bytes, prefix)) {
            Some((prefix, stranger)) if bytes.len() >= prefix.len() => stranger,
            Some(_) => Opening::Incomplete,
            None => Opening::Unknown,
        }
    }
}

/// Whether both begin alike, as far as both reach.
fn starts_alike(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes.iter().zip(prefix).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_open() {
        assert_eq!(Opening::of(&PROTOCOL_HEADER), Opening::Amqp);
        assert_eq!(Opening::of(b"AMQP\x01\x01\x00\x09"), Opening::Amqp);
    }

    #[test]
    fn any_part_of_a_header_waits_for_the_rest() {
        for part in 0..PROTOCOL_HEADER.len() {
            assert_eq!(Opening::of(&PROTOCOL_HEADER[..part]), Opening::Incomplete);
        }
    }

    #[test]
    fn strangers_are_recognised() {
        assert_eq!(Opening::of(b"AMQP\x00\x01\x00\x00"), Opening::OtherVersion([0, 1, 0, 0]));
        assert_eq!(Opening::of(&[0x16, 0x03, 0x01]), Opening::Tls);
        assert_eq!(Opening::of(b"GET"), Opening::Incomplete);
        assert_eq!(Opening::of(b"GET / HTTP/1.1"), Opening::Http);
        assert_eq!(Opening::of(b"ruok"), Opening::Unknown);
    }
}
