//! basic.qos.

use amqp091::basic;

use super::Session;
use super::consumers::window;
use crate::channel::ChannelRef;
use crate::fault::Fault;
use crate::output::Output;

use super::outbound::Origin;

impl Session {
    pub(super) fn qos(&mut self, at: ChannelRef, qos: basic::Qos, out: &mut Output) -> Result<(), Fault> {
        if qos.prefetch_size != 0 {
            return Err(Fault::not_implemented(format!("prefetch_size!=0 ({})", qos.prefetch_size)));
        }
        if let Some(channel) = self.channel(at) {
            match qos.global {
                true => channel.limit = qos.prefetch_count,
                false => channel.prefetch = qos.prefetch_count,
            }
        }
        let changes_running = self.connection.client().changes_running_consumers;
        match qos.global {
            true => self.change_windows(at, None),
            false if changes_running => self.change_windows(at, Some(qos.prefetch_count)),
            false => {}
        }
        self.made_room(at);
        self.answer(at, basic::QosOk {}, out);
        Ok(())
    }

    /// Lets the consumers of a channel hold as much as its limit now says, and gives each another limit of its own if there is one.
    fn change_windows(&mut self, at: ChannelRef, prefetch: Option<u16>) {
        let open = self.desk.config.open_window;
        let Some(channel) = self.channel(at) else { return };
        let limit = channel.limit;
        let numbers: Vec<u64> = channel.consumers.values().copied().collect();
        for number in numbers {
            let Some(subscriber) = self.subscribers.get_mut(&number) else { continue };
            subscriber.prefetch = prefetch.unwrap_or(subscriber.prefetch);
            let (wanted, open) = window(subscriber.prefetch, limit, subscriber.no_ack, open);
            let wanted = open.map_or(wanted, |open| subscriber.held.saturating_add(open));
            subscriber.open = open;
            if wanted != subscriber.window {
                subscriber.window = wanted;
                self.outbound.push(subscriber.queue.shard, subscriber.change_window(), Origin::Nothing);
            }
        }
    }
}
