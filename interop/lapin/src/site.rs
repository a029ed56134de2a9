//! Connections for a scenario, and what it can wait for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_lite::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer};

const WAIT: Duration = Duration::from_secs(15);

/// The brokers of one cluster.
pub(crate) struct Site {
    pub(crate) urls: Vec<String>,
    names: AtomicU32,
}

impl Site {
    pub(crate) fn new(urls: Vec<String>) -> Self {
        Self { urls, names: AtomicU32::new(0) }
    }

    /// A connection to the n-th broker, counted round.
    pub(crate) async fn connect(&self, node: usize) -> Connection {
        let url = &self.urls[node % self.urls.len()];
        within("a connection", Connection::connect(url, ConnectionProperties::default()))
            .await
            .expect("a broker")
    }

    /// A name that nothing else has.
    pub(crate) fn fresh(&self, prefix: &str) -> String {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}-{}-{number}", std::process::id())
    }

    /// A durable queue.
    pub(crate) async fn queue(&self, channel: &Channel, arguments: FieldTable) -> String {
        let name = self.fresh("lapin");
        let declared =
            channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), arguments).await;
        assert_eq!(declared.expect("a queue").message_count(), 0);
        name
    }
}

/// A channel that has its publishes confirmed.
pub(crate) async fn confirming(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    channel
}

pub(crate) fn arguments(entries: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in entries {
        table.insert((*key).into(), value.clone());
    }
    table
}

/// Publishes, and waits for what the broker says of it.
pub(crate) async fn publish(channel: &Channel, exchange: &str, key: &str, body: &str) -> Confirmation {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = BasicProperties::default().with_delivery_mode(2);
    let published =
        channel.basic_publish(exchange.into(), key.into(), options, body.as_bytes(), properties).await;
    within("a confirm", published.expect("a publish")).await.expect("a confirm")
}

/// The next delivery of a consumer.
pub(crate) async fn next(consumer: &mut Consumer) -> Delivery {
    within("a delivery", consumer.next()).await.expect("deliveries go on").expect("a delivery")
}

/// Whether nothing comes to a consumer for a while.
pub(crate) async fn is_silent(consumer: &mut Consumer) -> bool {
    tokio::time::timeout(Duration::from_millis(300), consumer.next()).await.is_err()
}

pub(crate) fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.data.clone()).expect("text")
}

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
