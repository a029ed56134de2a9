//! A client of this crate's own against the rules of a connection, without sockets.

use std::time::Duration;

use amqp091::{
    ChannelId, Content, Frame, FrameMax, Method, MethodFrame, Payload, Properties, Secret, Table, TableBuf,
    basic, channel, confirm, connection,
};
use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const ONE: ChannelId = ChannelId(1);

struct Pair {
    connection: Connection,
    input: BytesMut,
    out: Output,
    now: Instant,
}

impl Pair {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self {
            connection: Connection::new(Arc::new(config), false),
            input: BytesMut::new(),
            out: Output::default(),
            now: Instant::default(),
        }
    }

    fn put<'a>(&mut self, channel: ChannelId, method: impl Into<Method<'a>>) {
        method.into().put_frame(channel, &mut self.input);
    }

    fn event(&mut self) -> Option<Event> {
        self.connection.take(&mut self.input, self.now, &mut self.out)
    }

    fn send<'a>(&mut self, channel: ChannelId, method: impl Into<Method<'a>>) -> Option<Event> {
        self.put(channel, method);
        self.event()
    }

    /// What the server has sent since the last call.
    fn received(&mut self) -> Vec<(u16, MethodFrame)> {
        let mut bytes = self.out.take_all();
        let mut methods = Vec::new();
        while let Some(frame) = Frame::take(&mut bytes, FrameMax::DEFAULT).unwrap() {
            let Payload::Method(method) = frame.payload else { panic!("{frame:?}") };
            methods.push((frame.channel.0, method));
        }
        assert!(bytes.is_empty());
        methods
    }

    fn names(&mut self) -> Vec<(u16, &'static str)> {
        self.received().iter().map(|(channel, method)| (*channel, method.id.name().unwrap())).collect()
    }

    /// Code, text and cause of the close that the server has sent.
    fn closed(&mut self) -> (u16, u16, String, (u16, u16)) {
        let received = self.received();
        let (channel, method) = received.last().expect("something was sent");
        match method.decode().unwrap() {
            Method::ChannelClose(close) => {
                (*channel, close.reply_code, close.reply_text.to_string(), (close.class_id, close.method_id))
            }
            Method::ConnectionClose(close) => {
                (*channel, close.reply_code, close.reply_text.to_string(), (close.class_id, close.method_id))
            }
            other => panic!("{other:?}"),
        }
    }

    fn start_ok(&mut self, mechanism: &'static str, properties: Table<'_>) -> Option<Event> {
        let response = Secret(b"\0guest\0secret");
        let mechanism = ShortStr::from_static(mechanism);
        let locale = ShortStr::from_static("en_US");
        self.send(
            ChannelId::CONNECTION,
            connection::StartOk { client_properties: properties, mechanism, response, locale },
        )
    }

    fn greet(&mut self) {
        self.input.extend_from_slice(&PROTOCOL_HEADER);
        assert_eq!(self.event(), None);
        assert_eq!(self.names(), [(0, "connection.start")]);
    }

    fn log_in(&mut self) {
        self.greet();
        let capabilities = TableBuf::new().with("connection.blocked", true);
        let properties = TableBuf::new().with("capabilities", capabilities.as_table());
        let event = self.start_ok("PLAIN", properties.as_table());
        let credentials = Credentials::Password { user: "guest".to_owned(), password: b"secret".to_vec() };
        let login = Login { credentials: Some(credentials), mechanism: "PLAIN" };
        assert_eq!(event, Some(Event::Login(login)));
        self.connection.admit("guest", &mut self.out);
        assert_eq!(self.names(), [(0, "connection.tune")]);
    }

    fn tune(&mut self, heartbeat: u16) -> Option<Event> {
        self.send(ChannelId::CONNECTION, connection::TuneOk { channel_max: 3, frame_max: 4096, heartbeat })
    }

    fn running() -> Self {
        let mut pair = Self::new();
        pair.log_in();
        assert_eq!(pair.tune(0), None);
        let open =
            connection::Open { virtual_host: ShortStr::from_static("/"), ..connection::Open::default() };
        assert_eq!(pair.send(ChannelId::CONNECTION, open), Some(Event::Open { vhost: "/".to_owned() }));
        pair.connection.open(&mut pair.out);
        assert_eq!(pair.names(), [(0, "connection.open_ok")]);
        pair
    }

    fn with_channel() -> Self {
        let mut pair = Self::running();
        assert_eq!(pair.send(ONE, channel::Open::default()), Some(Event::ChannelOpened(ONE)));
        assert_eq!(pair.names(), [(1, "channel.open_ok")]);
        pair
    }
}

