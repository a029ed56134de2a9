//! The same bytes as real clients: what pika 1.4.4, py-amqp 5.4.2 (Celery's) and pamqp 4.0.1 (aio-pika's) encode, byte for byte.

use bytes::{Bytes, BytesMut};

use crate::*;

fn bytes(hex: &str) -> BytesMut {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn text(text: &'static str) -> ShortStr<'static> {
    ShortStr::from_static(text)
}

fn short(text: &'static str) -> Option<ShortBytes<'static>> {
    Some(ShortBytes::from_static(text))
}

#[track_caller]
fn check<'a>(channel: u16, hex: &str, method: impl Into<Method<'a>>) {
    let method = method.into();
    let mut wire = bytes(hex);
    let mut ours = BytesMut::new();
    method.put_frame(ChannelId(channel), &mut ours);
    assert_eq!(ours, wire, "{method:?}");
    let frame = Frame::take(&mut wire, FrameMax::MIN).unwrap().expect("the frame is whole");
    assert_eq!(frame.channel, ChannelId(channel));
    let Payload::Method(theirs) = frame.payload else { panic!("it is a method") };
    assert_eq!(theirs.decode(), Ok(method));
}

#[test]
fn connections() {
    check(
        0,
        "0100000000000c000a001f07ff00020000003cce",
        connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 60 },
    );
    check(
        0,
        "01000000000008000a0028012f0001ce",
        connection::Open { virtual_host: text("/"), capabilities: text(""), insist: true },
    );
    check(
        0,
        "0100000000001a000a003200c80f4e6f726d616c2073687574646f776e00000000ce",
        connection::Close { reply_code: 200, reply_text: text("Normal shutdown"), class_id: 0, method_id: 0 },
    );
    check(
        0,
        "01000000000013000a0046000000036e65770765787069726564ce",
        connection::UpdateSecret { new_secret: Secret(b"new"), reason: text("expired") },
    );
    check(
        0,
        "01000000000012000a003c0d6c6f77206f6e206d656d6f7279ce",
        connection::Blocked { reason: text("low on memory") },
    );
}

#[test]
fn the_login_of_pika() {
    let capabilities = [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "publisher_confirms",
    ];
    let capabilities = capabilities.into_iter().fold(TableBuf::new(), |table, name| table.with(name, true));
    let properties = TableBuf::new()
        .with("product", "Pika Python Client Library")
        .with("platform", "Python 3.11.2")
        .with("capabilities", capabilities.as_table())
        .with("information", "See http://pika.rtfd.org")
        .with("version", "1.4.4");
    let start_ok = connection::StartOk {
        client_properties: properties.as_table(),
        mechanism: text("PLAIN"),
        response: Secret(b"\0guest\0guest"),
        locale: text("en_US"),
    };
    check(
        0,
        "01000000000122000a000b000000fe0770726f64756374530000001a50696b6120507974686f6e20\
        436c69656e74204c69627261727908706c6174666f726d530000000d507974686f6e20332e31312e\
        320c6361706162696c6974696573460000006f1c61757468656e7469636174696f6e5f6661696c75\
        72655f636c6f736574010a62617369632e6e61636b740112636f6e6e656374696f6e2e626c6f636b\
        6564740116636f6e73756d65725f63616e63656c5f6e6f746966797401127075626c69736865725f\
        636f6e6669726d7374010b696e666f726d6174696f6e530000001853656520687474703a2f2f7069\
        6b612e727466642e6f72670776657273696f6e5300000005312e342e3405504c41494e0000000c00\
        677565737400677565737405656e5f5553ce",
        start_ok,
    );
    assert!(!format!("{start_ok:?}").contains("guest"), "passwords are not shown");
}

#[test]
fn channels() {
    check(1, "010001000000050014000a00ce", channel::Open { out_of_band: text("") });
    check(1, "010001000000050014001401ce", channel::Flow { active: true });
    let reply_text = text("NOT_FOUND - no queue 'q' in vhost '/'");
    check(
        1,
        "01000100000030001400280194254e4f545f464f554e44202d206e6f207175657565202771272069\
        6e2076686f737420272f270032000ace",
        channel::Close { reply_code: 404, reply_text, class_id: 50, method_id: 10 },
    );
}

#[test]
fn exchanges() {
    check(1, "0100010000000400280033ce", exchange::UnbindOk {});
    let arguments = TableBuf::new().with("alternate-exchange", "ae");
    let declare = exchange::Declare {
        exchange: text("logs"),
        kind: text("topic"),
        durable: true,
        internal: true,
        arguments: arguments.as_table(),
        ..exchange::Declare::default()
    };
    check(
        1,
        "010001000000300028000a0000046c6f677305746f7069630a0000001a12616c7465726e6174652d\
        65786368616e676553000000026165ce",
        declare,
    );
}

#[test]
fn queues() {
    let arguments = TableBuf::new()
        .with("x-max-length", 100)
        .with("x-queue-type", "quorum")
        .with("x-single-active-consumer", true);
    let declare = queue::Declare {
        queue: text("jobs"),
        durable: true,
        auto_delete: true,
        arguments: arguments.as_table(),
        ..queue::Declare::default()
    };
    check(
        1,
        "010001000000550032000a0000046a6f62730a000000450c782d6d61782d6c656e67746849000000\
        640c782d71756575652d74797065530000000671756f72756d18782d73696e676c652d6163746976\
        652d636f6e73756d65727401ce",
        declare,
    );
    check(
        1,
        "010001000000110032000b046a6f62730000000300000001ce",
        queue::DeclareOk { queue: text("jobs"), message_count: 3, consumer_count: 1 },
    );
    let arguments = TableBuf::new().with("n", 70_000).with("x-match", "any");
    let bind = queue::Bind {
        ticket: 0,
        queue: text("jobs"),
        exchange: text("logs"),
        routing_key: text("a.*"),
        nowait: true,
        arguments: arguments.as_table(),
    };
    check(
        1,
        "01000100000030003200140000046a6f6273046c6f677303612e2a0100000017016e490001117007\
        782d6d617463685300000003616e79ce",
        bind,
    );
    let unbind = queue::Unbind {
        ticket: 0,
        queue: text("jobs"),
        exchange: text("logs"),
        routing_key: text("a.#"),
        arguments: Table::default(),
    };
    check(1, "01000100000018003200320000046a6f6273046c6f677303612e2300000000ce", unbind);
    let delete =
        queue::Delete { ticket: 0, queue: text("jobs"), if_unused: true, if_empty: true, nowait: true };
    check(1, "0100010000000c003200280000046a6f627307ce", delete);
}

#[test]
fn publishing() {
    let publish = basic::Publish { routing_key: text("jobs"), mandatory: true, ..basic::Publish::default() };
    check(1, "0100010000000d003c0028000000046a6f627301ce", publish);
    let publish = basic::Publish {
        exchange: text("logs"),
        routing_key: text("a.b"),
        immediate: true,
        ..basic::Publish::default()
    };
    check(1, "01000100000010003c00280000046c6f677303612e6202ce", publish);
    let (reply_text, exchange, routing_key) = (text("NO_ROUTE"), text(""), text("nowhere"));
    check(
        1,
        "01000100000018003c00320138084e4f5f524f55544500076e6f7768657265ce",
        basic::Return { reply_code: 312, reply_text, exchange, routing_key },
    );
    check(1, "010001000000050055000a00ce", confirm::Select { nowait: false });
    check(1, "01000100000004005a000ace", tx::Select {});
}

#[test]
fn consuming() {
    check(
        1,
        "0100010000000b003c000a00000000000a01ce",
        basic::Qos { prefetch_size: 0, prefetch_count: 10, global: true },
    );
    let arguments = TableBuf::new().with("x-priority", -5);
    let consume = basic::Consume {
        queue: text("jobs"),
        consumer_tag: text("ctag1.x"),
        no_ack: true,
        exclusive: true,
        arguments: arguments.as_table(),
        ..basic::Consume::default()
    };
    check(
        1,
        "01000100000028003c00140000046a6f62730763746167312e7806000000100a782d7072696f7269\
        747949fffffffbce",
        consume,
    );
    let deliver = basic::Deliver {
        consumer_tag: text("ctag1.x"),
        delivery_tag: 1 << 33,
        redelivered: true,
        exchange: text("logs"),
        routing_key: text("a.b"),
    };
    check(1, "0100010000001e003c003c0763746167312e78000000020000000001046c6f677303612e62ce", deliver);
    check(
        1,
        "0100010000000c003c00460000046a6f627301ce",
        basic::Get { ticket: 0, queue: text("jobs"), no_ack: true },
    );
    let get_ok = basic::GetOk {
        delivery_tag: 9,
        redelivered: false,
        exchange: text(""),
        routing_key: text("jobs"),
        message_count: 4,
    };
    check(1, "01000100000017003c004700000000000000090000046a6f627300000004ce", get_ok);
    check(1, "0100010000000d003c0050000000000000000701ce", basic::Ack { delivery_tag: 7, multiple: true });
    check(
        1,
        "0100010000000d003c0078000000000000000701ce",
        basic::Nack { delivery_tag: 7, multiple: true, requeue: false },
    );
    check(1, "01000100000005003c006e01ce", basic::Recover { requeue: true });
}

#[test]
fn less_common_methods() {
    let capabilities = TableBuf::new().with("basic.nack", true);
    let properties = TableBuf::new().with("capabilities", capabilities.as_table()).with("product", "X");
    let start = connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: properties.as_table(),
        mechanisms: b"PLAIN AMQPLAIN",
        locales: b"en_US",
    };
    check(
        1,
        "01000100000052000a000a00090000002d0c6361706162696c6974696573460000000d0a62617369\
        632e6e61636b74010770726f647563745300000001580000000e504c41494e20414d51504c41494e\
        00000005656e5f5553ce",
        start,
    );
    check(
        1,
        "0100010000000c002800140000046c6f677301ce",
        exchange::Delete { ticket: 0, exchange: text("logs"), if_unused: true, nowait: false },
    );
    let bind = exchange::Bind {
        destination: text("dst"),
        source: text("src"),
        routing_key: text("k"),
        ..exchange::Bind::default()
    };
    check(1, "010001000000150028001e00000364737403737263016b0000000000ce", bind);
    let unbind = exchange::Unbind {
        destination: text("dst"),
        source: text("src"),
        routing_key: text("k"),
        nowait: true,
        ..exchange::Unbind::default()
    };
    check(1, "010001000000150028002800000364737403737263016b0100000000ce", unbind);
    check(
        1,
        "0100010000000c0032001e0000046a6f627301ce",
        queue::Purge { ticket: 0, queue: text("jobs"), nowait: true },
    );
    check(1, "010001000000080032002900000007ce", queue::DeleteOk { message_count: 7 });
    check(1, "01000100000009003c001e0374616701ce", basic::Cancel { consumer_tag: text("tag"), nowait: true });
    check(1, "0100010000000d003c005a000000000000000301ce", basic::Reject { delivery_tag: 3, requeue: true });
    check(1, "01000100000005003c006401ce", basic::RecoverAsync { requeue: true });
    check(
        1,
        "0100010000000d003c0078000000000000000302ce",
        basic::Nack { delivery_tag: 3, multiple: false, requeue: true },
    );
}

