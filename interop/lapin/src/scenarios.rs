//! What users of lapin rely on.

use futures_lite::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions,
    BasicPublishOptions, BasicQosOptions, BasicRejectOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Error, ErrorKind, ExchangeKind,
};

use crate::site::{Site, arguments, confirming, is_silent, next, publish, text, within};

pub(crate) async fn roundtrip(site: &Site) {
    let (there, here) = (site.connect(0).await, site.connect(1).await);
    let (publisher, channel) = (confirming(&there).await, here.create_channel().await.expect("a channel"));
    let queue = site.queue(&channel, FieldTable::default()).await;
    let list: FieldArray = vec![AMQPValue::LongInt(1), AMQPValue::LongString("two".into())].into();
    let headers = arguments(&[
        ("text", AMQPValue::LongString("ü".into())),
        ("n", AMQPValue::LongInt(-7)),
        ("large", AMQPValue::LongLongInt(1 << 40)),
        ("half", AMQPValue::Double(0.5)),
        ("yes", AMQPValue::Boolean(true)),
        ("none", AMQPValue::Void),
        ("list", AMQPValue::FieldArray(list)),
        ("table", AMQPValue::FieldTable(arguments(&[("a", AMQPValue::LongInt(1))]))),
    ]);
    let sent = BasicProperties::default()
        .with_headers(headers)
        .with_content_type("text/plain".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_priority(3)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("60000".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("t".into())
        .with_user_id("guest".into())
        .with_app_id("a".into());
    let body = vec![b'x'; 400_000];
    let options = BasicPublishOptions::default();
    let published =
        publisher.basic_publish("".into(), queue.as_str().into(), options, &body, sent.clone()).await;
    assert_eq!(
        within("a confirm", published.expect("a publish")).await.expect("a confirm"),
        Confirmation::Ack(None)
    );
    let got = get(&channel, &queue).await.expect("the message");
    assert_eq!((got.delivery.data.len(), &got.delivery.properties), (400_000, &sent));
    assert_eq!((got.delivery.redelivered, got.message_count), (false, 0));
    assert_eq!(got.delivery.routing_key.as_str(), queue);
    assert!(got.delivery.ack(BasicAckOptions::default()).await.expect("an ack"));
    assert!(get(&channel, &queue).await.is_none());
    let left = channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await;
    assert_eq!(left.expect("a deletion"), 0);
}

pub(crate) async fn confirms(site: &Site) {
    let connection = site.connect(0).await;
    let channel = confirming(&connection).await;
    let queue = site.queue(&channel, FieldTable::default()).await;
    let one = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    let full = site.queue(&channel, arguments(&one)).await;
    let mut open = Vec::new();
    for number in 0..500 {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let body = number.to_string();
        let publish =
            channel.basic_publish("".into(), queue.as_str().into(), options, body.as_bytes(), properties);
        open.push(publish.await.expect("a publish"));
    }
    for confirm in open {
        assert_eq!(within("a confirm", confirm).await.expect("a confirm"), Confirmation::Ack(None));
    }
    assert_eq!(ready(&channel, &queue).await, 500);
    assert_eq!(publish(&channel, "", &full, "fits").await, Confirmation::Ack(None));
    assert_eq!(publish(&channel, "", &full, "does not").await, Confirmation::Nack(None));
    let purged = channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await;
    assert_eq!(purged.expect("a purge"), 500);
    for each in [queue, full] {
        channel.queue_delete(each.as_str().into(), QueueDeleteOptions::default()).await.expect("a deletion");
    }
}

pub(crate) async fn returns(site: &Site) {
    let connection = site.connect(0).await;
    let channel = confirming(&connection).await;
    let nowhere = site.fresh("nowhere");
    let Confirmation::Ack(Some(returned)) = publish(&channel, "amq.direct", &nowhere, "lost").await else {
        panic!("an unroutable message comes back before it is confirmed");
    };
    assert_eq!((returned.reply_code, returned.reply_text.as_str()), (312, "NO_ROUTE"));
    let delivery = &returned.delivery;
    assert_eq!((delivery.exchange.as_str(), delivery.routing_key.as_str()), ("amq.direct", nowhere.as_str()));
    assert_eq!(text(delivery), "lost");
}

pub(crate) async fn consuming(site: &Site) {
    let (connection, other) = (site.connect(0).await, site.connect(1).await);
    let (channel, publisher) =
        (connection.create_channel().await.expect("a channel"), confirming(&other).await);
    let queue = site.queue(&channel, FieldTable::default()).await;
    for number in 0..8 {
        assert!(publish(&publisher, "", &queue, &number.to_string()).await.is_ack());
    }
    channel.basic_qos(3, BasicQosOptions::default()).await.expect("a limit");
    let consume = channel.basic_consume(
        queue.as_str().into(),
        "c".into(),
        BasicConsumeOptions::default(),
        FieldTable::default(),
    );
    let mut consumer = consume.await.expect("a consumer");
    let mut held = Vec::new();
    for number in 0..3 {
        held.push(next(&mut consumer).await);
        assert_eq!(text(&held[number]), number.to_string());
    }
    assert!(is_silent(&mut consumer).await, "no more than the limit");
    let back = BasicNackOptions { requeue: true, multiple: false };
    assert!(held[1].nack(back).await.expect("a nack"));
    let again = next(&mut consumer).await;
    assert_eq!((text(&again), again.redelivered), ("1".to_owned(), true));
    assert!(again.reject(BasicRejectOptions { requeue: false }).await.expect("a rejection"));
    assert!(held[2].ack(BasicAckOptions { multiple: true }).await.expect("an ack"));
    for number in 3..6 {
        assert_eq!(text(&next(&mut consumer).await), number.to_string());
    }
    channel.basic_cancel("c".into(), BasicCancelOptions::default()).await.expect("a cancellation");
    assert!(within("the end of deliveries", consumer.next()).await.is_none());
    channel.close(200, "".into()).await.expect("the channel's end");
    let mut drained = Vec::new();
    while let Some(message) = get(&publisher, &queue).await {
        drained.push((text(&message.delivery), message.delivery.redelivered));
        message.delivery.ack(BasicAckOptions::default()).await.expect("an ack");
    }
    let expected = [("3", true), ("4", true), ("5", true), ("6", false), ("7", false)];
    assert_eq!(drained, expected.map(|(body, again)| (body.to_owned(), again)));
    publisher.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.expect("a deletion");
}

pub(crate) async fn exchanges(site: &Site) {
    let connection = site.connect(0).await;
    let channel = confirming(&connection).await;
    let (topic, none) = (site.fresh("topic"), FieldTable::default);
    let options = ExchangeDeclareOptions { auto_delete: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare(topic.as_str().into(), ExchangeKind::Topic, options, none())
        .await
        .expect("an exchange");
    let mut queues = Vec::new();
    for pattern in ["*.error", "app.#"] {
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), options, none()).await.expect("a queue").name().clone();
        assert!(queue.as_str().starts_with("amq.gen-"));
        let bind = channel.queue_bind(
            queue.clone(),
            topic.as_str().into(),
            pattern.into(),
            QueueBindOptions::default(),
            none(),
        );
        bind.await.expect("a binding");
        queues.push(queue);
    }
    for key in ["app.error", "db.error", "app.x.y"] {
        assert_eq!(publish(&channel, &topic, key, key).await, Confirmation::Ack(None));
    }
    for (queue, expected) in queues.iter().zip([["app.error", "db.error"], ["app.error", "app.x.y"]]) {
        for key in expected {
            let got = get(&channel, queue.as_str()).await.expect("a message");
            assert_eq!(
                (got.delivery.routing_key.as_str(), got.delivery.exchange.as_str()),
                (key, topic.as_str())
            );
        }
        assert!(get(&channel, queue.as_str()).await.is_none());
    }
}

pub(crate) async fn errors(site: &Site) {
    let connection = site.connect(0).await;
    let channel = connection.create_channel().await.expect("a channel");
    let queue = site.queue(&channel, FieldTable::default()).await;
    let passive = |name: &str| {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        declare(&connection, name.to_owned(), options)
    };
    refused(passive("nothing").await, 404, "NOT_FOUND - no queue 'nothing' in vhost '/'");
    let text = "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'";
    refused(declare(&connection, "amq.x".to_owned(), QueueDeclareOptions::durable()).await, 403, text);
    let text = format!(
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{queue}' in vhost '/': received 'false' but current is 'true'"
    );
    refused(declare(&connection, queue.clone(), QueueDeclareOptions::default()).await, 406, &text);
    channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.expect("a deletion");
    let wrong = site.urls[0].replace("guest:guest", "guest:wrong");
    let refused_login =
        within("a refusal", Connection::connect(&wrong, ConnectionProperties::default())).await;
    assert_eq!(code(&refused_login.expect_err("a wrong password")), Some(403));
    let nowhere = format!("{}/nowhere", site.urls[0]);
    let refused_vhost =
        within("a refusal", Connection::connect(&nowhere, ConnectionProperties::default())).await;
    assert_eq!(code(&refused_vhost.expect_err("an unknown virtual host")), Some(530));
}

async fn declare(connection: &Connection, name: String, options: QueueDeclareOptions) -> Result<(), Error> {
    let channel = connection.create_channel().await.expect("a channel");
    channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.map(|_| ())
}

fn refused(outcome: Result<(), Error>, number: u16, text: &str) {
    let error = outcome.expect_err(text);
    let ErrorKind::ProtocolError(told) = error.kind() else { panic!("{error}") };
    assert_eq!((told.get_id(), told.get_message().as_str()), (number, text));
}

fn code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(told) => Some(told.get_id()),
        _ => None,
    }
}

async fn get(channel: &Channel, queue: &str) -> Option<lapin::message::BasicGetMessage> {
    channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("an answer to basic.get")
}

async fn ready(channel: &Channel, queue: &str) -> u32 {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await
        .expect("the queue")
        .message_count()
}