#[test]
fn a_connection_is_opened() {
    let pair = Pair::running();
    assert!(pair.connection.is_running());
    assert_eq!(pair.connection.tuning().frame_max, FrameMax(4096));
}

#[test]
fn what_comes_before_an_answer_is_known_waits_for_it() {
    let mut pair = Pair::new();
    pair.greet();
    assert!(pair.start_ok("PLAIN", Table::default()).is_some());
    assert_eq!(pair.tune(0), None);
    assert_eq!(pair.names(), []);
    pair.connection.admit("guest", &mut pair.out);
    assert_eq!(pair.event(), None);
    assert_eq!(pair.names(), [(0, "connection.tune")]);
    assert_eq!(pair.connection.tuning().channel_max, 3);
}

#[test]
fn another_protocol_is_told_which_this_is() {
    let mut pair = Pair::new();
    pair.input.extend_from_slice(b"AMQP\x00\x01\x00\x00");
    let stranger = Opening::OtherVersion([0, 1, 0, 0]);
    assert_eq!(pair.event(), Some(Event::Over(Over::Stranger(stranger))));
    assert_eq!(pair.out.take_all(), &PROTOCOL_HEADER[..]);
    assert!(pair.connection.is_over());
}

#[test]
fn a_refused_login_is_told_to_those_who_can_hear() {
    for can_hear in [false, true] {
        let mut pair = Pair::new();
        pair.greet();
        let capabilities = TableBuf::new().with("authentication_failure_close", can_hear);
        let properties = TableBuf::new().with("capabilities", capabilities.as_table());
        assert!(pair.start_ok("PLAIN", properties.as_table()).is_some());
        assert!(matches!(pair.connection.refuse(&mut pair.out), Event::Over(Over::Refused(_))));
        if can_hear {
            let text = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.";
            assert_eq!(pair.closed(), (0, 403, text.to_owned(), (0, 0)));
        } else {
            assert!(pair.out.is_empty());
        }
    }
}

#[test]
fn an_unknown_mechanism_or_a_method_out_of_order_ends_it_silently() {
    for bad in ["SCRAM", "EXTERNAL"] {
        let mut pair = Pair::new();
        pair.greet();
        let Some(Event::Over(Over::Refused(why))) = pair.start_ok(bad, Table::default()) else { panic!() };
        let text = format!("503 COMMAND_INVALID - unknown authentication mechanism '{bad}'");
        assert_eq!(why, text);
    }
    let mut pair = Pair::new();
    pair.greet();
    let Some(Event::Over(Over::Refused(why))) = pair.tune(0) else { panic!() };
    assert!(why.contains("unexpected method in connection state starting"), "{why}");
    assert!(pair.out.is_empty());
}

#[test]
fn limits_that_are_too_high_are_refused() {
    let mut pair = Pair::new();
    pair.log_in();
    let tune = connection::TuneOk { channel_max: 3, frame_max: 1 << 20, heartbeat: 0 };
    assert!(matches!(pair.send(ChannelId::CONNECTION, tune), Some(Event::Failed(_))));
    let text =
        "NOT_ALLOWED - negotiated frame_max = 1048576 is higher than the maximum allowed value (131072)";
    assert_eq!(pair.closed(), (0, 530, text.to_owned(), (10, 30)));
}

#[test]
fn an_unknown_virtual_host_is_refused_with_the_method_that_named_it() {
    let mut pair = Pair::new();
    pair.log_in();
    pair.tune(0);
    let open = connection::Open { virtual_host: ShortStr::from_static("x"), ..connection::Open::default() };
    assert!(pair.send(ChannelId::CONNECTION, open).is_some());
    let event = pair.connection.refuse_open(Fault::not_allowed("vhost x not found"), &mut pair.out);
    assert!(matches!(event, Event::Failed(_)));
    assert_eq!(pair.closed(), (0, 530, "NOT_ALLOWED - vhost x not found".to_owned(), (10, 40)));
    assert_eq!(pair.send(ChannelId::CONNECTION, connection::CloseOk {}), Some(Event::Over(Over::Closed)));
}

