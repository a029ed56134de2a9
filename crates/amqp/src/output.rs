//! What is on its way to a client: small things copied together, large bodies as they are.

use std::collections::VecDeque;
use std::io::IoSlice;

use amqp091::{Body, ChannelId, Content, FRAME_END, FrameMax, Method};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Parts of a body above this many bytes are not copied.
const COPIED_BYTES_MAX: usize = 8 << 10;
/// A buffer above this size is given back as soon as it is empty.
const KEPT_BYTES: usize = 64 << 10;
/// So many pieces go out in one system call.
pub(crate) const SLICES_MAX: usize = 16;

/// Bytes to be sent, in order.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// What precedes `tail`.
    pieces: VecDeque<Bytes>,
    tail: BytesMut,
    /// Bytes in `pieces`.
    pieces_bytes: usize,
}

impl Output {
    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.pieces_bytes + self.tail.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a frame with this method.
    pub(crate) fn put<'a>(&mut self, channel: ChannelId, method: impl Into<Method<'a>>) {
        method.into().put_frame(channel, &mut self.tail);
    }

    /// Appends bytes that are frames already.
    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(bytes);
    }

    /// Appends a method, a header and a body.
    pub(crate) fn put_content<'a>(
        &mut self,
        channel: ChannelId,
        method: impl Into<Method<'a>>,
        properties: Bytes,
        body: Bytes,
        max: FrameMax,
    ) {
        let content = Content { properties, body: Body::from(body) };
        content.put_head(&method.into(), channel, &mut self.tail);
        for frame in content.body.frames(channel, max) {
            if frame.payload.len() <= COPIED_BYTES_MAX {
                frame.put(&mut self.tail);
            } else {
                self.tail.extend_from_slice(&frame.head);
                self.push(frame.payload);
                self.tail.put_u8(FRAME_END);
            }
        }
    }

    fn push(&mut self, piece: Bytes) {
        let before = self.tail.split().freeze();
        self.pieces_bytes += before.len() + piece.len();
        self.pieces.extend([before, piece]);
    }

    /// The first pieces of what is to be sent.
    pub(crate) fn slices<'a>(&'a self, into: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let pieces = self.pieces.iter().map(Bytes::as_ref).chain([self.tail.as_ref()]);
        let mut count = 0;
        for (slot, piece) in into.iter_mut().zip(pieces.filter(|piece| !piece.is_empty())) {
            *slot = IoSlice::new(piece);
            count += 1;
        }
        count
    }

    /// Drops what was sent.
    pub(crate) fn advance(&mut self, mut sent: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            let gone = sent.min(piece.len());
            piece.advance(gone);
            self.pieces_bytes -= gone;
            sent -= gone;
            if !piece.is_empty() {
                return;
            }
            self.pieces.pop_front();
        }
        self.tail.advance(sent);
        if self.tail.is_empty() {
            if self.tail.capacity() > KEPT_BYTES {
                self.tail = BytesMut::new();
            } else {
                self.tail.clear();
            }
        }
    }

    /// All that waits, for tests that are their own client.
    #[cfg(test)]
    pub(crate) fn take_all(&mut self) -> BytesMut {
        let mut all = BytesMut::new();
        for piece in self.pieces.drain(..) {
            all.extend_from_slice(&piece);
        }
        self.pieces_bytes = 0;
        all.extend_from_slice(&self.tail);
        self.tail.clear();
        all
    }
}

#[cfg(test)]
mod tests {
    use amqp091::basic;
    use proptest::prelude::*;

    use super::*;

    fn put(output: &mut Output, whole: &mut BytesMut, size: usize) {
        let body = Bytes::from(vec![size as u8; size]);
        let method = basic::GetOk::default();
        let content = Content { properties: Bytes::from_static(&[0, 0]), body: body.clone().into() };
        content.put(&method.into(), ChannelId(1), FrameMax::DEFAULT, whole);
        output.put_content(ChannelId(1), method, Bytes::from_static(&[0, 0]), body, FrameMax::DEFAULT);
    }

    proptest! {
        /// However little the kernel takes at a time, what comes out is what went in.
        #[test]
        fn bytes_come_out_in_order(sizes in prop::collection::vec(0_usize..300_000, 0..4), steps in prop::collection::vec(1_usize..200_000, 1..20)) {
            let (mut output, mut whole) = (Output::default(), BytesMut::new());
            for size in sizes {
                put(&mut output, &mut whole, size);
            }
            let mut sent = Vec::new();
            let mut steps = steps.into_iter().cycle();
            while !output.is_empty() {
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = output.slices(&mut slices);
                prop_assert!(count > 0);
                let step = steps.next().unwrap();
                let taken: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter()).copied().take(step).collect();
                output.advance(taken.len());
                sent.extend_from_slice(&taken);
            }
            prop_assert_eq!(&sent[..], &whole[..]);
        }
    }

    #[test]
    fn large_bodies_are_not_copied() {
        let body = Bytes::from(vec![1; 100_000]);
        let mut output = Output::default();
        output.put_content(
            ChannelId(1),
            basic::GetOk::default(),
            Bytes::from_static(&[0, 0]),
            body.clone(),
            FrameMax::DEFAULT,
        );
        assert!(output.pieces.iter().any(|piece| piece.as_ptr() == body.as_ptr()));
    }
}
