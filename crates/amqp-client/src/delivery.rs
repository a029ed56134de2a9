//! What a consumer is given.

use std::sync::Arc;

use amqp091::{Method, MethodFrame, Properties, PropertiesError, Table};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind};
use crate::shared::{Life, Shared};

/// A message in a consumer's hands, or the answer to basic.get.
///
/// It shares the buffer that it was read into: whoever keeps small parts for long copies them.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it is settled by, on its channel only.
    pub tag: u64,
    /// Whether somebody, maybe the same consumer, was given it before.
    pub redelivered: bool,
    /// The properties, encoded.
    pub encoded_properties: Bytes,
    /// The body.
    pub body: Bytes,
    method: MethodFrame,
}

impl Delivery {
    /// `None` if `method` is neither basic.deliver nor basic.get-ok.
    pub(crate) fn new(method: MethodFrame, content: amqp091::Content) -> Option<Self> {
        let (tag, redelivered) = match method.decode() {
            Ok(Method::BasicDeliver(deliver)) => (deliver.delivery_tag, deliver.redelivered),
            Ok(Method::BasicGetOk(got)) => (got.delivery_tag, got.redelivered),
            _ => return None,
        };
        let (encoded_properties, body) = (content.properties, content.body.into_bytes());
        Some(Self { tag, redelivered, encoded_properties, body, method })
    }

    /// The exchange that it was published to.
    pub fn exchange(&self) -> &str {
        self.published_to().0
    }

    /// The routing key that it was published with.
    pub fn routing_key(&self) -> &str {
        self.published_to().1
    }

    /// The properties.
    ///
    /// # Errors
    /// When they are none: the publisher's fault, since servers pass them on unread.
    pub fn properties(&self) -> Result<Properties<'_>, PropertiesError> {
        Properties::decode(&self.encoded_properties)
    }

    /// The headers; empty if there are none, or none that can be read.
    pub fn headers(&self) -> Table<'_> {
        self.properties().ok().and_then(|properties| properties.headers).unwrap_or_default()
    }

    fn published_to(&self) -> (&str, &str) {
        match self.method.decode() {
            Ok(Method::BasicDeliver(deliver)) => (deliver.exchange.as_str(), deliver.routing_key.as_str()),
            Ok(Method::BasicGetOk(got)) => (got.exchange.as_str(), got.routing_key.as_str()),
            other => unreachable!("it was decoded as a delivery when it came: {other:?}"),
        }
    }
}

/// The deliveries of one consumer, in the server's order. When it is dropped the consumer is cancelled; what it was given stays with the
/// channel until that is closed.
#[derive(Debug)]
pub struct Deliveries {
    tag: Arc<str>,
    number: u16,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    shared: Arc<Shared>,
    life: Arc<Life>,
}

impl Deliveries {
    pub(crate) fn new(
        tag: Arc<str>,
        number: u16,
        deliveries: mpsc::UnboundedReceiver<Delivery>,
        shared: Arc<Shared>,
        life: Arc<Life>,
    ) -> Self {
        Self { tag, number, deliveries, shared, life }
    }

    /// The consumer's tag.
    pub fn consumer_tag(&self) -> &str {
        &self.tag
    }

    /// The next. May be dropped without losing one.
    ///
    /// # Errors
    /// When the consumer has ended, or its channel, or its connection.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        let delivery = self.deliveries.recv().await.ok_or_else(|| self.ended())?;
        self.shared.on_taken(delivery.body.len());
        Ok(delivery)
    }

    /// The next, if one is there already.
    ///
    /// # Errors
    /// As [`Deliveries::next`].
    pub fn try_next(&mut self) -> Result<Option<Delivery>, Error> {
        match self.deliveries.try_recv() {
            Ok(delivery) => {
                self.shared.on_taken(delivery.body.len());
                Ok(Some(delivery))
            }
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(self.ended()),
        }
    }

    fn ended(&self) -> Error {
        Error::none(self.life.ending().unwrap_or(ErrorKind::Cancelled))
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.shared.drop_consumer(self.number, &self.life, &self.tag);
        while let Ok(delivery) = self.deliveries.try_recv() {
            self.shared.on_taken(delivery.body.len());
        }
    }
}
