//! queue.declare and queue.delete.

use std::sync::Arc;

use amqp091::{Method, Table, Value, queue};
use catalog::{Action, CatalogError, Deletion, Name, Queue, QueueSpec};
use streams::{Op, Outcome};

use super::Answer;
use crate::broker::Session;
use crate::broker::desk::Desk;
use crate::broker::dispatch::Progress;
use crate::broker::partitions;
use crate::broker::replies::{ADDRESS_PREFIX, PSEUDO_QUEUE, Presence};
use crate::channel::ChannelRef;
use crate::counts::QueueCounts;
use crate::fault::Fault;
use crate::output::Output;
use crate::text::without_line_ends;

impl Session {
    pub(super) fn declare_queue(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        declare: &queue::Declare<'_>,
        out: &mut Output,
    ) -> Result<Progress, Fault> {
        let name = without_line_ends(declare.queue.as_str());
        let nowait = declare.nowait;
        if name == PSEUDO_QUEUE || name.starts_with(ADDRESS_PREFIX) {
            return self.declare_address(at, method, name, nowait, out);
        }
        let desk = Arc::clone(&self.desk);
        if declare.passive {
            let queue = self.desk.queue(&self.vhost, &name)?;
            self.start_method(at, method, async move { desk.declared(&queue, nowait, Op::Tick).await });
            return Ok(Progress::Busy);
        }
        if !name.is_empty() {
            self.check_queue(Action::Configure, &name)?;
        }
        self.check_dead_letter_exchange(&name, declare.arguments)?;
        let spec = QueueSpec {
            durable: declare.durable,
            exclusive: declare.exclusive,
            auto_delete: declare.auto_delete,
            arguments: declare.arguments.into(),
        };
        self.start_method(at, method, async move {
            let connection = desk.owner.connection;
            let name = Name::from(name.as_str());
            loop {
                let queue = desk.catalog.declare_queue(&desk.vhost, &name, &spec, connection).await?.value;
                let (_, vhost) = desk.look()?;
                let create = partitions::create(&vhost, &queue);
                let declared = desk.declared(&queue, nowait, create).await?;
                // It may have gone with its last user, or for lack of one, while it was declared again.
                if desk.catalog.topology().queue_by_id(queue.id).is_some() {
                    return Ok(declared);
                }
            }
        });
        Ok(Progress::Busy)
    }

    /// Whoever has dead letters sent somewhere could publish there.
    fn check_dead_letter_exchange(&mut self, name: &str, arguments: Table<'_>) -> Result<(), Fault> {
        let Some(Value::LongString(exchange)) = arguments.get("x-dead-letter-exchange") else {
            return Ok(());
        };
        self.check_queue(Action::Read, name)?;
        self.check_exchange(Action::Write, &String::from_utf8_lossy(exchange))
    }

    /// An address for direct answers looks like a queue with one consumer, for as long as somebody waits there.
    fn declare_address(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        name: String,
        nowait: bool,
        out: &mut Output,
    ) -> Result<Progress, Fault> {
        let missing = Fault::from(CatalogError::NotFound(self.desk.queue_resource(&name)));
        let found = match name == PSEUDO_QUEUE {
            true => Presence::Known(true),
            false => self.reply_boxes.find(&name),
        };
        let declared = Answer::Declared { name, messages: 0, consumers: 1, nowait, exclusive: None };
        match found {
            Presence::Known(true) => {
                self.handle_answer(at, declared, out);
                Ok(Progress::Done)
            }
            Presence::Known(false) => Err(missing),
            Presence::Asked(found) => {
                self.start_method(at, method, async move {
                    if found.await { Ok(declared) } else { Err(missing) }
                });
                Ok(Progress::Busy)
            }
        }
    }

    pub(super) fn delete_queue(
        &mut self,
        at: ChannelRef,
        method: &Method<'_>,
        delete: &queue::Delete<'_>,
        out: &mut Output,
    ) -> Result<Progress, Fault> {
        let name = self.queue_name(at, delete.queue.as_str())?;
        self.check_queue(Action::Configure, &name)?;
        let Some(queue) = self.vhost.queue(name.as_bytes()).cloned() else {
            self.handle_answer(at, Answer::Deleted { name, messages: 0, nowait: delete.nowait }, out);
            return Ok(Progress::Done);
        };
        queue.check_access(self.desk.owner)?;
        let (if_unused, if_empty, nowait) = (delete.if_unused, delete.if_empty, delete.nowait);
        let desk = Arc::clone(&self.desk);
        self.start_method(at, method, async move {
            let messages = desk.delete(&queue, if_unused, if_empty).await?;
            Ok(Answer::Deleted { name, messages, nowait })
        });
        Ok(Progress::Busy)
    }
}

impl Desk {
    /// The answer to queue.declare. `op` goes through the log before the queue's state is read, which is therefore no older than the question.
    async fn declared(&self, queue: &Queue, nowait: bool, op: Op) -> Result<Answer, Fault> {
        self.call(queue.shard, op).await?;
        let counts = QueueCounts::of(&self.shards, queue).unwrap_or_default();
        let (messages, consumers) = (counts.ready, counts.consumers);
        let name = queue.name.to_string();
        let exclusive = queue.exclusive.map(|_| queue.id);
        Ok(Answer::Declared { name, messages, consumers, nowait, exclusive })
    }

    /// Deletes a queue with what is in it, and says how many messages that were.
    pub(in crate::broker) async fn delete(
        &self,
        queue: &Queue,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<u64, Fault> {
        let messages = match self.call(queue.shard, partitions::delete(queue, if_unused, if_empty)).await? {
            Outcome::Deleted(messages) => messages,
            Outcome::NotUnused => return Err(CatalogError::InUse(queue.resource()).into()),
            Outcome::NotEmpty => return Err(CatalogError::NotEmpty(queue.resource()).into()),
            // It was not made yet, or somebody else deletes it.
            _ => 0,
        };
        let which = Deletion::ById(queue.id);
        self.catalog.delete_queue(&self.vhost, &queue.name, which, None).await?;
        // Somebody may have published in between, and made it again.
        self.call(queue.shard, partitions::delete(queue, false, false)).await?;
        Ok(messages)
    }
}
