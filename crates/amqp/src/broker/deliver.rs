//! From deliveries to basic.deliver and basic.get-ok.

use amqp091::{ShortStr, basic};
use bytes::Bytes;
use runtime::Clock;
use streams::Delivery;

use super::Session;
use super::consumers::{Role, Subscriber};
use super::overdue::Watch;
use crate::channel::{Held, HeldBack};
use crate::message::{View, changed_properties};
use crate::output::Output;

impl Session {
    /// A consumer has a message in its hands.
    pub(super) fn handle_delivery(
        &mut self,
        number: u64,
        delivery: Delivery,
        frame: Bytes,
        out: &mut Output,
    ) {
        // Consumers of channels that are gone were released: others will get what they held.
        let Some(subscriber) = self.subscribers.get(&number) else { return };
        if matches!(subscriber.role, Role::Getter { .. }) {
            self.deliver_taken(number, delivery, frame, out);
            return;
        }
        let (at, no_ack) = (subscriber.at, subscriber.no_ack);
        let Some(channel) = self.channel(at) else { return };
        if !no_ack && !channel.has_room() {
            channel.held_back.push_back(HeldBack { consumer: number, delivery, frame });
            return;
        }
        self.deliver(number, delivery, frame, out);
    }

    pub(super) fn deliver(&mut self, number: u64, delivery: Delivery, frame: Bytes, out: &mut Output) {
        let frame_max = self.connection.tuning().frame_max;
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let at = subscriber.at;
        let Some(channel) = self.channels.get_mut(usize::from(at.id.0)).and_then(Option::as_deref_mut) else {
            return;
        };
        let Role::Consumer { tag, .. } = &subscriber.role else { return };
        let Some(view) = readable(&frame, &delivery) else { return };
        let delivery_tag = channel.next_tag();
        let method = basic::Deliver {
            consumer_tag: ShortStr::cut(tag),
            delivery_tag,
            redelivered: delivery.redelivered,
            exchange: short(view.exchange),
            routing_key: short(view.key),
        };
        let properties =
            changed_properties(&view, &delivery, subscriber.queue.partition_number(delivery.partition.0))
                .unwrap_or_else(|| frame.slice_ref(view.properties));
        out.put_content(at.id, method, properties, frame.slice_ref(view.body), frame_max);
        if subscriber.no_ack {
            if subscriber.done.is_empty() {
                self.settling.push(number);
            }
            subscriber.done.insert(delivery.partition, delivery.offset);
        } else {
            subscriber.held += 1;
            channel
                .unacked
                .push(delivery_tag, held(subscriber, &delivery, &mut self.watch, &self.desk.clock));
            self.widen(number);
        }
        self.metrics.delivered.add(1);
        self.metrics.redelivered.add(usize::from(delivery.redelivered));
    }

    fn deliver_taken(&mut self, number: u64, delivery: Delivery, frame: Bytes, out: &mut Output) {
        let Some(place) = self.getting.iter().position(|getting| *getting == number) else { return };
        self.getting.swap_remove(place);
        let frame_max = self.connection.tuning().frame_max;
        let Some(subscriber) = self.subscribers.get_mut(&number) else { return };
        let (at, Role::Getter { left }) = (subscriber.at, &subscriber.role) else { return };
        let message_count = u32::try_from(*left).unwrap_or(u32::MAX);
        let Some(channel) = self.channels.get_mut(usize::from(at.id.0)).and_then(Option::as_deref_mut) else {
            return;
        };
        if let Some(view) = readable(&frame, &delivery) {
            let delivery_tag = channel.next_tag();
            let method = basic::GetOk {
                delivery_tag,
                redelivered: delivery.redelivered,
                exchange: short(view.exchange),
                routing_key: short(view.key),
                message_count,
            };
            let properties = changed_properties(&view, &delivery, None)
                .unwrap_or_else(|| frame.slice_ref(view.properties));
            out.put_content(at.id, method, properties, frame.slice_ref(view.body), frame_max);
            if subscriber.no_ack {
                subscriber.done.insert(delivery.partition, delivery.offset);
                self.settling.push(number);
            } else {
                subscriber.held += 1;
                channel
                    .unacked
                    .push(delivery_tag, held(subscriber, &delivery, &mut self.watch, &self.desk.clock));
            }
            self.metrics.got.add(1);
        }
        self.resume(at, out);
    }

    /// Lets more deliveries go out on a channel with a limit for all its consumers.
    pub(super) fn deliver_held_back(&mut self, at: crate::channel::ChannelRef, out: &mut Output) {
        while let Some(channel) = self.channel(at).filter(|channel| channel.has_room()) {
            let Some(HeldBack { consumer, delivery, frame }) = channel.held_back.pop_front() else { return };
            self.deliver(consumer, delivery, frame, out);
        }
    }
}

/// What the channel notes of a delivery that the client has to settle.
fn held(subscriber: &Subscriber, delivery: &Delivery, watch: &mut Watch, clock: &Clock) -> Held {
    let due = subscriber.patience.map(|patience| clock.now() + patience);
    if let Some(due) = due {
        watch.note(due, clock);
    }
    let Delivery { partition, offset, .. } = *delivery;
    Held { consumer: subscriber.id.number, partition, offset, due, pending: false }
}

fn readable<'f>(frame: &'f Bytes, delivery: &Delivery) -> Option<View<'f>> {
    View::of(frame)
        .inspect_err(|error| {
            let (partition, offset) = (delivery.partition.0, delivery.offset.0);
            tracing::error!(partition, offset, %error, "a message is held back");
        })
        .ok()
}

/// Exchanges and keys came as short strings of UTF-8, and so they go.
fn short(bytes: &[u8]) -> ShortStr<'_> {
    ShortStr::cut(std::str::from_utf8(bytes).unwrap_or_default())
}