#[test]
fn a_frame_above_the_limit_is_refused_before_and_after_login() {
    let mut pair = Pair::new();
    pair.greet();
    pair.input.extend_from_slice(&[1, 0, 0, 0, 0, 0x20, 1]);
    assert!(matches!(pair.event(), Some(Event::Over(Over::Refused(_)))));

    let mut pair = Pair::running();
    pair.input.extend_from_slice(&[3, 0, 1, 0, 0, 0x10, 1]);
    assert!(matches!(pair.event(), Some(Event::Failed(_))));
    let (channel, code, text, _) = pair.closed();
    assert_eq!((channel, code), (0, 501));
    assert!(text.contains("frame_too_large"), "{text}");
    // What follows can not be told apart, not even an answer.
    assert_eq!(pair.send(ChannelId::CONNECTION, connection::CloseOk {}), None);
    assert!(pair.connection.is_broken() && pair.input.is_empty());
}

#[test]
fn channels_open_once_and_only_so_many() {
    let mut pair = Pair::with_channel();
    assert!(pair.send(ChannelId(2), channel::Open::default()).is_some());
    assert!(pair.send(ChannelId(3), channel::Open::default()).is_some());
    pair.received();
    assert!(matches!(pair.send(ChannelId(4), channel::Open::default()), Some(Event::Failed(_))));
    let text = "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)";
    assert_eq!(pair.closed(), (0, 530, text.to_owned(), (0, 0)));

    let mut pair = Pair::with_channel();
    assert!(matches!(pair.send(ONE, channel::Open::default()), Some(Event::Failed(_))));
    assert_eq!(pair.closed(), (0, 504, "CHANNEL_ERROR - second 'channel.open' seen".to_owned(), (20, 10)));
}

#[test]
fn a_channel_is_opened_first() {
    let mut pair = Pair::running();
    assert!(matches!(pair.send(ONE, confirm::Select::default()), Some(Event::Failed(_))));
    assert_eq!(pair.closed(), (0, 504, "CHANNEL_ERROR - expected 'channel.open'".to_owned(), (85, 10)));
}

#[test]
fn a_message_that_is_too_large_closes_its_channel_and_is_dropped() {
    let mut pair = Pair::running();
    pair.connection.config = Arc::new(Config { message_bytes_max: 10, ..Config::default() });
    assert!(pair.send(ONE, channel::Open::default()).is_some());
    pair.received();
    let mut properties = BytesMut::new();
    Properties::default().encode(&mut properties);
    let content = Content { properties: properties.freeze(), body: Bytes::from_static(&[0; 11]).into() };
    content.put(&basic::Publish::default().into(), ONE, FrameMax::MIN, &mut pair.input);
    assert_eq!(pair.event(), Some(Event::ChannelFailed(ONE)));
    let text = "PRECONDITION_FAILED - message size 11 is larger than configured max size 10";
    assert_eq!(pair.closed(), (1, 406, text.to_owned(), (60, 40)));
    assert_eq!(pair.event(), None);
    assert_eq!(pair.send(ONE, channel::CloseOk {}), None);
    assert_eq!(pair.send(ONE, channel::Open::default()), Some(Event::ChannelOpened(ONE)));
}

#[test]
fn a_closed_channel_takes_nothing_until_the_client_knows() {
    let mut pair = Pair::with_channel();
    let fault = Fault::not_found("no queue 'q' in vhost '/'").of(MethodId { class: 60, method: 20 });
    let event = pair.connection.fail(ONE, fault.clone(), &mut pair.out);
    assert_eq!(event, Some(Event::ChannelFailed(ONE)));
    assert_eq!(pair.connection.fail(ONE, fault, &mut pair.out), None);
    assert_eq!(pair.closed(), (1, 404, "NOT_FOUND - no queue 'q' in vhost '/'".to_owned(), (60, 20)));
    assert_eq!(pair.send(ONE, confirm::Select::default()), None);
    // Both have closed it: the client need not answer before it goes on.
    assert_eq!(pair.send(ONE, channel::Close::default()), None);
    assert_eq!(pair.names(), [(1, "channel.close_ok")]);
    assert_eq!(pair.send(ONE, channel::Open::default()), Some(Event::ChannelOpened(ONE)));
}