const DECIMAL: Value<'_> = Value::Decimal { scale: 2, value: 314 };

#[test]
fn tables() {
    let void = TableBuf::new().with("x", Value::Void);
    let truth = TableBuf::new().with("k", true);
    let mut list = ArrayBuf::new();
    list.push("a").push(1).push(truth.as_table());
    let numbers = |table: TableBuf| table.with("t", false).with("i", -1).with("l", 1_i64 << 40);
    let rest = |table: TableBuf| {
        let table = table.with("d", DECIMAL).with("T", Value::Timestamp(1_700_000_000));
        table.with("F", void.as_table()).with("A", list.as_array()).with("V", Value::Void)
    };

    let pika = numbers(TableBuf::new().with("s", "text").with("b", Value::Bytes(b"\x00\xff")));
    assert_eq!(
        rest(pika).freeze(),
        bytes(
            "0000006501735300000004746578740162780000000200ff01747400016949ffffffff016c6c0000\
        010000000000016444020000013a015454000000006553f100014646000000030178560141410000\
        001453000000016149000000014600000004016b7401015656"
        )[4..]
    );

    // py-amqp has no `x`, and writes `L` where RabbitMQ writes `l`.
    let py_amqp = numbers(TableBuf::new().with("s", "text").with("b", Value::LongString(b"\x00\xff")));
    let py_amqp = rest(py_amqp.with("f", Value::F64(1.5)));
    let theirs = bytes(
        "0000007001735300000004746578740162530000000200ff01747400016949ffffffff016c4c0000\
        0100000000000166643ff8000000000000016444020000013a015454000000006553f10001464600\
        0000030178560141410000001453000000016149000000014600000004016b7401015656",
    );
    let theirs = Table::decode(&theirs[4..]).unwrap();
    assert!(theirs.iter().eq(py_amqp.as_table().iter()), "{theirs:?} is not {:?}", py_amqp.as_table());
}

