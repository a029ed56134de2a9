//! basic.publish.

use std::sync::Arc;

use amqp091::{ChannelId, Content, Properties, ReplyCode, ShortBytes, ShortStr, basic};
use bytes::{Bytes, BytesMut};
use catalog::{Action, CatalogError, Exchange, Rule};
use streams::PartitionId;

use super::Session;
use super::outbound::{Answer, Append};
use super::replies::{ADDRESS_PREFIX, PSEUDO_QUEUE, Reply};
use crate::channel::{ChannelRef, Mode};
use crate::fault::Fault;
use crate::message::{Publication, Target, head_bytes, put};
use crate::output::Output;

/// Bytes of messages that a transaction may have waiting.
const TRANSACTION_BYTES_MAX: usize = 64 << 20;

/// The arena of messages grows by at least so many bytes.
const ARENA_BYTES: usize = 64 << 10;

/// A message that goes back to its publisher.
#[derive(Debug)]
pub(crate) struct Returned {
    exchange: String,
    key: String,
    content: Content,
}

impl Returned {
    pub(super) fn put(self, id: ChannelId, session: &Session, out: &mut Output) {
        let method = basic::Return {
            reply_code: ReplyCode::NoRoute.number(),
            reply_text: ShortStr::from_static("NO_ROUTE"),
            exchange: ShortStr::cut(&self.exchange),
            routing_key: ShortStr::cut(&self.key),
        };
        let frame_max = session.connection.tuning().frame_max;
        out.put_content(id, method, self.content.properties, self.content.body.into_bytes(), frame_max);
        session.metrics.returned.add(1);
    }
}

impl Session {
    pub(super) fn publish(
        &mut self,
        at: ChannelRef,
        publish: &basic::Publish<'_>,
        mut content: Content,
        out: &mut Output,
    ) -> Result<(), Fault> {
        self.metrics.published.add(1);
        self.has_published = true;
        if publish.immediate {
            return Err(Fault::not_implemented("immediate=true"));
        }
        let exchange = publish.exchange.as_str();
        self.check_exchange(Action::Write, exchange)?;
        if !exchange.is_empty() {
            let found = Arc::clone(self.desk.exchange(&self.vhost, exchange)?);
            self.check_target(&found, publish.routing_key.as_str())?;
        }
        let properties = content.properties.clone();
        let publication =
            Publication::read(&properties, &self.desk.user.name, self.desk.user.may_impersonate)?;
        if publication.reply_to == Some(PSEUDO_QUEUE.as_bytes()) {
            content.properties = self.with_reply_address(at, &publication.read)?;
            let properties = content.properties.clone();
            let user = &self.desk.user;
            let publication = Publication::read(&properties, &user.name, user.may_impersonate)?;
            return self.route(at, publish, &publication, content, out);
        }
        self.route(at, publish, &publication, content, out)
    }

    fn check_target(&mut self, exchange: &Arc<Exchange>, key: &str) -> Result<(), Fault> {
        if exchange.internal {
            let name = &exchange.name;
            let vhost = &self.desk.vhost;
            let text = format!("cannot publish to internal exchange '{name}' in vhost '{vhost}'");
            return Err(Fault::access_refused(text));
        }
        if exchange.kind.rule == Rule::Topic {
            self.check_topic(Action::Write, &exchange.name, key)?;
        }
        Ok(())
    }

    fn with_reply_address(&mut self, at: ChannelRef, properties: &Properties<'_>) -> Result<Bytes, Fault> {
        let consumer = self.channel(at).and_then(|channel| channel.replies.as_ref());
        let Some(consumer) = consumer else {
            return Err(Fault::precondition_failed("fast reply consumer does not exist"));
        };
        let address = ShortBytes::try_from(consumer.address.as_str()).ok();
        let mut out = BytesMut::new();
        Properties { reply_to: address, ..*properties }.encode(&mut out);
        Ok(out.freeze())
    }

    fn route(
        &mut self,
        at: ChannelRef,
        publish: &basic::Publish<'_>,
        publication: &Publication<'_>,
        content: Content,
        out: &mut Output,
    ) -> Result<(), Fault> {
        let (exchange, key) = (publish.exchange.as_str(), publish.routing_key.as_str());
        if exchange.is_empty() && key.starts_with(ADDRESS_PREFIX) {
            let reply = Reply {
                key: key.to_owned(),
                properties: content.properties.clone(),
                body: content.body.clone().into_bytes(),
            };
            self.reply_boxes.send(reply);
            // Whether the one who asked is still there or not, there is no queue, as RabbitMQ has it: who wants it back gets it back.
            if publish.mandatory {
                self.handle_unroutable(at, publish, content, out);
            } else {
                self.confirm_at_once(at);
            }
            return Ok(());
        }
        let read = &publication.read;
        let message = catalog::Message {
            key: key.as_bytes(),
            more_keys: &publication.more_keys,
            headers: publication.headers.unwrap_or_default(),
            message_id: read.message_id.map(|id| id.as_bytes()),
            correlation_id: read.correlation_id.map(|id| id.as_bytes()),
            timestamp: read.timestamp,
            chance: self.chance(),
        };
        if !self.vhost.route(exchange.as_bytes(), &message, &mut self.routed) {
            return Err(CatalogError::NotFound(self.desk.exchange_resource(exchange)).into());
        }
        if self.routed.queues().is_empty() {
            self.handle_unroutable(at, publish, content, out);
            return Ok(());
        }
        self.append(at, publish, publication, &message, &content)
    }

