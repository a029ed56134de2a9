//! Cuts a byte stream into frames: type, channel, size, payload, and an octet that ends it.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error::Snippet;
use crate::{ContentHeader, MethodFrame, WireError};

/// The octet that ends a frame.
pub const FRAME_END: u8 = 0xce;

/// Bytes that a frame has beside its payload.
pub const FRAME_OVERHEAD: usize = FRAME_HEAD + 1;

pub(crate) const FRAME_HEAD: usize = 7;

/// A channel's number. 0 is the connection itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(pub u16);

impl ChannelId {
    /// The connection itself.
    pub const CONNECTION: ChannelId = ChannelId(0);
}

/// The largest frame, in bytes with its overhead, that is agreed upon. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameMax(pub u32);

impl FrameMax {
    /// What RabbitMQ and most clients propose.
    pub const DEFAULT: FrameMax = FrameMax(131_072);
    /// Until the client has proved who it is, as in RabbitMQ 4.1 and later.
    pub const BEFORE_AUTHENTICATION: FrameMax = FrameMax(8192);
    /// The least that a peer may ask for.
    pub const MIN: FrameMax = FrameMax(4096);
    /// No limit. What arrives is still buffered only as it arrives.
    pub const UNLIMITED: FrameMax = FrameMax(0);

    /// The largest payload to send, in bytes.
    ///
    /// Limits below [`FrameMax::MIN`], which nobody may agree to, count as that.
    pub fn payload_bytes(self) -> usize {
        let frame = match self {
            FrameMax::UNLIMITED => u32::MAX,
            FrameMax(bytes) => bytes.max(FrameMax::MIN.0),
        };
        usize::try_from(frame).unwrap_or(usize::MAX) - FRAME_OVERHEAD
    }

    /// Whether to take a payload of `size` bytes: up to the limit for whole frames, since clients are known to forget the overhead.
    /// (RabbitMQ has the same slack.)
    const fn accepts(self, size: u32) -> bool {
        self.0 == 0 || size <= self.0
    }
}

/// A frame. Its bytes are shared with the buffer it was cut from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The channel.
    pub channel: ChannelId,
    /// What it holds.
    pub payload: Payload,
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A method; its arguments are not decoded yet.
    Method(MethodFrame),
    /// The size and the properties of content.
    Header(ContentHeader),
    /// A part of content.
    Body(Bytes),
    /// A sign of life, on channel 0 only.
    Heartbeat,
}

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// A whole heartbeat frame.
pub const HEARTBEAT_FRAME: [u8; FRAME_OVERHEAD] = [HEARTBEAT, 0, 0, 0, 0, 0, 0, FRAME_END];

impl Frame {
    /// Takes the first frame out of `input`, without copying it, or `None` if it is not all there yet. Then `input` is as before.
    ///
    /// The frame keeps the allocation of `input` alive. Who stores a small message for long copies it first.
    ///
    /// # Errors
    /// When the frame is too large (as soon as its size is there), ends wrongly, or has no meaning.
    pub fn take(input: &mut BytesMut, max: FrameMax) -> Result<Option<Frame>, WireError> {
        let Some(head) = input.first_chunk::<FRAME_HEAD>() else {
            return Ok(None);
        };
        let &[kind, c0, c1, s0, s1, s2, s3] = head;
        let (channel, size) = (u16::from_be_bytes([c0, c1]), u32::from_be_bytes([s0, s1, s2, s3]));
        if !max.accepts(size) {
            let max = max.0.saturating_sub(FRAME_OVERHEAD as u32);
            return Err(WireError::FrameTooLarge { kind, size, max });
        }
        let end = usize::try_from(size).ok().and_then(|size| size.checked_add(FRAME_HEAD));
        let Some((end, &octet)) = end.and_then(|end| Some((end, input.get(end)?))) else {
            return Ok(None);
        };
        if octet != FRAME_END {
            let payload = Snippet::of(&input[FRAME_HEAD..end]);
            return Err(WireError::BadFrameEnd { kind, octet, payload });
        }
        let mut whole = input.split_to(end + 1).freeze();
        whole.advance(FRAME_HEAD);
        whole.truncate(whole.len() - 1);
        let channel = ChannelId(channel);
        Ok(Some(Frame { channel, payload: Payload::of(kind, channel, whole)? }))
    }

    /// Appends the frame.
    pub fn put(&self, out: &mut BytesMut) {
        let kind = self.payload.kind();
        put_frame(kind, self.channel, out, |out| self.payload.put(out));
    }

    /// The method in a frame of channel 0; `None` is a heartbeat.
    ///
    /// # Errors
    /// When it is content, which the connection itself does not have.
    pub fn into_connection_method(self) -> Result<Option<MethodFrame>, WireError> {
        match self.payload {
            Payload::Method(method) => Ok(Some(method)),
            Payload::Heartbeat => Ok(None),
            payload => {
                let mut bytes = BytesMut::new();
                payload.put(&mut bytes);
                Err(WireError::MisplacedFrame { kind: payload.kind(), payload: Snippet::of(&bytes) })
            }
        }
    }
}

impl Payload {
    fn of(kind: u8, channel: ChannelId, bytes: Bytes) -> Result<Self, WireError> {
        let unknown = |bytes: Bytes| WireError::UnknownFrame { kind, payload: Snippet::of(&bytes) };
        match kind {
            METHOD => MethodFrame::split(bytes).map(Payload::Method).map_err(unknown),
            HEADER => ContentHeader::split(bytes).map(Payload::Header).map_err(unknown),
            BODY => Ok(Payload::Body(bytes)),
            HEARTBEAT if !bytes.is_empty() => Err(unknown(bytes)),
            HEARTBEAT if channel == ChannelId::CONNECTION => Ok(Payload::Heartbeat),
            HEARTBEAT => Err(WireError::MisplacedFrame { kind, payload: Snippet::of(&bytes) }),
            _ => Err(unknown(bytes)),
        }
    }

    const fn kind(&self) -> u8 {
        match self {
            Payload::Method(_) => METHOD,
            Payload::Header(_) => HEADER,
            Payload::Body(_) => BODY,
            Payload::Heartbeat => HEARTBEAT,
        }
    }

    fn put(&self, out: &mut BytesMut) {
        match self {
            Payload::Method(method) => method.put(out),
            Payload::Header(header) => header.put(out),
            Payload::Body(bytes) => out.extend_from_slice(bytes),
            Payload::Heartbeat => {}
        }
    }
}

pub(crate) fn put_method_frame(channel: ChannelId, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    put_frame(METHOD, channel, out, write);
}

pub(crate) fn put_header_frame(channel: ChannelId, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    put_frame(HEADER, channel, out, write);
}

fn put_frame(kind: u8, channel: ChannelId, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.extend_from_slice(&frame_head(kind, channel, 0));
    write(out);
    let head = frame_head(kind, channel, out.len() - start - FRAME_HEAD);
    out[start..start + FRAME_HEAD].copy_from_slice(&head);
    out.put_u8(FRAME_END);
}

/// What precedes the payload of a body frame.
pub(crate) fn body_frame_head(channel: ChannelId, size: usize) -> [u8; FRAME_HEAD] {
    frame_head(BODY, channel, size)
}

fn frame_head(kind: u8, channel: ChannelId, size: usize) -> [u8; FRAME_HEAD] {
    let size = u32::try_from(size).expect("frames stay below 4 GiB");
    let ([c0, c1], [s0, s1, s2, s3]) = (channel.0.to_be_bytes(), size.to_be_bytes());
    [kind, c0, c1, s0, s1, s2, s3]
}
