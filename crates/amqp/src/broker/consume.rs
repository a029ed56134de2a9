//! basic.consume and basic.cancel.

use amqp091::{ShortStr, Table, Value, basic};
use catalog::{Action, Resource};
use streams::Op;

use super::Session;
use super::consumers::{Places, Role, State, Subscriber, window};
use super::dispatch::Progress;
use super::outbound::{Origin, Then};
use super::partitions;
use super::replies::PSEUDO_QUEUE;
use crate::channel::{ChannelRef, ReplyConsumer};
use crate::fault::Fault;
use crate::output::Output;
use crate::text::without_line_ends;

/// How often a partition is made that the catalog has a queue for and its shard has not.
pub(super) const TRIES_MAX: u8 = 3;

impl Session {
    pub(super) fn consume(
        &mut self,
        at: ChannelRef,
        consume: &basic::Consume<'_>,
        out: &mut Output,
    ) -> Result<Progress, Fault> {
        let tag = self.consumer_tag(at, consume.consumer_tag.as_str())?;
        if consume.queue.as_str() == PSEUDO_QUEUE {
            self.consume_replies(at, tag, consume, out)?;
            return Ok(Progress::Done);
        }
        let name = self.queue_name(at, consume.queue.as_str())?;
        self.check_queue(Action::Read, &name)?;
        let queue = self.desk.queue(&self.vhost, &name)?;
        let priority = priority(consume.arguments, &queue.resource())?;
        if queue.partitions.is_some() {
            check_shared(consume, priority, &queue.resource())?;
        }
        let patience = self.patience(&queue, consume.arguments)?;
        let open_window = self.desk.config.open_window;
        let Some(channel) = self.channels.get_mut(usize::from(at.id.0)).and_then(Option::as_deref_mut) else {
            return Ok(Progress::Done);
        };
        let prefetch = channel.prefetch;
        let (window, open) = window(prefetch, channel.limit, consume.no_ack, open_window);
        let id = self.link.consumer();
        channel.consumers.insert(tag.clone(), id.number);
        channel.owned.insert(id.number);
        let state = State::Starting { nowait: consume.nowait, tries: 0 };
        let subscriber = Subscriber {
            id,
            at,
            queue,
            role: Role::Consumer { tag, priority, exclusive: consume.exclusive, state },
            no_ack: consume.no_ack,
            prefetch,
            patience,
            held: 0,
            window,
            open,
            done: Places::default(),
        };
        self.flush_settlements();
        self.attach(&subscriber);
        self.subscribers.insert(id.number, subscriber);
        Ok(Progress::Busy)
    }

    /// Asks a consumer's shard to attach it.
    pub(super) fn attach(&mut self, subscriber: &Subscriber) {
        if let Some(op) = subscriber.attach() {
            self.outbound.push(subscriber.queue.shard, op, Origin::Attach(subscriber.id.number));
        }
    }

    fn consumer_tag(&mut self, at: ChannelRef, wanted: &str) -> Result<String, Fault> {
        if wanted.is_empty() {
            return Ok(self.desk.fresh_name("amq.ctag-"));
        }
        let is_taken = self.channel(at).is_some_and(|channel| {
            channel.consumers.contains_key(wanted)
                || channel.replies.as_ref().is_some_and(|reply| reply.tag == wanted)
        });
        if is_taken {
            return Err(Fault::not_allowed(format!("attempt to reuse consumer tag '{wanted}'")));
        }
        Ok(wanted.to_owned())
    }

    /// The queue that a method means: the one that was declared last, if it names none.
    pub(super) fn queue_name(&mut self, at: ChannelRef, name: &str) -> Result<String, Fault> {
        if !name.is_empty() {
            return Ok(without_line_ends(name));
        }
        let last = self.channel(at).and_then(|channel| channel.last_queue.clone());
        last.ok_or_else(|| Fault::not_found("no previously declared queue"))
    }

    fn consume_replies(
        &mut self,
        at: ChannelRef,
        tag: String,
        consume: &basic::Consume<'_>,
        out: &mut Output,
    ) -> Result<(), Fault> {
        if !consume.no_ack {
            return Err(Fault::precondition_failed("reply consumer cannot acknowledge"));
        }
        if self.channel(at).is_some_and(|channel| channel.replies.is_some()) {
            return Err(Fault::precondition_failed("reply consumer already set"));
        }
        let Some(address) = self.replies.address(&*self.desk.entropy) else { return Ok(()) };
        let Some(channel) = self.channel(at) else { return Ok(()) };
        channel.replies = Some(ReplyConsumer { tag: tag.clone(), address });
        if !consume.nowait {
            self.answer(at, basic::ConsumeOk { consumer_tag: ShortStr::cut(&tag) }, out);
        }
        Ok(())
    }

