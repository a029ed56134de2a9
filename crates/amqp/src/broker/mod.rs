//! What the commands of an open connection mean: from methods to operations of shards and changes of the catalog, and back.
//!
//! A [`Session`] works in turns. A turn hears what shards have answered and what was delivered, takes what the client has sent, and hands all that
//! comes of it to the shards together. Methods that have to wait (for the catalog, or for a shard's answer that the client wants) make their
//! channel busy: what comes on it meanwhile waits, other channels go on.

mod consume;
mod consumers;
mod declare;
mod deliver;
mod desk;
mod dispatch;
mod endings;
mod get;
mod jobs;
mod outbound;
mod outcomes;
mod overdue;
pub(crate) mod partitions;
mod publish;
mod qos;
mod queues;
mod replies;
mod settle;
mod tx;

use std::collections::BTreeMap;
use std::sync::Arc;

use amqp091::{ChannelId, Method};
use bytes::BytesMut;
use catalog::{Access, Action, Name, Routed, Target, Topology, Vhost};
use shards::{Event as Told, Link};
use streams::ConsumerId;

use self::consumers::Subscribers;
pub(crate) use self::desk::Desk;
use self::endings::Endings;
use self::jobs::Jobs;
pub(crate) use self::outbound::Append;
use self::outbound::Outbound;
use self::overdue::Watch;
pub(crate) use self::publish::Returned;
pub(crate) use self::replies::{Reply, ReplyBox, ReplyBoxes};
use self::settle::Settlements;
use crate::channel::{Channel, ChannelRef, Confirms, Mode};
use crate::connection::{Connection, Event};
use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::output::Output;

/// Bytes of commands that wait behind busy channels; with more of them, nothing is taken from the client.
const BACKLOG_BYTES_MAX: usize = 4 << 20;

/// All that an open connection does.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    link: Link,
    topology: Arc<Topology>,
    vhost: Arc<Vhost>,
    /// By number.
    channels: Vec<Option<Box<Channel>>>,
    channel_count: usize,
    incarnations: u32,
    subscribers: Subscribers,
    outbound: Outbound,
    settlements: Settlements,
    jobs: Jobs,
    endings: Endings,
    /// Queues that go with the connection: their ids, by name.
    exclusive: BTreeMap<String, u64>,
    replies: Arc<ReplyBox>,
    reply_boxes: Arc<ReplyBoxes>,
    routed: Routed,
    access: Access,
    /// Messages of this turn are written into it one behind another.
    arena: BytesMut,
    /// Channels with something to confirm.
    confirming: Vec<ChannelId>,
    /// Consumers with deliveries that are done with.
    settling: Vec<u64>,
    /// Those for which basic.get has taken a message whose bytes have not come.
    getting: Vec<u64>,
    /// Consumers that hold nothing any more.
    forgotten: Vec<u64>,
    /// Consumers whose channels are gone.
    released: Vec<ConsumerId>,
    /// Channels whose limit has room again.
    unblocked: Vec<ChannelRef>,
    watch: Watch,
    /// See [`Session::chance`].
    chances: u64,
    events: Vec<Told>,
    backlog_bytes: usize,
    /// The client has tried to publish.
    pub(crate) has_published: bool,
    /// The connection is over for the client, or nearly so: nothing of it may stay.
    has_ended: bool,
    /// Why the connection is closed, as the client was told.
    pub(crate) failure: Option<Fault>,
}

/// What a connection works with.
pub(crate) struct Parts {
    pub(crate) connection: Connection,
    pub(crate) desk: Desk,
    pub(crate) access: Access,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) link: Link,
    pub(crate) topology: Arc<Topology>,
    pub(crate) vhost: Arc<Vhost>,
    pub(crate) reply_boxes: Arc<ReplyBoxes>,
}

