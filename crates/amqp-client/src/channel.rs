//! A channel, as the application has it.

use std::sync::Arc;

use amqp091::{ChannelId, Command, Method, MethodId, Table, basic, confirm, exchange, queue, tx};
use tokio::sync::{mpsc, oneshot};

use crate::answers;
use crate::delivery::{Deliveries, Delivery};
use crate::error::{Error, ErrorKind};
use crate::options::{ConsumeOptions, ExchangeOptions, Publication, QueueOptions};
use crate::outcome::Outcomes;
use crate::shared::{Call, ChannelState, Life, Shared, put_channel_close};

/// An open channel. Any number of tasks may use it at a time: what they ask goes out in the order of the calls. When it is dropped, the channel
/// is closed, and what it holds goes back to the queues.
#[derive(Debug)]
pub struct Channel {
    shared: Arc<Shared>,
    number: u16,
    life: Arc<Life>,
}

/// What there was when a queue was declared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Declared {
    /// Its name.
    pub queue: String,
    /// Messages that wait.
    pub messages: u32,
    /// Its consumers.
    pub consumers: u32,
}

impl Channel {
    pub(crate) fn new(shared: Arc<Shared>, number: u16, life: Arc<Life>) -> Self {
        Self { shared, number, life }
    }

    /// Why it has ended, once it has.
    pub fn ending(&self) -> Option<ErrorKind> {
        self.life.ending()
    }

    /// Declares a queue. An empty name lets the server choose one.
    ///
    /// # Errors
    /// When it is there already and differs, or may not be declared; then the channel has ended.
    pub async fn declare_queue(&self, name: &str, options: &QueueOptions) -> Result<Declared, Error> {
        let declare = queue::Declare {
            queue: name.try_into()?,
            passive: options.passive,
            durable: options.durable,
            exclusive: options.exclusive,
            auto_delete: options.auto_delete,
            arguments: options.arguments.as_table(),
            ..queue::Declare::default()
        };
        let answer = self.call(declare, answers::QUEUE_DECLARE_OK).await?;
        match answer.method.decode() {
            Ok(Method::QueueDeclareOk(ok)) => Ok(Declared {
                queue: ok.queue.as_str().to_owned(),
                messages: ok.message_count,
                consumers: ok.consumer_count,
            }),
            other => Err(garbage(other)),
        }
    }

    /// Deletes a queue. Gives the number of messages that went with it.
    ///
    /// # Errors
    /// When it is in use by somebody else alone, or the connection is lost.
    pub async fn delete_queue(&self, name: &str) -> Result<u32, Error> {
        let delete = queue::Delete { queue: name.try_into()?, ..queue::Delete::default() };
        match self.call(delete, answers::QUEUE_DELETE_OK).await?.method.decode() {
            Ok(Method::QueueDeleteOk(ok)) => Ok(ok.message_count),
            other => Err(garbage(other)),
        }
    }

    /// Removes the messages that wait. Gives their number.
    ///
    /// # Errors
    /// When there is no such queue, or the connection is lost.
    pub async fn purge_queue(&self, name: &str) -> Result<u32, Error> {
        let purge = queue::Purge { queue: name.try_into()?, ..queue::Purge::default() };
        match self.call(purge, answers::QUEUE_PURGE_OK).await?.method.decode() {
            Ok(Method::QueuePurgeOk(ok)) => Ok(ok.message_count),
            other => Err(garbage(other)),
        }
    }

    /// Declares an exchange: "direct", "fanout", "topic", "headers", "x-consistent-hash" or what else the server has.
    ///
    /// # Errors
    /// When it is there already and differs, or may not be declared.
    pub async fn declare_exchange(
        &self,
        name: &str,
        kind: &str,
        options: &ExchangeOptions,
    ) -> Result<(), Error> {
        let declare = exchange::Declare {
            exchange: name.try_into()?,
            kind: kind.try_into()?,
            durable: options.durable,
            auto_delete: options.auto_delete,
            internal: options.internal,
            arguments: options.arguments.as_table(),
            ..exchange::Declare::default()
        };
        self.call(declare, answers::EXCHANGE_DECLARE_OK).await.map(drop)
    }

    /// Deletes an exchange, with its bindings.
    ///
    /// # Errors
    /// When it may not be deleted, or the connection is lost.
    pub async fn delete_exchange(&self, name: &str) -> Result<(), Error> {
        let delete = exchange::Delete { exchange: name.try_into()?, ..exchange::Delete::default() };
        self.call(delete, answers::EXCHANGE_DELETE_OK).await.map(drop)
    }

