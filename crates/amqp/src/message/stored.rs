//! The bytes of a message in a queue.
//!
//! ```text
//! format     u8     1
//! exchange   u8 length, bytes
//! keys       u16 count, then each: u8 length, bytes; the first is the routing key, the rest are those of CC and BCC
//! properties u32 length, flags and values as AMQP 0-9-1 has them
//! deaths     u32 length, see `deaths`; 0 for a message that never was a dead letter
//! body       the rest
//! ```
//! Numbers are big-endian, as they are in AMQP.

use amqp091::{Body, SHORT_BYTES_MAX};
use bytes::{Buf, BufMut, Bytes, BytesMut};

const FORMAT: u8 = 1;

/// A message in a queue, read where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The exchange that it was published to.
    pub exchange: Bytes,
    /// Routing keys: its own, then those of the headers CC and BCC. At least one.
    pub keys: Vec<Bytes>,
    /// Flags and values of its properties.
    pub properties: Bytes,
    /// How it died before, as the table of headers that deliveries carry; empty if it did not.
    pub deaths: Bytes,
    /// The body.
    pub body: Bytes,
}

/// Bytes that are no message: of a later version, or rotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a queue holds {0} bytes that this version can not read as a message; upgrade this node")]
pub struct DamagedMessage(pub usize);

/// The same, borrowed, and without the additional keys: what a delivery needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) exchange: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) properties: &'a [u8],
    pub(crate) deaths: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> View<'a> {
    pub(crate) fn of(frame: &'a [u8]) -> Result<Self, DamagedMessage> {
        let mut rest = frame;
        Self::take(&mut rest).ok_or(DamagedMessage(frame.len()))
    }

    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        if rest.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let exchange = short_of(rest)?;
        let more = rest.try_get_u16().ok()?.checked_sub(1)?;
        let key = short_of(rest)?;
        for _ in 0..more {
            short_of(rest)?;
        }
        let (properties, deaths) = (long_of(rest)?, long_of(rest)?);
        Some(Self { exchange, key, properties, deaths, body: rest })
    }
}

fn short_of<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = rest.try_get_u8().ok()?;
    rest.split_off(..usize::from(size))
}

fn long_of<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let size = rest.try_get_u32().ok()?;
    rest.split_off(..usize::try_from(size).ok()?)
}

/// Where a message is published to.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The exchange; at most 255 bytes.
    pub exchange: &'a [u8],
    /// The routing key; at most 255 bytes.
    pub key: &'a [u8],
    /// More routing keys, of the headers CC and BCC. Those above 255 bytes are left out.
    pub more_keys: &'a [&'a [u8]],
}

impl Message {
    /// Takes a stored message apart, without copying.
    ///
    /// # Errors
    /// When it is not one.
    pub fn decode(mut frame: Bytes) -> Result<Self, DamagedMessage> {
        let size = frame.len();
        Self::take(&mut frame).ok_or(DamagedMessage(size))
    }

    fn take(frame: &mut Bytes) -> Option<Self> {
        if frame.try_get_u8().ok()? != FORMAT {
            return None;
        }
        let exchange = take_short(frame)?;
        let count = frame.try_get_u16().ok()?;
        // A count is not believed before the keys are there.
        let mut keys = Vec::with_capacity(usize::from(count).min(4));
        for _ in 0..count {
            keys.push(take_short(frame)?);
        }
        let properties = take_long(frame)?;
        let deaths = take_long(frame)?;
        (!keys.is_empty()).then(|| Self { exchange, keys, properties, deaths, body: frame.clone() })
    }

    /// The routing key.
    pub fn key(&self) -> &Bytes {
        &self.keys[0]
    }

    /// Appends the message's bytes.
    pub fn encode(&self, out: &mut BytesMut) {
        let more_keys: Vec<&[u8]> = self.keys[1..].iter().map(Bytes::as_ref).collect();
        let target = Target { exchange: &self.exchange, key: self.key(), more_keys: &more_keys };
        put_head(&target, &self.properties, &self.deaths, out);
        out.extend_from_slice(&self.body);
    }
}