impl Session {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { connection, desk, access, metrics, link, topology, vhost, reply_boxes } = parts;
        let replies = reply_boxes.open();
        let chances = desk.entropy.next_u64();
        Self {
            connection,
            desk: Arc::new(desk),
            metrics,
            link,
            topology,
            vhost,
            channels: Vec::new(),
            channel_count: 0,
            incarnations: 0,
            subscribers: Subscribers::default(),
            outbound: Outbound::default(),
            settlements: Settlements::default(),
            jobs: Jobs::default(),
            endings: Endings::default(),
            exclusive: BTreeMap::new(),
            replies,
            reply_boxes,
            routed: Routed::new(),
            access,
            arena: BytesMut::new(),
            confirming: Vec::new(),
            settling: Vec::new(),
            getting: Vec::new(),
            forgotten: Vec::new(),
            released: Vec::new(),
            unblocked: Vec::new(),
            watch: Watch::default(),
            chances,
            events: Vec::new(),
            backlog_bytes: 0,
            has_published: false,
            has_ended: false,
            failure: None,
        }
    }

    /// Looks at what exists now. If the virtual host is gone, so is the connection.
    pub(crate) fn begin_turn(&mut self, out: &mut Output) {
        match self.desk.look() {
            Ok((topology, vhost)) => {
                (self.topology, self.vhost) = (topology, vhost);
                self.give_up_gets(out);
                self.give_up_overdue(out);
            }
            Err(fault) => self.fail(ChannelId::CONNECTION, fault, out),
        }
    }

    /// Takes what the data plane has to tell, and tells it.
    pub(crate) async fn hear(&mut self, out: &mut Output) -> Result<(), shards::Unreadable> {
        let mut events = std::mem::take(&mut self.events);
        self.link.take(&mut events).await?;
        for event in events.drain(..) {
            self.handle_told(event, out);
        }
        self.events = events;
        for reply in self.replies.take() {
            self.deliver_reply(reply, out);
        }
        Ok(())
    }

    /// Whether more of what the client has sent may be taken.
    pub(crate) fn may_take(&self) -> bool {
        self.backlog_bytes < BACKLOG_BYTES_MAX && self.failure.is_none()
    }

    /// Whether a shard has more under way than it should.
    pub(crate) fn has_full_shard(&self) -> bool {
        self.link.is_full()
    }

    /// Whether the client publishes faster than a shard's disk takes it.
    pub(crate) fn outruns_disk(&self) -> bool {
        self.has_published && self.link.is_crowded()
    }

    /// Bytes of messages that are on their way to shards.
    pub(crate) fn bytes_under_way(&self) -> usize {
        self.outbound.bytes()
    }

    /// Hands over all that came of the turn. `can_settle` is whether the client takes what it is sent.
    pub(crate) fn end_turn(&mut self, can_settle: bool, out: &mut Output) {
        for at in std::mem::take(&mut self.unblocked) {
            self.deliver_held_back(at, out);
        }
        if can_settle {
            self.settle_done();
        }
        self.flush_settlements();
        self.submit_calls();
        self.outbound.flush(&mut self.link);
        for number in self.forgotten.drain(..) {
            if let Some(subscriber) = self.subscribers.remove(&number) {
                self.link.forget(subscriber.id);
            }
        }
        for consumer in self.released.drain(..) {
            self.link.forget(consumer);
        }
        self.put_confirms(out);
    }

    fn put_confirms(&mut self, out: &mut Output) {
        for id in std::mem::take(&mut self.confirming) {
            let channel = self.channels.get_mut(usize::from(id.0)).and_then(Option::as_mut);
            if let Some(Mode::Confirming(confirms)) = channel.map(|channel| &mut channel.mode) {
                let confirmed = confirms.put(id, out);
                self.metrics.confirmed.add(confirmed);
            }
        }
    }

    /// Completes when there is something to do: something to hear (if it `hears`), a job that is done, or room (if it waits for that).
    pub(crate) async fn changed(&mut self, hears: bool, waits_for_room: bool) {
        let Self { link, jobs, replies, desk, watch, .. } = self;
        tokio::select! {
            biased;
            () = link.woken(), if hears => {}
            () = jobs::wait(jobs, desk) => {}
            () = replies.filled(), if hears => {}
            () = link.room(), if waits_for_room => {}
            () = watch.passed() => {}
        }
    }

    /// Works on what the connection's rules let through.
    pub(crate) fn handle(&mut self, event: Event, out: &mut Output) {
        match event {
            Event::ChannelOpened(id) => self.open_channel(id),
            Event::Command(id, command) => self.handle_command(id, command, out),
            Event::ChannelEnding(id) => self.handle_ending(id, out),
            Event::ChannelFailed(id) => self.drop_channel(id, ChannelId::CONNECTION, out),
            Event::Ending => self.end_connection(out),
            Event::Failed(fault) => {
                self.failure.get_or_insert(fault);
                self.end_connection(out);
            }
            Event::Renew(_) | Event::Login(_) | Event::Open { .. } | Event::Over(_) => {}
        }
    }

    /// Closes a channel or the connection for a fault.
    pub(crate) fn fail(&mut self, id: ChannelId, fault: Fault, out: &mut Output) {
        match self.connection.fail(id, fault, out) {
            Some(event) => self.handle(event, out),
            // The client has asked for the channel's end already, and gets it.
            None if self.channels.get(usize::from(id.0)).is_some_and(Option::is_some) => {
                self.drop_channel(id, id, out);
            }
            None => {}
        }
    }

    fn open_channel(&mut self, id: ChannelId) {
        self.incarnations += 1;
        let at = ChannelRef { id, incarnation: self.incarnations };
        let place = usize::from(id.0);
        if self.channels.len() <= place {
            self.channels.resize_with(place + 1, || None);
        }
        self.channels[place] = Some(Box::new(Channel::new(at)));
        self.channel_count += 1;
        self.metrics.channels_opened.add(1);
    }

    pub(crate) fn channel_count(&self) -> usize {
        self.channel_count
    }

    /// The channel, if it is still the one that is meant.
    fn channel(&mut self, at: ChannelRef) -> Option<&mut Channel> {
        let channel = self.channels.get_mut(usize::from(at.id.0))?.as_deref_mut()?;
        (channel.at == at).then_some(channel)
    }

    /// Whether the user may do this with a queue.
    fn check_queue(&mut self, action: Action, name: &str) -> Result<(), Fault> {
        Ok(self.access.check(&self.vhost, action, Target::Queue(name.as_bytes()))?)
    }

    /// Whether the user may do this with an exchange.
    fn check_exchange(&mut self, action: Action, name: &str) -> Result<(), Fault> {
        Ok(self.access.check(&self.vhost, action, Target::Exchange(name.as_bytes()))?)
    }

    /// Whether the user may do this with a routing key of a topic exchange.
    fn check_topic(&mut self, action: Action, exchange: &Name, key: &str) -> Result<(), Fault> {
        Ok(self.access.check_topic(&self.vhost, action, exchange, key.as_bytes())?)
    }

    /// Answers a method, if its channel is still there.
    fn answer<'a>(&mut self, at: ChannelRef, method: impl Into<Method<'a>>, out: &mut Output) {
        if self.channel(at).is_some() && self.connection.is_answerable(at.id) {
            out.put(at.id, method);
        }
    }

    /// The confirms of a channel, which will be put at the end of the turn.
    fn confirms(&mut self, at: ChannelRef) -> Option<&mut Confirms> {
        let channel = self.channels.get_mut(usize::from(at.id.0))?.as_deref_mut()?;
        let Mode::Confirming(confirms) = &mut channel.mode else { return None };
        if channel.at != at {
            return None;
        }
        if !confirms.is_ready() {
            self.confirming.push(at.id);
        }
        Some(confirms)
    }
}
