//! Content: a header with the size and the properties, then the body in frames.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::frame::{FRAME_END, FRAME_HEAD, body_frame_head, put_header_frame};
use crate::{ChannelId, FrameMax, Method, Properties, PropertiesError};

/// The class of all content, basic.
pub const BASIC_CLASS: u16 = 60;

/// The largest body that RabbitMQ can be set up to take, in bytes.
pub const BODY_BYTES_MAX: u64 = 512 << 20;

/// What stands between a method and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHeader {
    /// The method's class.
    pub class: u16,
    /// Unused: 0.
    pub weight: u16,
    /// The body's size in bytes, over all its frames. 0 has no frame.
    pub body_bytes: u64,
    /// The properties as they were sent, to be passed on unread or read with [`Properties::decode`].
    pub properties: Bytes,
}

const FIXED_BYTES: usize = 12;

impl ContentHeader {
    /// Takes a frame's payload apart, or gives it back if it is too short.
    pub(crate) fn split(mut payload: Bytes) -> Result<Self, Bytes> {
        if payload.len() < FIXED_BYTES {
            return Err(payload);
        }
        let (class, weight, body_bytes) = (payload.get_u16(), payload.get_u16(), payload.get_u64());
        Ok(Self { class, weight, body_bytes, properties: payload })
    }

    pub(crate) fn put(&self, out: &mut BytesMut) {
        out.put_u16(self.class);
        out.put_u16(self.weight);
        out.put_u64(self.body_bytes);
        out.extend_from_slice(&self.properties);
    }
}

/// A message without its method: properties and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The properties as they were sent.
    pub properties: Bytes,
    /// The body.
    pub body: Body,
}

impl Content {
    /// Reads the properties.
    ///
    /// # Errors
    /// When they are not properties of class basic. They were not looked at before.
    pub fn properties(&self) -> Result<Properties<'_>, PropertiesError> {
        Properties::decode(&self.properties)
    }

    /// Appends `method`, the header and the body, in frames of up to `max`.
    ///
    /// Only bodies can be split: the frames of the method and the header are as large as they are.
    pub fn put(&self, method: &Method<'_>, channel: ChannelId, max: FrameMax, out: &mut BytesMut) {
        self.put_head(method, channel, out);
        for frame in self.body.frames(channel, max) {
            frame.put(out);
        }
    }

    /// Appends `method` and the header only. The caller sends [`Body::frames`] after them, which saves a copy of the body.
    pub fn put_head(&self, method: &Method<'_>, channel: ChannelId, out: &mut BytesMut) {
        method.put_frame(channel, out);
        put_header_frame(channel, out, |out| {
            out.put_u16(BASIC_CLASS);
            out.put_u16(0);
            out.put_u64(self.body.len());
            out.extend_from_slice(&self.properties);
        });
    }
}

/// A body in one or several parts, none of them empty. Parts share the buffers that they were read into.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// Kept apart, since most bodies are one part and a list would cost an allocation.
    first: Bytes,
    more: Vec<Bytes>,
}

/// Parts below this many bytes are copied together, so that a peer that sends a body byte by byte is not remembered part by part.
const PART_BYTES_MIN: usize = 1024;

impl Body {
    /// Its size, in bytes.
    pub fn len(&self) -> u64 {
        self.parts().map(|part| part.len() as u64).sum()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The parts, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Bytes> {
        Some(&self.first).filter(|first| !first.is_empty()).into_iter().chain(&self.more)
    }

    /// The whole body; copied if it is in several parts.
    pub fn into_bytes(self) -> Bytes {
        if self.more.is_empty() {
            return self.first;
        }
        let mut whole = BytesMut::with_capacity(self.parts().map(Bytes::len).sum());
        for part in self.parts() {
            whole.extend_from_slice(part);
        }
        whole.freeze()
    }

    /// The body in frames of up to `max`. A part is split, and never joined with the next.
    pub fn frames(&self, channel: ChannelId, max: FrameMax) -> impl Iterator<Item = BodyFrame> {
        let size_max = max.payload_bytes();
        self.parts().flat_map(move |part| {
            (0..part.len()).step_by(size_max).map(move |start| {
                let payload = part.slice(start..part.len().min(start.saturating_add(size_max)));
                BodyFrame { head: body_frame_head(channel, payload.len()), payload }
            })
        })
    }
}

impl From<Bytes> for Body {
    fn from(whole: Bytes) -> Self {
        Self { first: whole, more: Vec::new() }
    }
}

/// Bodies are equal if their bytes are, however they are cut.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.parts().flatten().eq(other.parts().flatten())
    }
}

impl Eq for Body {}

/// A body frame that is not copied together: `head`, `payload` and [`FRAME_END`] are what goes to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFrame {
    /// Type, channel and size.
    pub head: [u8; FRAME_HEAD],
    /// A part of the body.
    pub payload: Bytes,
}

impl BodyFrame {
    /// Appends the frame.
    pub fn put(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(&self.payload);
        out.put_u8(FRAME_END);
    }
}

/// A body that is arriving.
#[derive(Debug, Default)]
pub(crate) struct BodyBuf {
    body: Body,
    small: BytesMut,
}

impl BodyBuf {
    pub(crate) fn push(&mut self, part: Bytes) {
        if part.is_empty() {
            return;
        }
        if self.body.first.is_empty() {
            self.body.first = part;
        } else if part.len() < PART_BYTES_MIN {
            self.small.extend_from_slice(&part);
        } else {
            self.flush();
            self.body.more.push(part);
        }
    }

    pub(crate) fn finish(mut self) -> Body {
        self.flush();
        self.body
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.body.more.push(self.small.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_has_no_frame() {
        assert_eq!(Body::default().frames(ChannelId(1), FrameMax::DEFAULT).count(), 0);
    }

    #[test]
    fn a_body_is_cut_at_the_limit() {
        let size_max = FrameMax::MIN.payload_bytes();
        assert_eq!(size_max, 4088);
        for (size, frames) in [(1, 1), (size_max, 1), (size_max + 1, 2), (size_max * 3, 3)] {
            let body = Body::from(Bytes::from(vec![7; size]));
            let sizes: Vec<_> = body.frames(ChannelId(1), FrameMax::MIN).map(|f| f.payload.len()).collect();
            assert_eq!(sizes.len(), frames);
            assert!(sizes.iter().all(|size| *size <= size_max));
            assert_eq!(sizes.iter().sum::<usize>(), size);
        }
    }

    #[test]
    fn single_bytes_become_one_part() {
        let mut arriving = BodyBuf::default();
        for byte in b"hello" {
            arriving.push(Bytes::copy_from_slice(&[*byte]));
        }
        arriving.push(Bytes::from(vec![b'!'; PART_BYTES_MIN]));
        let body = arriving.finish();
        assert_eq!(body.parts().map(Bytes::len).collect::<Vec<_>>(), [1, 4, PART_BYTES_MIN]);
        assert!(body.into_bytes().starts_with(b"hello!"));
    }
}
