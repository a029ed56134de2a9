//! basic.get.

use amqp091::{ShortStr, Table, basic};
use catalog::Action;
use streams::Op;

use super::Session;
use super::consumers::{Places, Role, Subscriber};
use super::dispatch::Progress;
use super::outbound::Origin;
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::output::Output;

impl Session {
    pub(super) fn get(&mut self, at: ChannelRef, get: &basic::Get<'_>) -> Result<Progress, Fault> {
        let name = self.queue_name(at, get.queue.as_str())?;
        self.check_queue(Action::Read, &name)?;
        let queue = self.desk.queue(&self.vhost, &name)?;
        let patience = self.patience(&queue, Table::default())?;
        let Some(channel) = self.channels.get_mut(usize::from(at.id.0)).and_then(Option::as_deref_mut) else {
            return Ok(Progress::Done);
        };
        let link = &self.link;
        let number = *channel.getters.entry(queue.id).or_insert_with(|| {
            let id = link.consumer();
            channel.owned.insert(id.number);
            let role = Role::Getter { left: 0 };
            let done = Places::default();
            let getter = Subscriber {
                id,
                at,
                queue,
                role,
                no_ack: true,
                prefetch: 0,
                patience,
                held: 0,
                window: 0,
                open: None,
                done,
            };
            self.subscribers.insert(id.number, getter);
            id.number
        });
        if let Some(getter) = self.subscribers.get_mut(&number) {
            getter.no_ack = get.no_ack;
        }
        self.flush_settlements();
        self.take(number);
        Ok(Progress::Busy)
    }

    /// Asks the shard for the next message.
    pub(super) fn take(&mut self, number: u64) {
        if let Some(getter) = self.subscribers.get(&number) {
            // Settled at once, the message could be gone before it is read.
            let op = Op::Take { partition: getter.first(), consumer: getter.id, settle: false };
            self.outbound.push(getter.queue.shard, op, Origin::Take(number));
        }
    }

    /// A message that was taken and whose queue was then deleted may never come.
    pub(super) fn give_up_gets(&mut self, out: &mut Output) {
        for number in std::mem::take(&mut self.getting) {
            let Some(getter) = self.subscribers.get(&number) else { continue };
            let at = getter.at;
            if self.topology.queue_by_id(getter.queue.id).is_some() {
                self.getting.push(number);
            } else {
                self.answer(at, basic::GetEmpty { cluster_id: ShortStr::default() }, out);
                self.resume(at, out);
            }
        }
    }
}