    pub(super) fn cancel(
        &mut self,
        at: ChannelRef,
        cancel: &basic::Cancel<'_>,
        out: &mut Output,
    ) -> Progress {
        let tag = cancel.consumer_tag.as_str();
        let Some(channel) = self.channel(at) else { return Progress::Done };
        if let Some(reply) = channel.replies.take_if(|reply| reply.tag == tag) {
            self.replies.close(&reply.address);
        }
        let number = self.channel(at).and_then(|channel| channel.consumers.remove(tag));
        let Some(number) = number else {
            if !cancel.nowait {
                self.answer(at, basic::CancelOk { consumer_tag: cancel.consumer_tag }, out);
            }
            return Progress::Done;
        };
        self.return_held_back(at, number);
        self.flush_settlements();
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return Progress::Done };
        if let Role::Consumer { state, .. } = &mut subscriber.role {
            *state = State::Cancelling { nowait: cancel.nowait };
        }
        let queue = std::sync::Arc::clone(&subscriber.queue);
        self.outbound.push(queue.shard, subscriber.detach(), Origin::Detach(number));
        if queue.auto_delete {
            let op = partitions::delete(&queue, true, false);
            self.outbound.push(queue.shard, op, Origin::AutoDelete { queue, then: Then::Cancelled(number) });
        }
        Progress::Busy
    }

    /// What was assigned to a consumer and never went out goes back.
    fn return_held_back(&mut self, at: ChannelRef, number: u64) {
        let Some(channel) = self.channel(at) else { return };
        let mut returned = Places::default();
        channel.held_back.retain(|held| {
            let is_its = held.consumer == number;
            if is_its {
                returned.insert(held.delivery.partition, held.delivery.offset);
            }
            !is_its
        });
        let Some(subscriber) = self.subscribers.get(&number) else { return };
        let (shard, consumer) = (subscriber.queue.shard, subscriber.id);
        for (partition, offsets) in returned.drain() {
            let op = Op::Return { partition, consumer, offsets, failed: false, delay_ms: 0 };
            self.outbound.push(shard, op, Origin::Nothing);
        }
    }

    /// The consumer's queue is gone, or takes it for gone.
    pub(super) fn handle_cancelled(&mut self, number: u64, out: &mut Output) {
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let at = subscriber.at;
        let Role::Consumer { tag, state, .. } = &mut subscriber.role else { return };
        if matches!(state, State::Cancelling { .. } | State::Over) {
            return;
        }
        *state = State::Over;
        let tag = tag.clone();
        if subscriber.held == 0 {
            self.forgotten.push(number);
        }
        if let Some(channel) = self.channel(at) {
            channel.consumers.remove(&tag);
            channel.held_back.retain(|held| held.consumer != number);
        }
        if self.connection.client().knows_cancel_notify {
            self.answer(at, basic::Cancel { consumer_tag: ShortStr::cut(&tag), nowait: true }, out);
        }
    }
}

/// The consumers of a queue with partitions share these: there is no first one, and none that is alone.
fn check_shared(consume: &basic::Consume<'_>, priority: i32, queue: &Resource) -> Result<(), Fault> {
    if priority != 0 {
        let text = format!("invalid arg 'x-priority' for {queue}: priority_but_partitions_defined");
        return Err(Fault::precondition_failed(text));
    }
    if consume.exclusive {
        let text = format!("exclusive consumers are not supported by {queue}, which has partitions");
        return Err(Fault::precondition_failed(text));
    }
    Ok(())
}

fn priority(arguments: Table<'_>, queue: &Resource) -> Result<i32, Fault> {
    let Some(value) = arguments.get("x-priority") else { return Ok(0) };
    let number = value.integer().filter(|_| !matches!(value, Value::Bool(_)));
    match number.map(i32::try_from) {
        Some(Ok(priority)) => Ok(priority),
        Some(Err(_)) => {
            let text = format!("invalid arg 'x-priority' for {queue}: {{value_too_big,{value:?}}}");
            Err(Fault::precondition_failed(text))
        }
        None => {
            let kind = value.type_name();
            let text = format!("invalid arg 'x-priority' for {queue}: {{unacceptable_type,{kind}}}");
            Err(Fault::precondition_failed(text))
        }
    }
}