    /// Binds a queue to an exchange.
    ///
    /// # Errors
    /// When there is no such queue or exchange, or the connection is lost.
    pub async fn bind_queue(
        &self,
        queue: &str,
        exchange: &str,
        routing_key: &str,
        arguments: Table<'_>,
    ) -> Result<(), Error> {
        let bind = queue::Bind {
            queue: queue.try_into()?,
            exchange: exchange.try_into()?,
            routing_key: routing_key.try_into()?,
            arguments,
            ..queue::Bind::default()
        };
        self.call(bind, answers::QUEUE_BIND_OK).await.map(drop)
    }

    /// Ends a binding.
    ///
    /// # Errors
    /// When there is no such queue or exchange, or the connection is lost.
    pub async fn unbind_queue(
        &self,
        queue: &str,
        exchange: &str,
        routing_key: &str,
        arguments: Table<'_>,
    ) -> Result<(), Error> {
        let unbind = queue::Unbind {
            queue: queue.try_into()?,
            exchange: exchange.try_into()?,
            routing_key: routing_key.try_into()?,
            arguments,
            ..queue::Unbind::default()
        };
        self.call(unbind, answers::QUEUE_UNBIND_OK).await.map(drop)
    }

    /// Asks for confirms of what is published from now on. At most once a channel, before the first publish.
    ///
    /// # Errors
    /// When the channel has ended.
    pub async fn confirms(&self) -> Result<Outcomes, Error> {
        let outcomes = self.outcomes(true)?;
        self.call(confirm::Select::default(), answers::CONFIRM_SELECT_OK).await?;
        Ok(outcomes)
    }

    /// What comes back of mandatory messages, without confirms. At most once a channel.
    ///
    /// # Errors
    /// When the channel has ended.
    pub fn returns(&self) -> Result<Outcomes, Error> {
        self.outcomes(false)
    }

    fn outcomes(&self, confirms: bool) -> Result<Outcomes, Error> {
        let (sender, outcomes) = mpsc::unbounded_channel();
        self.shared.with(self.number, &self.life, |channel, _| {
            channel.outcomes = Some(sender);
            channel.confirms |= confirms;
        })?;
        Ok(Outcomes::new(outcomes, Arc::clone(&self.life)))
    }

    /// Publishes a message, once there is room for it among what waits to be written. Gives the number that its [`Outcome`](crate::Outcome)
    /// will have, or 0 if no confirms were asked for. If it is dropped while it waits, nothing was published.
    ///
    /// # Errors
    /// When the channel has ended; then nothing was published.
    pub async fn publish(&self, publication: &Publication<'_>) -> Result<u64, Error> {
        loop {
            if let Some(tag) = self.try_publish(publication)? {
                return Ok(tag);
            }
            let room = self.shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if let Some(tag) = self.try_publish(publication)? {
                return Ok(tag);
            }
            room.await;
        }
    }

    /// As [`Channel::publish`], or `None` if there is no room, or the server takes no messages for now.
    ///
    /// # Errors
    /// When the channel has ended; then nothing was published.
    pub fn try_publish(&self, publication: &Publication<'_>) -> Result<Option<u64>, Error> {
        self.shared.try_publish(self.number, &self.life, publication)
    }

    /// How many deliveries a consumer that starts from now on may hold. 0 is any number.
    ///
    /// # Errors
    /// When the channel has ended.
    pub async fn qos(&self, prefetch: u16) -> Result<(), Error> {
        let qos = basic::Qos { prefetch_count: prefetch, ..basic::Qos::default() };
        self.call(qos, answers::QOS_OK).await.map(drop)
    }

    /// Starts a consumer with this tag, which no other on the channel has.
    ///
    /// # Errors
    /// When there is no such queue, or it is somebody else's alone; then the channel has ended.
    pub async fn consume(
        &self,
        queue: &str,
        tag: &str,
        options: &ConsumeOptions,
    ) -> Result<Deliveries, Error> {
        let consume = basic::Consume {
            queue: queue.try_into()?,
            consumer_tag: tag.try_into()?,
            no_ack: options.no_ack,
            exclusive: options.exclusive,
            arguments: options.arguments.as_table(),
            ..basic::Consume::default()
        };
        let tag: Arc<str> = tag.into();
        let (sender, deliveries) = mpsc::unbounded_channel();
        // The first deliveries may come with the answer.
        let register = |channel: &mut ChannelState| channel.consumers.insert(Arc::clone(&tag), sender);
        let answered = self.ask(consume, answers::CONSUME_OK, |channel| drop(register(channel)))?;
        let (shared, life) = (Arc::clone(&self.shared), Arc::clone(&self.life));
        let deliveries = Deliveries::new(Arc::clone(&tag), self.number, deliveries, shared, life);
        answer(answered).await?;
        Ok(deliveries)
    }

    /// Ends a consumer. What was delivered before is still in its [`Deliveries`], which then end.
    ///
    /// # Errors
    /// When the channel has ended.
    pub async fn cancel(&self, tag: &str) -> Result<(), Error> {
        let cancel = basic::Cancel { consumer_tag: tag.try_into()?, nowait: false };
        self.call(cancel, answers::CANCEL_OK).await.map(drop)
    }

