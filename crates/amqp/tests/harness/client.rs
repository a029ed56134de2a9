//! A client that tells exactly what it was sent.

use std::collections::VecDeque;
use std::time::Duration;

use amqp091::{
    Assembled, Assembler, ChannelId, Command, Content, Frame, FrameMax, Method, MethodFrame, PROTOCOL_HEADER,
    Payload, Properties, Secret, ShortStr, TableBuf, basic, channel, connection, queue,
};
use bytes::{Bytes, BytesMut};
use runtime::{BoxStream, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATIENCE: Duration = Duration::from_secs(10);

/// A connection as a client sees it.
pub struct Client {
    stream: BoxStream,
    input: BytesMut,
    assemblers: Vec<Assembler>,
    told: VecDeque<(u16, Command)>,
    pub heartbeats: usize,
}

/// Something from the server.
#[derive(Debug)]
pub struct Got {
    pub channel: u16,
    pub command: Command,
}

impl Got {
    pub fn name(&self) -> &'static str {
        self.command.method.id.name().unwrap()
    }

    pub fn method(&self) -> Method<'_> {
        self.command.method.decode().unwrap()
    }

    pub fn content(&self) -> &Content {
        self.command.content.as_ref().expect("it has content")
    }

    pub fn body(&self) -> String {
        String::from_utf8(self.content().body.clone().into_bytes().to_vec()).unwrap()
    }

    /// The headers, as text.
    pub fn headers(&self) -> String {
        format!("{:?}", self.content().properties().unwrap().headers.unwrap_or_default())
    }

    /// The delivery tag, if it is a delivery, an answer to basic.get or a confirmation.
    pub fn tag(&self) -> u64 {
        match self.method() {
            Method::BasicDeliver(deliver) => deliver.delivery_tag,
            Method::BasicGetOk(got) => got.delivery_tag,
            Method::BasicAck(ack) => ack.delivery_tag,
            Method::BasicNack(nack) => nack.delivery_tag,
            other => panic!("{other:?}"),
        }
    }

    pub fn redelivered(&self) -> bool {
        match self.method() {
            Method::BasicDeliver(deliver) => deliver.redelivered,
            Method::BasicGetOk(got) => got.redelivered,
            other => panic!("{other:?}"),
        }
    }

    /// Code and text, if it is a close.
    pub fn why(&self) -> (u16, String, (u16, u16)) {
        match self.method() {
            Method::ChannelClose(close) => {
                (close.reply_code, close.reply_text.to_string(), (close.class_id, close.method_id))
            }
            Method::ConnectionClose(close) => {
                (close.reply_code, close.reply_text.to_string(), (close.class_id, close.method_id))
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Properties in bytes.
pub fn properties(properties: Properties<'_>) -> Bytes {
    let mut out = BytesMut::new();
    properties.encode(&mut out);
    out.freeze()
}

impl Client {
    pub fn new(stream: BoxStream) -> Self {
        let assemblers = (0..16).map(|_| Assembler::new(u64::MAX)).collect();
        Self { stream, input: BytesMut::new(), assemblers, told: VecDeque::new(), heartbeats: 0 }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub async fn send<'a>(&mut self, channel: u16, method: impl Into<Method<'a>>) {
        let mut wire = BytesMut::new();
        method.into().put_frame(ChannelId(channel), &mut wire);
        self.write(&wire).await;
    }

    /// What the server says next; `None` if it has closed the socket.
    pub async fn next(&mut self) -> Option<Got> {
        SystemClock::clock()
            .timeout(PATIENCE, self.receive())
            .await
            .expect("the server says something in time")
    }

    async fn receive(&mut self) -> Option<Got> {
        loop {
            if let Some((channel, command)) = self.told.pop_front() {
                return Some(Got { channel, command });
            }
            while let Some(frame) = Frame::take(&mut self.input, FrameMax::UNLIMITED).unwrap() {
                self.take(frame);
            }
            if self.told.is_empty() && self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    fn take(&mut self, frame: Frame) {
        if frame.payload == Payload::Heartbeat {
            self.heartbeats += 1;
            return;
        }
        let channel = frame.channel.0;
        if let Assembled::Command(command) =
            self.assemblers[usize::from(channel)].push(frame.payload).unwrap()
        {
            self.told.push_back((channel, command));
        }
    }

    /// The next, which has this name.
    pub async fn expect(&mut self, name: &str) -> Got {
        let got = self.next().await.unwrap_or_else(|| panic!("the socket was closed instead of {name}"));
        assert_eq!(got.name(), name, "{:?}", got.method());
        got
    }

    /// Whether the server says nothing for a while.
    pub async fn is_silent(&mut self) -> bool {
        match SystemClock::clock().timeout(Duration::from_millis(100), self.receive()).await {
            Ok(Some(got)) => {
                self.told.push_front((got.channel, got.command));
                false
            }
            Ok(None) => false,
            Err(_) => true,
        }
    }

    pub async fn call<'a>(&mut self, channel: u16, method: impl Into<Method<'a>>, answer: &str) -> Got {
        self.send(channel, method).await;
        self.expect(answer).await
    }

    /// Up to connection.tune, or what came instead.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Option<Got> {
        self.log_in_by("PLAIN", ["\0", user, "\0", password].concat().as_bytes()).await.1
    }

    /// The mechanisms that are offered, and what came of this one.
    pub async fn log_in_by(&mut self, mechanism: &str, response: &[u8]) -> (String, Option<Got>) {
        self.write(&PROTOCOL_HEADER).await;
        let start = self.expect("connection.start").await;
        let Method::ConnectionStart(start) = start.method() else { panic!() };
        let offered = String::from_utf8(start.mechanisms.to_vec()).unwrap();
        let capabilities = TableBuf::new()
            .with("authentication_failure_close", true)
            .with("consumer_cancel_notify", true)
            .with("connection.blocked", true);
        let client_properties = TableBuf::new().with("capabilities", capabilities.as_table());
        let start_ok = connection::StartOk {
            client_properties: client_properties.as_table(),
            mechanism: mechanism.try_into().unwrap(),
            response: Secret(response),
            locale: ShortStr::from_static("en_US"),
        };
        self.send(0, start_ok).await;
        (offered, self.next().await)
    }

    pub async fn open(&mut self, user: &str, password: &str, vhost: &str) {
        self.open_with(user, password, 0).await;
        let open =
            connection::Open { virtual_host: vhost.try_into().unwrap(), ..connection::Open::default() };
        self.call(0, open, "connection.open_ok").await;
    }

    /// Up to connection.open.
    pub async fn open_with(&mut self, user: &str, password: &str, heartbeat: u16) {
        assert_eq!(self.log_in(user, password).await.unwrap().name(), "connection.tune");
        self.send(0, connection::TuneOk { channel_max: 2047, frame_max: 131_072, heartbeat }).await;
    }

    pub async fn open_channel(&mut self, channel: u16) {
        self.call(channel, channel::Open::default(), "channel.open_ok").await;
    }

    pub async fn into_channel(mut self, number: u16) -> Channel {
        self.open_channel(number).await;
        Channel { client: self, number }
    }

    pub async fn publish(&mut self, channel: u16, exchange: &str, key: &str, properties: Bytes, body: &str) {
        let publish = basic::Publish {
            exchange: exchange.try_into().unwrap(),
            routing_key: key.try_into().unwrap(),
            ..basic::Publish::default()
        };
        self.publish_as(channel, publish, properties, Bytes::copy_from_slice(body.as_bytes())).await;
    }

    pub async fn publish_as(
        &mut self,
        channel: u16,
        publish: basic::Publish<'_>,
        properties: Bytes,
        body: Bytes,
    ) {
        let mut wire = BytesMut::new();
        let content = Content { properties, body: body.into() };
        content.put(&publish.into(), ChannelId(channel), FrameMax::DEFAULT, &mut wire);
        self.write(&wire).await;
    }
}

/// A connection with one channel, for tests that need no more.
pub struct Channel {
    pub client: Client,
    pub number: u16,
}

impl Channel {
    pub async fn send<'a>(&mut self, method: impl Into<Method<'a>>) {
        self.client.send(self.number, method).await;
    }

    pub async fn call<'a>(&mut self, method: impl Into<Method<'a>>, answer: &str) -> Got {
        self.client.call(self.number, method, answer).await
    }

    pub async fn expect(&mut self, name: &str) -> Got {
        self.client.expect(name).await
    }

    /// What the server closed the channel or connection for.
    pub async fn fails<'a>(&mut self, method: impl Into<Method<'a>>) -> String {
        self.send(method).await;
        self.failed().await
    }

    pub async fn failed(&mut self) -> String {
        let got = self.client.next().await.expect("a close");
        let (code, text, _) = got.why();
        if got.name() == "channel.close" {
            self.send(channel::CloseOk {}).await;
            self.call(channel::Open::default(), "channel.open_ok").await;
        }
        format!("{code} {text}")
    }

    /// Declares a queue with these arguments.
    pub async fn declare_with(
        &mut self,
        name: &str,
        durable: bool,
        arguments: &TableBuf,
    ) -> (String, u32, u32) {
        let declare = queue::Declare {
            queue: name.try_into().unwrap(),
            durable,
            arguments: arguments.as_table(),
            ..queue::Declare::default()
        };
        let got = self.call(declare, "queue.declare_ok").await;
        let Method::QueueDeclareOk(ok) = got.method() else { panic!("{got:?}") };
        (ok.queue.to_string(), ok.message_count, ok.consumer_count)
    }

    pub async fn declare(&mut self, name: &str) -> (String, u32, u32) {
        self.declare_with(name, true, &TableBuf::new()).await
    }

    /// How many messages are ready, and how many consumers there are.
    pub async fn look(&mut self, name: &str) -> (u32, u32) {
        let passive =
            queue::Declare { queue: name.try_into().unwrap(), passive: true, ..queue::Declare::default() };
        let got = self.call(passive, "queue.declare_ok").await;
        let Method::QueueDeclareOk(ok) = got.method() else { panic!("{got:?}") };
        (ok.message_count, ok.consumer_count)
    }

    pub async fn publish(&mut self, exchange: &str, key: &str, body: &str) {
        self.client.publish(self.number, exchange, key, properties(Properties::default()), body).await;
    }

    pub async fn publish_with(&mut self, key: &str, with: Properties<'_>, body: &str) {
        self.client.publish(self.number, "", key, properties(with), body).await;
    }

    pub async fn consume(&mut self, queue: &str, tag: &str, no_ack: bool) {
        let consume = basic::Consume {
            queue: queue.try_into().unwrap(),
            consumer_tag: tag.try_into().unwrap(),
            no_ack,
            ..basic::Consume::default()
        };
        self.call(consume, "basic.consume_ok").await;
    }

    pub async fn qos(&mut self, prefetch_count: u16, global: bool) {
        self.call(basic::Qos { prefetch_size: 0, prefetch_count, global }, "basic.qos_ok").await;
    }

    pub async fn ack(&mut self, delivery_tag: u64, multiple: bool) {
        self.send(basic::Ack { delivery_tag, multiple }).await;
    }

    pub async fn delivery(&mut self) -> Got {
        self.expect("basic.deliver").await
    }

    pub async fn get(&mut self, queue: &str, no_ack: bool) -> Option<Got> {
        self.send(basic::Get { ticket: 0, queue: queue.try_into().unwrap(), no_ack }).await;
        let got = self.client.next().await.unwrap();
        match got.name() {
            "basic.get_ok" => Some(got),
            "basic.get_empty" => None,
            other => panic!("{other}: {:?}", got.method()),
        }
    }
}

/// The frame of a method, for tests that compare.
pub fn frame_of<'a>(method: impl Into<Method<'a>>) -> MethodFrame {
    method.into().to_frame()
}
