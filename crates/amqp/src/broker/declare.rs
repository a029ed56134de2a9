//! Exchanges, queues and bindings: from methods to jobs that change the catalog.

mod binding;
mod exchange;
mod queue;

use amqp091::Method;

use super::Session;
use super::dispatch::Progress;
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::output::Output;

/// How a job's method is answered.
pub(super) enum Answer {
    /// Not at all, or with a method without anything of its own in it.
    Plain(Option<Method<'static>>),
    /// queue.declare-ok.
    Declared {
        name: String,
        messages: u64,
        consumers: u64,
        nowait: bool,
        /// The queue's id, if it is this connection's alone.
        exclusive: Option<u64>,
    },
    /// queue.delete-ok.
    Deleted { name: String, messages: u64, nowait: bool },
}

impl Answer {
    /// An answer, if the client wants one.
    pub(super) fn plain(nowait: bool, method: impl Into<Method<'static>>) -> Self {
        Answer::Plain((!nowait).then(|| method.into()))
    }
}

impl Session {
    pub(super) fn start_job(
        &mut self,
        at: ChannelRef,
        method: Method<'_>,
        out: &mut Output,
    ) -> Result<Progress, Fault> {
        match &method {
            Method::ExchangeDeclare(declare) => self.declare_exchange(at, &method, declare),
            Method::ExchangeDelete(delete) => self.delete_exchange(at, &method, delete),
            Method::ExchangeBind(bind) => self.bind_exchange(at, &method, bind),
            Method::ExchangeUnbind(unbind) => self.unbind_exchange(at, &method, unbind),
            Method::QueueDeclare(declare) => return self.declare_queue(at, &method, declare, out),
            Method::QueueDelete(delete) => return self.delete_queue(at, &method, delete, out),
            Method::QueuePurge(purge) => self.purge(at, &method, purge),
            Method::QueueBind(bind) => self.bind_queue(at, &method, bind),
            Method::QueueUnbind(unbind) => self.unbind_queue(at, &method, unbind),
            // What only servers say.
            other => Err(Fault::command_invalid("unimplemented method").of(other.id())),
        }?;
        Ok(Progress::Busy)
    }

    pub(super) fn handle_answer(&mut self, at: ChannelRef, answer: Answer, out: &mut Output) {
        match answer {
            Answer::Plain(None) => {}
            Answer::Plain(Some(method)) => self.answer(at, method, out),
            Answer::Declared { name, messages, consumers, nowait, exclusive } => {
                match exclusive {
                    // It came too late: whose it would be is gone.
                    Some(id) if self.has_ended => self.delete_own(&name, id),
                    Some(id) => drop(self.exclusive.insert(name.clone(), id)),
                    None => {}
                }
                if let Some(channel) = self.channel(at) {
                    channel.last_queue = Some(name.clone());
                }
                if !nowait {
                    self.answer_declared(at, &name, messages, consumers, out);
                }
            }
            Answer::Deleted { name, messages, nowait } => {
                self.exclusive.remove(&name);
                if !nowait {
                    let message_count = u32::try_from(messages).unwrap_or(u32::MAX);
                    self.answer(at, amqp091::queue::DeleteOk { message_count }, out);
                }
            }
        }
    }

    fn answer_declared(
        &mut self,
        at: ChannelRef,
        name: &str,
        messages: u64,
        consumers: u64,
        out: &mut Output,
    ) {
        let method = amqp091::queue::DeclareOk {
            queue: amqp091::ShortStr::cut(name),
            message_count: u32::try_from(messages).unwrap_or(u32::MAX),
            consumer_count: u32::try_from(consumers).unwrap_or(u32::MAX),
        };
        self.answer(at, method, out);
    }
}