    /// One message of a queue, if there is one.
    ///
    /// # Errors
    /// When there is no such queue, or the connection is lost. With `no_ack`, a message may have been lost with it.
    pub async fn get(&self, queue: &str, no_ack: bool) -> Result<Option<Delivery>, Error> {
        let get = basic::Get { queue: queue.try_into()?, no_ack, ..basic::Get::default() };
        let Command { method, content } = self.call(get, answers::GOT_OR_EMPTY).await?;
        let Some(content) = content else { return Ok(None) };
        let unreadable = || Error::unknown(ErrorKind::garbage("basic.get-ok"));
        Delivery::new(method, content).map(Some).ok_or_else(unreadable)
    }

    /// Settles a delivery and, if `multiple`, all before it. The protocol has no answer to it: if the connection is lost soon after, the
    /// message may come again.
    ///
    /// # Errors
    /// When the channel has ended; then nothing was sent.
    pub fn ack(&self, tag: u64, multiple: bool) -> Result<(), Error> {
        self.put(basic::Ack { delivery_tag: tag, multiple })
    }

    /// Gives a delivery back and, if `multiple`, all before it: to the queue, or, without `requeue`, to where its dead letters go.
    ///
    /// # Errors
    /// As [`Channel::ack`].
    pub fn nack(&self, tag: u64, multiple: bool, requeue: bool) -> Result<(), Error> {
        self.put(basic::Nack { delivery_tag: tag, multiple, requeue })
    }

    /// Gives one delivery back.
    ///
    /// # Errors
    /// As [`Channel::ack`].
    pub fn reject(&self, tag: u64, requeue: bool) -> Result<(), Error> {
        self.put(basic::Reject { delivery_tag: tag, requeue })
    }

    /// From now on, publishes and settlements count with [`Channel::commit`] only.
    ///
    /// # Errors
    /// When the channel has ended, or has confirms.
    pub async fn transactional(&self) -> Result<(), Error> {
        self.call(tx::Select {}, answers::TX_SELECT_OK).await.map(drop)
    }

    /// Makes what was published and settled since the last commit count.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn commit(&self) -> Result<(), Error> {
        self.call(tx::Commit {}, answers::TX_COMMIT_OK).await.map(drop)
    }

    /// Forgets what was published and settled since the last commit.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn rollback(&self) -> Result<(), Error> {
        self.call(tx::Rollback {}, answers::TX_ROLLBACK_OK).await.map(drop)
    }

    /// Closes the channel and waits until the server has done so: what it held is on its way back.
    ///
    /// # Errors
    /// When it had ended before, or the connection is lost.
    pub async fn close(self) -> Result<(), Error> {
        let (sender, answered) = oneshot::channel();
        let call = Call { method: answers::CHANNEL_CLOSE, answers: answers::CLOSE_OK, answer: sender };
        self.shared.with(self.number, &self.life, |channel, output| {
            channel.end(&ErrorKind::Closed, None);
            channel.closing = true;
            channel.calls.push_back(call);
            put_channel_close(self.number, output);
        })?;
        answer(answered).await.map(drop)
    }

    /// Asks and waits for the answer.
    async fn call<'a>(
        &self,
        method: impl Into<Method<'a>>,
        answers: &'static [MethodId],
    ) -> Result<Command, Error> {
        // Not across the wait: the method's strings need not live so long.
        let answered = self.ask(method, answers, |_| ())?;
        answer(answered).await
    }

    fn ask<'a>(
        &self,
        method: impl Into<Method<'a>>,
        answers: &'static [MethodId],
        before: impl FnOnce(&mut ChannelState),
    ) -> Result<oneshot::Receiver<Result<Command, Error>>, Error> {
        let method = method.into();
        let (answer, answered) = oneshot::channel();
        self.shared.with(self.number, &self.life, |channel, output| {
            before(channel);
            channel.calls.push_back(Call { method: method.id(), answers, answer });
            method.put_frame(ChannelId(self.number), output);
        })?;
        Ok(answered)
    }

    fn put<'a>(&self, method: impl Into<Method<'a>>) -> Result<(), Error> {
        let method = method.into();
        self.shared.with(self.number, &self.life, |_, output| {
            method.put_frame(ChannelId(self.number), output);
        })
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.shared.drop_channel(self.number, &self.life);
    }
}

async fn answer(answered: oneshot::Receiver<Result<Command, Error>>) -> Result<Command, Error> {
    answered.await.unwrap_or(Err(Error::unknown(ErrorKind::Closed)))
}

fn garbage(decoded: Result<Method<'_>, amqp091::WireError>) -> Error {
    Error::unknown(match decoded {
        Ok(other) => ErrorKind::garbage(other.id()),
        Err(error) => error.into(),
    })
}