#[test]
fn the_client_closes_a_channel() {
    let mut pair = Pair::with_channel();
    assert_eq!(pair.send(ONE, channel::Close::default()), Some(Event::ChannelEnding(ONE)));
    assert!(pair.out.is_empty() && pair.connection.is_answerable(ONE));
    pair.connection.end_channel(ONE, &mut pair.out);
    assert_eq!(pair.names(), [(1, "channel.close_ok")]);
    assert_eq!(pair.send(ONE, channel::Open::default()), Some(Event::ChannelOpened(ONE)));
}

#[test]
fn the_client_closes_the_connection() {
    let mut pair = Pair::with_channel();
    assert_eq!(pair.send(ChannelId::CONNECTION, connection::Close::default()), Some(Event::Ending));
    assert_eq!(pair.send(ONE, confirm::Select::default()), None);
    assert!(pair.out.is_empty(), "exclusive queues go first");
    pair.connection.end(&mut pair.out);
    assert_eq!(pair.names(), [(0, "connection.close_ok")]);
    assert!(pair.connection.is_over());
}

#[test]
fn an_operator_closes_the_connection() {
    let mut pair = Pair::with_channel();
    let forced = Fault::new(
        amqp091::ReplyCode::ConnectionForced,
        "broker forced connection closure with reason 'shutdown'",
    );
    assert!(matches!(pair.connection.close(forced, &mut pair.out), Event::Failed(_)));
    assert_eq!(pair.closed().1, 320);
    assert_eq!(pair.send(ONE, confirm::Select::default()), None);
    assert_eq!(pair.send(ChannelId::CONNECTION, connection::Close::default()), None);
    assert_eq!(pair.names(), [(0, "connection.close_ok")]);
    assert_eq!(pair.send(ChannelId::CONNECTION, connection::CloseOk {}), Some(Event::Over(Over::Closed)));
}

#[test]
fn heartbeats_go_both_ways() {
    let mut pair = Pair::new();
    pair.log_in();
    pair.tune(10);
    let at = |seconds| Instant::from_origin(Duration::from_secs(seconds));
    assert_eq!(pair.connection.beat(at(4), true, &mut pair.out), Ok(Some(at(5))));
    assert!(pair.out.is_empty());
    assert_eq!(pair.connection.beat(at(5), true, &mut pair.out), Ok(Some(at(10))));
    assert_eq!(pair.out.take_all(), &HEARTBEAT_FRAME[..]);
    pair.input.extend_from_slice(&HEARTBEAT_FRAME);
    assert_eq!(pair.event(), None);
    pair.connection.on_input(at(15));
    assert!(pair.connection.beat(at(34), true, &mut pair.out).is_ok());
    assert_eq!(pair.connection.beat(at(35), true, &mut pair.out), Err(ClientSilent));
}

#[test]
fn only_clients_that_know_are_told_that_they_are_blocked() {
    let mut pair = Pair::running();
    assert!(pair.connection.block("low on disk", &mut pair.out));
    pair.connection.unblock(&mut pair.out);
    assert_eq!(pair.names(), [(0, "connection.blocked"), (0, "connection.unblocked")]);
    pair.connection.client.knows_blocked = false;
    assert!(!pair.connection.block("low on disk", &mut pair.out));
}

#[test]
fn a_secret_is_renewed() {
    let mut pair = Pair::running();
    let update =
        connection::UpdateSecret { new_secret: Secret(b"new"), ..connection::UpdateSecret::default() };
    let credentials = Credentials::Password { user: "guest".to_owned(), password: b"new".to_vec() };
    assert_eq!(pair.send(ChannelId::CONNECTION, update), Some(Event::Renew(credentials)));
    pair.connection.renew(&mut pair.out);
    assert_eq!(pair.names(), [(0, "connection.update_secret_ok")]);
    assert!(matches!(pair.connection.refuse_renewal(&mut pair.out), Event::Failed(_)));
    let text = "NOT_ALLOWED - New secret was refused by one of the backends";
    assert_eq!(pair.closed(), (0, 530, text.to_owned(), (10, 70)));
}