/// pamqp takes a narrow type that the number fits into.
#[test]
fn numbers_of_many_widths() {
    let ours = TableBuf::new()
        .with("a", Value::I8(1))
        .with("b", Value::I16(200))
        .with("c", Value::U16(40_000))
        .with("d", Value::U32(3_000_000_000))
        .with("e", Value::I8(-1))
        .with("f", Value::F32(2.5))
        .with("g", Value::Bytes(b"zz"))
        .with("h", true);
    let theirs = bytes(
        "0000002d0161620101627300c80163759c40016469b2d05e00016562ff0166664020000001677800\
        0000027a7a01687401",
    );
    let theirs = Table::decode(&theirs[4..]).unwrap();
    assert_eq!(theirs, ours.as_table());
    assert_eq!(theirs.get("d").and_then(Value::integer), Some(3_000_000_000));
}

#[track_caller]
fn check_header(channel: u16, hex: &str, body_bytes: u64, properties: Properties<'_>) {
    let mut values = BytesMut::new();
    properties.encode(&mut values);
    let header = ContentHeader { class: BASIC_CLASS, weight: 0, body_bytes, properties: values.freeze() };
    let ours = Frame { channel: ChannelId(channel), payload: Payload::Header(header.clone()) };
    let mut wire = bytes(hex);
    let mut encoded = BytesMut::new();
    ours.put(&mut encoded);
    assert_eq!(encoded, wire);
    assert_eq!(Frame::take(&mut wire, FrameMax::MIN), Ok(Some(ours)));
    assert_eq!(Properties::decode(&header.properties), Ok(properties));
}