    /// For exchanges that choose by chance; nothing hangs on its quality.
    fn chance(&mut self) -> u64 {
        self.chances = self.chances.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chances ^ (self.chances >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn handle_unroutable(
        &mut self,
        at: ChannelRef,
        publish: &basic::Publish<'_>,
        content: Content,
        out: &mut Output,
    ) {
        let returned = publish.mandatory.then(|| Returned {
            exchange: publish.exchange.as_str().to_owned(),
            key: publish.routing_key.as_str().to_owned(),
            content,
        });
        let Some(returned) = returned else {
            self.metrics.unroutable.add(1);
            self.confirm_at_once(at);
            return;
        };
        if let Some(Mode::Transacting(transaction)) = self.channel(at).map(|channel| &mut channel.mode) {
            transaction.bytes += weight(&returned.content);
            transaction.returns.push(returned);
        } else {
            // The return comes before the confirmation: confirmations go out at the end of the turn.
            returned.put(at.id, self, out);
            self.confirm_at_once(at);
        }
    }

    fn confirm_at_once(&mut self, at: ChannelRef) {
        if let Some(confirms) = self.confirms(at) {
            confirms.begin(0);
        }
    }

    fn append(
        &mut self,
        at: ChannelRef,
        publish: &basic::Publish<'_>,
        publication: &Publication<'_>,
        message: &catalog::Message<'_>,
        content: &Content,
    ) -> Result<(), Fault> {
        let frame = self.write(publish, publication, content);
        let delay_ms = if self.routed.is_delayed() { publication.delay_ms() } else { 0 };
        let queues = self.routed.queues();
        let count = u32::try_from(queues.len()).unwrap_or(u32::MAX);
        let append = |queue: &Arc<catalog::Queue>, answer| Append {
            at,
            answer,
            queue: Arc::clone(queue),
            partition: PartitionId(queue.partition_of(message)),
            frame: frame.clone(),
            priority: publication.priority.unwrap_or(0),
            ttl_ms: publication.ttl_ms,
            delay_ms,
            stamp: publication.stamp,
            tries: 0,
        };
        let channel = self.channels.get_mut(usize::from(at.id.0)).and_then(Option::as_deref_mut);
        let answer = match channel.map(|channel| &mut channel.mode) {
            Some(Mode::Transacting(transaction)) => {
                transaction.bytes += frame.len();
                if transaction.bytes > TRANSACTION_BYTES_MAX {
                    let text =
                        format!("a transaction holds more than {TRANSACTION_BYTES_MAX} bytes of messages");
                    return Err(Fault::new(ReplyCode::ResourceError, text));
                }
                let publishes = queues.iter().map(|queue| append(queue, Answer::Commit));
                transaction.publishes.extend(publishes);
                return Ok(());
            }
            Some(Mode::Confirming(confirms)) => Answer::Confirm(confirms.begin(count)),
            _ => Answer::Nobody,
        };
        for queue in queues {
            self.outbound.append(append(queue, answer));
        }
        Ok(())
    }

    /// The message as queues keep it. Messages of a turn share an allocation.
    fn write(
        &mut self,
        publish: &basic::Publish<'_>,
        publication: &Publication<'_>,
        content: &Content,
    ) -> Bytes {
        let target = Target {
            exchange: publish.exchange.as_bytes(),
            key: publish.routing_key.as_bytes(),
            more_keys: &publication.more_keys,
        };
        let body_bytes = usize::try_from(content.body.len()).expect("bodies are in memory");
        let size = head_bytes(&target, &publication.properties) + body_bytes;
        if self.arena.capacity() < size {
            self.arena = BytesMut::with_capacity(size.max(ARENA_BYTES));
        }
        put(&target, &publication.properties, &content.body, &mut self.arena);
        self.arena.split().freeze()
    }
}

/// Bytes that content takes while it waits.
pub(super) fn weight(content: &Content) -> usize {
    let body = usize::try_from(content.body.len()).unwrap_or(usize::MAX);
    body.saturating_add(content.properties.len())
}
