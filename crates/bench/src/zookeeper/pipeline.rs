//! The requests that one connection has outstanding. Bytes in, bytes out, no socket and no clock.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::BytesMut;
use zookeeper::codec::{ErrorCode, FRAME_PREFIX_BYTES, Reader, ReplyHeader, Request, Xid, first_frame};

/// Requests in the order sent, which must be the order of the answers.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    /// When each was sent, the oldest first.
    sent: VecDeque<Instant>,
    /// The xid of the oldest.
    oldest: i32,
}

/// What came back for one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// When the request was sent.
    pub(crate) sent: Instant,
    /// OK, or why not.
    pub(crate) error: ErrorCode,
    /// Bytes of the answer's frame.
    pub(crate) bytes: usize,
}

impl Pipeline {
    /// Requests without an answer yet.
    pub(crate) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Appends `request` to `out` as sent at `now`.
    pub(crate) fn send(&mut self, request: &Request<'_>, now: Instant, out: &mut BytesMut) {
        // Small positive numbers: a connection does not live for two thousand million requests.
        let xid = self.oldest.wrapping_add(self.sent.len() as i32) & i32::MAX;
        request.put_frame(Xid(xid), out);
        self.sent.push_back(now);
    }

    /// Takes every whole frame out of `input` and hands the answers to `each`, in order.
    ///
    /// # Errors
    /// When the server answers out of order or what is no answer at all.
    pub(crate) fn receive(&mut self, input: &mut BytesMut, mut each: impl FnMut(Answer)) -> Result<()> {
        let mut read = 0;
        while let Some(payload) = first_frame(&input[read..], usize::MAX)? {
            let bytes = FRAME_PREFIX_BYTES + payload.len();
            read += bytes;
            let header: ReplyHeader = Reader::new(payload).record()?;
            if header.xid != Xid::EVENT {
                each(self.answer(header, bytes)?);
            }
        }
        bytes::Buf::advance(input, read);
        Ok(())
    }

    fn answer(&mut self, header: ReplyHeader, bytes: usize) -> Result<Answer> {
        let expected = self.oldest;
        let sent = self.sent.pop_front();
        ensure!(
            sent.is_some() && header.xid == Xid(expected),
            "the server answered request {} when request {expected} was the oldest of {} outstanding",
            header.xid.0,
            self.sent.len() + usize::from(sent.is_some()),
        );
        self.oldest = expected.wrapping_add(1) & i32::MAX;
        Ok(Answer { sent: sent.expect("checked above"), error: header.error, bytes })
    }
}

#[cfg(test)]
mod tests {
    use zookeeper::codec::{ReplyBody, Stat, put_error_frame};

    use super::*;

    fn with_outstanding(count: usize, now: Instant) -> Pipeline {
        let mut pipeline = Pipeline::default();
        for _ in 0..count {
            pipeline.send(&Request::Ping, now, &mut BytesMut::new());
        }
        pipeline
    }

    fn reply(xid: i32, out: &mut BytesMut) {
        ReplyBody::Data(Some(b"data"), Stat::default()).put_frame(Xid(xid), 1, out);
    }

    #[test]
    fn answers_are_taken_as_their_frames_become_whole() {
        let now = Instant::now();
        let mut whole = BytesMut::new();
        reply(0, &mut whole);
        put_error_frame(Xid(1), 1, ErrorCode::NO_NODE, &mut whole);

        let (mut pipeline, mut input, mut errors) = (with_outstanding(3, now), BytesMut::new(), Vec::new());
        for byte in whole {
            input.extend_from_slice(&[byte]);
            pipeline.receive(&mut input, |answer| errors.push(answer.error)).unwrap();
        }
        assert_eq!(errors, [ErrorCode::OK, ErrorCode::NO_NODE]);
        assert_eq!((pipeline.len(), input.len()), (1, 0));
    }

    #[test]
    fn an_answer_out_of_order_is_an_error() {
        let mut input = BytesMut::new();
        reply(1, &mut input);
        let error = with_outstanding(2, Instant::now()).receive(&mut input, |_| ()).unwrap_err();
        assert!(error.to_string().contains("answered request 1 when request 0"), "{error}");
    }

    #[test]
    fn an_answer_to_nothing_is_an_error() {
        let mut input = BytesMut::new();
        reply(0, &mut input);
        assert!(Pipeline::default().receive(&mut input, |_| ()).is_err());
    }
}
