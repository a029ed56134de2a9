//! The ends of channels and of the connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use amqp091::ChannelId;
use catalog::Queue;
use streams::Outcome;

use super::Session;
use super::consumers::Role;
use super::dispatch::weight;
use super::jobs::Finished;
use super::outbound::{Origin, Then};
use super::partitions;
use crate::output::Output;

/// Ends that wait: the client is told when all is done. By channel; 0 is the connection.
#[derive(Debug, Default)]
pub(super) struct Endings(BTreeMap<u16, usize>);

impl Session {
    /// The channel is no more. `ending` is what waits for the end of its consumers: itself, or the connection.
    pub(super) fn drop_channel(&mut self, id: ChannelId, ending: ChannelId, out: &mut Output) {
        self.expect_step(ending);
        self.release_channel(id, ending);
        self.end_step(ending.0, out);
    }

    fn release_channel(&mut self, id: ChannelId, ending: ChannelId) {
        let Some(channel) = self.channels.get_mut(usize::from(id.0)).and_then(Option::take) else { return };
        self.channel_count -= 1;
        self.metrics.channels_closed.add(1);
        self.backlog_bytes -= channel.backlog.iter().map(weight).sum::<usize>();
        if let Some(reply) = &channel.replies {
            self.replies.close(&reply.address);
        }
        // What is acknowledged already does not go back.
        self.settle_done();
        self.flush_settlements();
        for number in channel.owned {
            let Some(subscriber) = self.subscribers.remove(&number) else { continue };
            let (consumer, release) = (subscriber.id, subscriber.release());
            let queue = subscriber.queue;
            self.expect_step(ending);
            self.outbound.push(queue.shard, release, Origin::Release(ending.0));
            if queue.auto_delete && matches!(subscriber.role, Role::Consumer { .. }) {
                let op = partitions::delete(&queue, true, false);
                let then = self.expect_step(ending);
                self.outbound.push(queue.shard, op, Origin::AutoDelete { queue, then });
            }
            self.released.push(consumer);
        }
    }

    /// One thing more that an end waits for.
    fn expect_step(&mut self, ending: ChannelId) -> Then {
        *self.endings.0.entry(ending.0).or_default() += 1;
        Then::End(ending.0)
    }

    /// Ends everything. If the client waits for connection.close-ok, it comes when all is done.
    pub(super) fn end_connection(&mut self, out: &mut Output) {
        self.has_ended = true;
        let ending = ChannelId::CONNECTION;
        self.expect_step(ending);
        for place in 0..self.channels.len() {
            let id = ChannelId(u16::try_from(place).expect("channels have numbers of 16 bits"));
            self.release_channel(id, ending);
        }
        for (name, id) in std::mem::take(&mut self.exclusive) {
            self.delete_own(&name, id);
        }
        self.end_step(ending.0, out);
    }

    /// Deletes a queue that is the connection's alone.
    pub(super) fn delete_own(&mut self, name: &str, id: u64) {
        let queue = self.vhost.queue(name.as_bytes()).filter(|queue| queue.id == id).cloned();
        if let Some(queue) = queue {
            let then = self.expect_step(ChannelId::CONNECTION);
            self.start_deletion(queue, then);
        }
    }

    fn start_deletion(&mut self, queue: Arc<Queue>, then: Then) {
        let desk = Arc::clone(&self.desk);
        self.jobs.push(Box::pin(async move {
            if let Err(fault) = desk.delete(&queue, false, false).await {
                tracing::info!(queue = %queue.name, %fault, "a queue could not be deleted with its last user");
            }
            Finished::Deletion(then)
        }));
    }

    pub(super) fn handle_auto_deleted(
        &mut self,
        queue: Arc<Queue>,
        then: Then,
        outcome: Option<Outcome>,
        out: &mut Output,
    ) {
        match outcome {
            Some(Outcome::Deleted(_)) => self.start_deletion(queue, then),
            _ => self.go_on(then, out),
        }
    }

    /// A queue has gone with its last user, or stays.
    pub(super) fn go_on(&mut self, then: Then, out: &mut Output) {
        match then {
            Then::End(ending) => self.end_step(ending, out),
            Then::Cancelled(number) => self.finish_cancel(number, out),
        }
    }

    /// One of the things that an end waits for is done.
    pub(super) fn end_step(&mut self, ending: u16, out: &mut Output) {
        let Some(left) = self.endings.0.get_mut(&ending) else { return };
        *left -= 1;
        if *left > 0 {
            return;
        }
        self.endings.0.remove(&ending);
        if ending == 0 {
            self.connection.end(out);
        } else {
            self.connection.end_channel(ChannelId(ending), out);
        }
    }

    /// The client has left without a word: its channels end, and its exclusive queues are deleted.
    pub(crate) fn leave(&mut self, out: &mut Output) {
        self.end_connection(out);
    }

    /// Whether work for the end of the connection is under way.
    pub(crate) fn is_leaving(&self) -> bool {
        !self.jobs.is_empty() || !self.endings.0.is_empty()
    }
}