/// Appends the bytes of a message that was just published.
pub(crate) fn put(target: &Target<'_>, properties: &[u8], body: &Body, out: &mut BytesMut) {
    put_head(target, properties, &[], out);
    for part in body.parts() {
        out.extend_from_slice(part);
    }
}

/// Bytes that a message takes beside its body, at most.
pub(crate) fn head_bytes(target: &Target<'_>, properties: &[u8]) -> usize {
    let more: usize = target.more_keys.iter().map(|key| key.len() + 1).sum();
    13 + target.exchange.len() + target.key.len() + more + properties.len()
}

fn put_head(target: &Target<'_>, properties: &[u8], deaths: &[u8], out: &mut BytesMut) {
    out.put_u8(FORMAT);
    put_short(target.exchange, out);
    let more = || target.more_keys.iter().filter(|key| key.len() <= SHORT_BYTES_MAX).take(MORE_KEYS_MAX);
    out.put_u16(u16::try_from(1 + more().count()).expect("keys are at most 65535"));
    put_short(target.key, out);
    for key in more() {
        put_short(key, out);
    }
    put_long(properties, out);
    put_long(deaths, out);
}

const MORE_KEYS_MAX: usize = u16::MAX as usize - 1;

fn put_short(bytes: &[u8], out: &mut BytesMut) {
    out.put_u8(u8::try_from(bytes.len()).expect("names and keys have at most 255 bytes"));
    out.extend_from_slice(bytes);
}

fn put_long(bytes: &[u8], out: &mut BytesMut) {
    out.put_u32(
        u32::try_from(bytes.len()).expect("properties stay below the largest frame, and deaths are few"),
    );
    out.extend_from_slice(bytes);
}

fn take_short(frame: &mut Bytes) -> Option<Bytes> {
    let size = usize::from(frame.try_get_u8().ok()?);
    (size <= frame.len()).then(|| frame.split_to(size))
}

fn take_long(frame: &mut Bytes) -> Option<Bytes> {
    let size = usize::try_from(frame.try_get_u32().ok()?).ok()?;
    (size <= frame.len()).then(|| frame.split_to(size))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(max: usize) -> impl Strategy<Value = Bytes> {
        prop::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
    }

    proptest! {
        #[test]
        fn a_message_comes_back_as_it_was(
            exchange in bytes(256),
            keys in prop::collection::vec(bytes(256), 1..5),
            properties in bytes(100),
            deaths in bytes(100),
            body in bytes(1000),
        ) {
            let message = Message { exchange, keys, properties, deaths, body };
            let mut out = BytesMut::new();
            message.encode(&mut out);
            let view = View::of(&out).unwrap();
            prop_assert_eq!((view.exchange, view.key), (&message.exchange[..], &message.key()[..]));
            prop_assert_eq!((view.properties, view.deaths), (&message.properties[..], &message.deaths[..]));
            prop_assert_eq!(view.body, &message.body[..]);
            prop_assert_eq!(Message::decode(out.freeze()), Ok(message));
        }

        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in bytes(100)) {
            let view = View::of(&bytes);
            prop_assert_eq!(view.is_ok(), Message::decode(bytes.clone()).is_ok());
            if let Ok(message) = Message::decode(bytes.clone()) {
                let mut out = BytesMut::new();
                message.encode(&mut out);
                prop_assert_eq!(out, bytes);
            }
        }
    }

    #[test]
    fn what_is_published_can_be_read_and_fits_what_was_reserved() {
        let target = Target { exchange: b"logs", key: b"a.b", more_keys: &[b"cc", &[b'x'; 256]] };
        let body = Body::from(Bytes::from_static(b"hello"));
        let mut out = BytesMut::new();
        put(&target, &[0, 0], &body, &mut out);
        assert!(out.len() <= head_bytes(&target, &[0, 0]) + 5);
        let message = Message::decode(out.freeze()).unwrap();
        assert_eq!(message.keys, [&b"a.b"[..], b"cc"]);
        assert_eq!((&message.body[..], &message.properties[..]), (&b"hello"[..], &[0, 0][..]));
        assert!(message.deaths.is_empty());
    }

    #[test]
    fn a_later_format_is_refused() {
        assert_eq!(Message::decode(Bytes::from_static(&[2, 0, 0])), Err(DamagedMessage(3)));
    }
}
