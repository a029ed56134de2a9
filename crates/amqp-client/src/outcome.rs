//! What becomes of what was published.

use std::sync::Arc;

use amqp091::{Content, Method, MethodFrame};
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::error::{Error, ErrorKind};
use crate::shared::Life;

/// What the server says of publishes.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The server has taken responsibility for the message with this tag and, if `multiple`, for all before it.
    Acked {
        /// The publish's number, from 1 for the channel's first after confirms were asked for.
        tag: u64,
        /// Whether all before are meant, too.
        multiple: bool,
    },
    /// The server has not taken them.
    Nacked {
        /// The publish's number.
        tag: u64,
        /// Whether all before are meant, too.
        multiple: bool,
    },
    /// A mandatory message that no queue takes. Its confirm, if any, follows.
    Returned(Box<Returned>),
}

/// A message that came back.
#[derive(Clone, Debug)]
pub struct Returned {
    method: MethodFrame,
    content: Content,
}

impl Returned {
    pub(crate) fn new(method: MethodFrame, content: Content) -> Self {
        Self { method, content }
    }

    /// Why, as a code: 312 for no queue.
    pub fn code(&self) -> u16 {
        self.returned().reply_code
    }

    /// Where it was published to.
    pub fn exchange(&self) -> &str {
        self.returned().exchange.as_str()
    }

    /// With which routing key.
    pub fn routing_key(&self) -> &str {
        self.returned().routing_key.as_str()
    }

    /// The properties, encoded.
    pub fn properties(&self) -> &Bytes {
        &self.content.properties
    }

    /// The body.
    pub fn body(&self) -> Bytes {
        self.content.body.clone().into_bytes()
    }

    fn returned(&self) -> amqp091::basic::Return<'_> {
        match self.method.decode() {
            Ok(Method::BasicReturn(returned)) => returned,
            other => unreachable!("it was decoded as a basic.return when it came: {other:?}"),
        }
    }
}

/// The outcomes of one channel, in the server's order.
#[derive(Debug)]
pub struct Outcomes {
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    life: Arc<Life>,
}

impl Outcomes {
    pub(crate) fn new(outcomes: mpsc::UnboundedReceiver<Outcome>, life: Arc<Life>) -> Self {
        Self { outcomes, life }
    }

    /// The next. May be dropped without losing one.
    ///
    /// # Errors
    /// When the channel has ended. Every publish without an outcome may have been taken.
    pub async fn next(&mut self) -> Result<Outcome, Error> {
        match self.outcomes.recv().await {
            Some(outcome) => Ok(outcome),
            None => Err(self.ended()),
        }
    }

    /// The next, if one is there already.
    ///
    /// # Errors
    /// As [`Outcomes::next`].
    pub fn try_next(&mut self) -> Result<Option<Outcome>, Error> {
        match self.outcomes.try_recv() {
            Ok(outcome) => Ok(Some(outcome)),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(self.ended()),
        }
    }

    fn ended(&self) -> Error {
        Error::unknown(self.life.ending().unwrap_or(ErrorKind::Closed))
    }
}
