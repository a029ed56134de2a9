//! Commands out of frames: order, sizes, and the words of RabbitMQ's refusals.

use bytes::Bytes;

use crate::*;

fn publish() -> Payload {
    Payload::Method(Method::from(basic::Publish::default()).to_frame())
}

fn ack() -> Payload {
    Payload::Method(Method::from(basic::Ack::default()).to_frame())
}

fn header(body_bytes: u64) -> ContentHeader {
    ContentHeader { class: BASIC_CLASS, weight: 0, body_bytes, properties: Bytes::from_static(&[0, 0]) }
}

fn body(bytes: &'static [u8]) -> Payload {
    Payload::Body(Bytes::from_static(bytes))
}

/// What the last of `payloads` leads to; those before it are incomplete.
#[track_caller]
fn push(payloads: impl IntoIterator<Item = Payload>) -> Result<Assembled, WireError> {
    let mut channel = Assembler::new(1000);
    let mut last = Ok(Assembled::Incomplete);
    for payload in payloads {
        assert_eq!(last, Ok(Assembled::Incomplete));
        last = channel.push(payload);
    }
    last
}

#[track_caller]
fn refusal(payloads: impl IntoIterator<Item = Payload>) -> String {
    push(payloads).unwrap_err().reply_text()
}

fn body_of(assembled: Assembled) -> Bytes {
    let Assembled::Command(Command { content: Some(content), .. }) = assembled else {
        panic!("not a message: {assembled:?}")
    };
    content.body.into_bytes()
}

#[test]
fn a_method_without_content_is_whole() {
    let Payload::Method(method) = ack() else { unreachable!() };
    assert_eq!(push([ack()]), Ok(Assembled::Command(Command { method, content: None })));
}

#[test]
fn an_empty_body_has_no_frame() {
    assert_eq!(body_of(push([publish(), Payload::Header(header(0))]).unwrap()), "");
}

#[test]
fn a_body_comes_in_any_number_of_frames() {
    let start = || [publish(), Payload::Header(header(5))];
    assert_eq!(body_of(push(start().into_iter().chain([body(b"hello")])).unwrap()), "hello");
    let cut = [body(b"h"), body(b""), body(b"el"), body(b"lo")];
    assert_eq!(body_of(push(start().into_iter().chain(cut)).unwrap()), "hello");
}

#[test]
fn frames_out_of_order_are_refused_in_rabbitmqs_words() {
    let expected_method = "UNEXPECTED_FRAME - expected method frame, got non method frame instead";
    assert_eq!(refusal([body(b"x")]), expected_method);
    assert_eq!(refusal([Payload::Header(header(1))]), expected_method);
    let expected_header =
        "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead";
    assert_eq!(refusal([publish(), ack()]), expected_header);
    assert_eq!(refusal([publish(), body(b"x")]), expected_header);
    assert_eq!(
        refusal([publish(), Payload::Header(ContentHeader { weight: 1, ..header(1) })]),
        expected_header
    );
    assert_eq!(
        refusal([publish(), Payload::Header(ContentHeader { class: 50, ..header(1) })]),
        "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead"
    );
    let expected_body = "UNEXPECTED_FRAME - expected content body, got non content body frame instead";
    assert_eq!(refusal([publish(), Payload::Header(header(2)), ack()]), expected_body);
    assert_eq!(refusal([publish(), Payload::Header(header(2)), body(b"x"), publish()]), expected_body);
}

#[test]
fn a_refusal_names_the_method() {
    let error = push([publish(), ack()]).unwrap_err();
    assert_eq!(error.method().map(|id| id.to_string()).as_deref(), Some("basic.publish"));
    assert_eq!(error.reply_code(), ReplyCode::UnexpectedFrame);
}

#[test]
fn a_body_longer_than_announced_is_refused() {
    let error = push([publish(), Payload::Header(header(2)), body(b"abc")]).unwrap_err();
    assert!(matches!(error, WireError::BodyTooLong { excess: 1, .. }));
    assert_eq!(error.reply_code(), ReplyCode::FrameError);
}

#[test]
fn a_bad_publish_is_refused_before_its_content() {
    let method = MethodFrame { id: MethodId { class: 60, method: 40 }, arguments: Bytes::new() };
    assert_eq!(refusal([Payload::Method(method)]), "FRAME_ERROR - cannot decode <<>>");
}

#[test]
fn a_body_above_the_limit_is_dropped_and_the_channel_goes_on() {
    let mut channel = Assembler::new(4);
    assert_eq!(channel.push(publish()), Ok(Assembled::Incomplete));
    let announced = channel.push(Payload::Header(header(5))).unwrap();
    assert!(matches!(announced, Assembled::TooLarge { body_bytes: 5, .. }));
    assert_eq!(channel.push(body(b"hel")), Ok(Assembled::Incomplete));
    assert_eq!(channel.push(body(b"lo")), Ok(Assembled::Incomplete));
    assert!(matches!(channel.push(ack()), Ok(Assembled::Command(_))));
    assert_eq!(
        refusal([publish(), Payload::Header(header(BODY_BYTES_MAX + 1))]).split(' ').next(),
        Some("FRAME_ERROR")
    );
}