/// Something that a client might do, wisely or not.
#[derive(Debug, Clone)]
enum Step {
    Open(u16),
    Close(u16),
    CloseOk(u16),
    Publish(u16, usize),
    Command(u16),
    Garbage(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let channel = 0_u16..4;
    prop_oneof![
        4 => channel.clone().prop_map(Step::Open),
        2 => channel.clone().prop_map(Step::Close),
        2 => channel.clone().prop_map(Step::CloseOk),
        6 => (channel.clone(), 0_usize..9000).prop_map(|(channel, size)| Step::Publish(channel, size)),
        4 => channel.prop_map(Step::Command),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Step::Garbage),
    ]
}

fn put_step(step: &Step, wire: &mut BytesMut) {
    match step {
        Step::Open(channel) => Method::from(channel::Open::default()).put_frame(ChannelId(*channel), wire),
        Step::Close(channel) => Method::from(channel::Close::default()).put_frame(ChannelId(*channel), wire),
        Step::CloseOk(channel) => Method::from(channel::CloseOk {}).put_frame(ChannelId(*channel), wire),
        Step::Publish(channel, size) => {
            let content =
                Content { properties: Bytes::from_static(&[0, 0]), body: Bytes::from(vec![1; *size]).into() };
            content.put(&basic::Publish::default().into(), ChannelId(*channel), FrameMax::MIN, wire);
        }
        Step::Command(channel) => {
            Method::from(confirm::Select::default()).put_frame(ChannelId(*channel), wire)
        }
        Step::Garbage(bytes) => wire.extend_from_slice(bytes),
    }
}

/// Runs a client's bytes, cut into parts, and returns what happened and what was answered.
fn run(wire: &[u8], cuts: &[usize]) -> (Vec<String>, BytesMut) {
    let mut pair = Pair::running();
    let mut events = Vec::new();
    let mut rest = wire;
    let mut cuts = cuts.iter().copied().cycle();
    loop {
        while let Some(event) = pair.event() {
            match &event {
                Event::ChannelEnding(channel) => pair.connection.end_channel(*channel, &mut pair.out),
                Event::Ending => pair.connection.end(&mut pair.out),
                Event::Command(channel, _) => assert!(pair.connection.is_answerable(*channel)),
                _ => {}
            }
            events.push(format!("{event:?}"));
        }
        if rest.is_empty() {
            return (events, pair.out.take_all());
        }
        let size = cuts.next().unwrap_or(usize::MAX).min(rest.len());
        pair.input.extend_from_slice(&rest[..size]);
        rest = &rest[size..];
    }
}

proptest! {
    /// However a client's bytes are cut, the same happens; commands come on open channels only, and what is answered are whole frames.
    #[test]
    fn nothing_depends_on_how_bytes_arrive(
        steps in prop::collection::vec(step(), 0..30),
        cuts in prop::collection::vec(1_usize..5000, 1..10),
    ) {
        let mut wire = BytesMut::new();
        for step in &steps {
            put_step(step, &mut wire);
        }
        let whole = run(&wire, &[usize::MAX]);
        let (events, mut answers) = run(&wire, &cuts);
        prop_assert_eq!((&events, &answers), (&whole.0, &whole.1));
        while Frame::take(&mut answers, FrameMax::DEFAULT).unwrap().is_some() {}
        prop_assert!(answers.is_empty());
    }

    /// Commands arrive whole and in order.
    #[test]
    fn messages_arrive_as_they_were_sent(sizes in prop::collection::vec(0_usize..20_000, 1..10)) {
        let mut pair = Pair::with_channel();
        for size in &sizes {
            put_step(&Step::Publish(1, *size), &mut pair.input);
        }
        for size in sizes {
            let Some(Event::Command(ONE, command)) = pair.event() else { panic!("a message is missing") };
            prop_assert_eq!(command.content.unwrap().body.len(), size as u64);
        }
        prop_assert_eq!(pair.event(), None);
    }
}
