//! Frames out of a stream: limits, ends and cuts.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::source::parts;
use crate::*;

fn frame(kind: u8, channel: u8, payload: &[u8]) -> BytesMut {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, channel][..], &size, payload, &[FRAME_END]].concat().as_slice().into()
}

fn refusal(mut bytes: BytesMut) -> (ReplyCode, String) {
    let error = Frame::take(&mut bytes, FrameMax::DEFAULT).unwrap_err();
    (error.reply_code(), error.reply_text())
}

#[test]
fn a_frame_may_be_eight_octets_too_large_and_no_more() {
    let max = FrameMax::MIN;
    let mut slack = frame(3, 1, &[0; 4096]);
    assert!(Frame::take(&mut slack, max).unwrap().is_some());
    // The size alone is enough to refuse it.
    let mut head = frame(3, 1, &[0; 4097]);
    head.truncate(7);
    let error = Frame::take(&mut head, max).unwrap_err();
    assert_eq!(error.reply_text(), "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}");
    assert!(Frame::take(&mut head, FrameMax::UNLIMITED).unwrap().is_none());
}

#[test]
fn a_wrong_end_is_refused_with_what_was_there() {
    let mut bytes = frame(1, 0, &[0; 20]);
    *bytes.last_mut().unwrap() = 7;
    let text = "FRAME_ERROR - type 1, first 16 octets = <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>: {invalid_frame_end_marker,7}";
    assert_eq!(refusal(bytes), (ReplyCode::FrameError, text.into()));
}

#[test]
fn frames_without_a_meaning_are_refused() {
    let unknown = |octets: &str, kind: u8| {
        (ReplyCode::FrameError, format!("FRAME_ERROR - type {kind}, all octets = {octets}: unknown_frame"))
    };
    assert_eq!(refusal(frame(9, 0, b"hello")), unknown("<<\"hello\">>", 9));
    assert_eq!(refusal(frame(1, 0, &[0, 10, 0])), unknown("<<0,10,0>>", 1));
    assert_eq!(refusal(frame(2, 1, &[0; 11])), unknown("<<0,0,0,0,0,0,0,0,0,0,0>>", 2));
    assert_eq!(refusal(frame(8, 0, b"x")), unknown("<<\"x\">>", 8));
}

#[test]
fn heartbeats_and_content_keep_to_their_channels() {
    let text = "UNEXPECTED_FRAME - type 8, all octets = <<>>";
    assert_eq!(refusal(frame(8, 1, b"")), (ReplyCode::UnexpectedFrame, text.into()));
    let body = Frame::take(&mut frame(3, 0, b"abc"), FrameMax::DEFAULT).unwrap().unwrap();
    let error = body.into_connection_method().unwrap_err();
    assert_eq!(error.reply_text(), "UNEXPECTED_FRAME - type 3, all octets = <<\"abc\">>");
}

#[test]
fn bad_arguments_are_shown_as_far_as_a_text_reaches() {
    let method = |class, method, arguments: &'static [u8]| MethodFrame {
        id: MethodId { class, method },
        arguments: Bytes::from_static(arguments),
    };
    let text = |method: MethodFrame| method.decode().unwrap_err().reply_text();
    assert_eq!(text(method(60, 80, b"\x01\x02")), "FRAME_ERROR - cannot decode <<1,2>>");
    assert_eq!(text(method(60, 80, &[200; 4000])).len(), 255);
    assert_eq!(text(method(60, 21, b"\x01\xff")), "FRAME_ERROR - Malformed UTF-8 in shortstr");
    assert_eq!(text(method(10, 21, b"\0\0\0\x09secret")), "FRAME_ERROR - cannot decode <<>>");
    assert_eq!(format!("{:?}", method(10, 21, b"secret")), "connection.secure_ok (6 bytes)");
    assert_eq!(text(method(60, 200, b"")), "NOT_IMPLEMENTED - unknown method {60,200}");
    let declare = method(40, 10, b"\0\0\x01e\x06direct\0\0\0\0\x03\x01kz");
    let error = declare.decode().unwrap_err();
    assert_eq!(error.reply_code(), ReplyCode::SyntaxError);
    assert_eq!(error, WireError::BadTable { method: declare.id, error: TableError::UnknownType(b'z') });
}

#[test]
fn nesting_is_bounded() {
    let nest = |depth: usize| {
        (1..depth).fold(TableBuf::new(), |inner, _| TableBuf::new().with("k", inner.as_table()))
    };
    assert!(Table::decode(nest(TABLE_DEPTH_MAX).as_table().as_bytes()).is_ok());
    let deeper = nest(TABLE_DEPTH_MAX + 1);
    assert_eq!(Table::decode(deeper.as_table().as_bytes()), Err(TableError::TooDeep));
}

#[test]
fn keys_repeat_and_keep_their_order() {
    let table = TableBuf::new().with("b", 1).with("a", 2).with("b", 3);
    let keys: Vec<_> = table.as_table().iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(keys, ["b", "a", "b"]);
    assert_eq!(table.as_table().get("b"), Some(Value::I32(1)));
    let mut without = TableBuf::new();
    without.extend(table.as_table(), |key| key != *"b");
    assert_eq!(without.as_table(), TableBuf::new().with("a", 2).as_table());
}

#[test]
fn bodies_share_the_buffer_they_were_read_into() {
    let mut wire = frame(3, 1, &[5; 100]);
    let place = wire[7..].as_ptr();
    let frame = Frame::take(&mut wire, FrameMax::DEFAULT).unwrap().unwrap();
    let Payload::Body(body) = frame.payload else { panic!("it is a body") };
    assert_eq!((body.as_ptr(), body.len()), (place, 100));
}

/// All frames that `wire` gives when it arrives in pieces.
fn read(wire: &[u8], piece_sizes: &[usize]) -> Vec<Frame> {
    let (mut rest, mut input, mut frames) = (wire, BytesMut::new(), Vec::new());
    let mut sizes = piece_sizes.iter().cycle();
    while !rest.is_empty() {
        let size = rest.len().min(*sizes.next().unwrap());
        input.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
        while let Some(frame) = Frame::take(&mut input, FrameMax::DEFAULT).unwrap() {
            frames.push(frame);
        }
    }
    assert!(input.is_empty());
    frames
}

proptest! {
    #[test]
    fn a_stream_may_be_cut_anywhere(
        parts in parts(),
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9000), 1..4),
        piece_sizes in proptest::collection::vec(1..3000_usize, 1..20),
    ) {
        let mut wire = BytesMut::new();
        for (number, method) in Method::make_all(&mut parts.source()).iter().enumerate() {
            let body = Body::from(Bytes::from(bodies[number % bodies.len()].clone()));
            let content = Content { properties: Bytes::from_static(&[0, 0]), body };
            content.put(method, ChannelId(1), FrameMax::MIN, &mut wire);
            wire.extend_from_slice(&HEARTBEAT_FRAME);
        }
        let whole = read(&wire, &[wire.len()]);
        prop_assert_eq!(&read(&wire, &piece_sizes), &whole);
        let mut again = BytesMut::new();
        whole.iter().for_each(|frame| frame.put(&mut again));
        prop_assert_eq!(again, wire);
    }
}