#[test]
fn headers() {
    let none = Properties::default();
    check_header(1, "0200010000000e003c000000000000000000000000ce", 0, none);
    check_header(
        2,
        "0200020000000f003c00000000000100000000100001ce",
        1 << 32,
        Properties { delivery_mode: Some(1), ..none },
    );
    let timestamp = Some(1_700_000_000);
    let some = Properties { delivery_mode: Some(2), message_id: short("id"), timestamp, ..none };
    check_header(1, "0200010000001a003c0000000000000000000a10c002026964000000006553f100ce", 10, some);
    let headers = TableBuf::new().with("retries", 2);
    let all = Properties {
        content_type: short("text/plain"),
        content_encoding: short("utf-8"),
        headers: Some(headers.as_table()),
        delivery_mode: Some(2),
        priority: Some(5),
        correlation_id: short("c1"),
        reply_to: short("amq.rabbitmq.reply-to"),
        expiration: short("60000"),
        message_id: short("m1"),
        timestamp,
        kind: short("task"),
        user_id: short("guest"),
        app_id: short("app"),
        cluster_id: short("cl"),
    };
    check_header(
        1,
        "0200010000006e003c00000000000000000005fffc0a746578742f706c61696e057574662d380000\
        000d07726574726965734900000002020502633115616d712e7261626269746d712e7265706c792d\
        746f053630303030026d31000000006553f100047461736b0567756573740361707002636cce",
        5,
        all,
    );
}

#[test]
fn a_task_of_celery() {
    let theirs = bytes(
        "fe00106170706c69636174696f6e2f6a736f6e057574662d380000002d046c616e67530000000270\
        79047461736b5300000005742e616464077265747269657349000000000365746156020001750172",
    );
    let properties = Properties::decode(&theirs).unwrap();
    let headers = properties.headers.expect("Celery describes the task in headers");
    assert_eq!(headers.get("task").and_then(Value::text), Some("t.add"));
    assert_eq!(headers.get("eta"), Some(Value::Void));
    assert_eq!((properties.delivery_mode, properties.priority), (Some(2), Some(0)));
    let mut again = BytesMut::new();
    properties.encode(&mut again);
    assert_eq!(again, theirs);
}

#[test]
fn other_frames() {
    assert_eq!(Opening::of(&bytes("414d515000000901")), Opening::Amqp);
    assert_eq!(bytes("08000000000000ce")[..], HEARTBEAT_FRAME);
    let heartbeat = Frame::take(&mut BytesMut::from(&HEARTBEAT_FRAME[..]), FrameMax::MIN).unwrap().unwrap();
    assert_eq!(heartbeat.into_connection_method(), Ok(None));
    let body = Frame { channel: ChannelId(1), payload: Payload::Body(Bytes::from_static(b"hello")) };
    assert_eq!(Frame::take(&mut bytes("0300010000000568656c6c6fce"), FrameMax::MIN), Ok(Some(body)));
}
