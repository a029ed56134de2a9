//! Direct answers: whoever consumes from `amq.rabbitmq.reply-to` gets an address that others publish to, and no queue stands between.
//!
//! An address names the requester's node and a number that nobody can guess, so that any node can tell where an answer belongs. It goes
//! there as a note, which may be lost: with the node, with the connection between the two, or when there is too much of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use amqp091::{ShortStr, basic};
use bytes::Bytes;
use parking_lot::Mutex;
use runtime::BoxFuture;
use tokio::sync::Notify;

use super::Session;
use crate::Colleagues;
use crate::note::{Note, YES};
use crate::output::Output;
use crate::text::base64_url;

/// What requesters consume from.
pub(super) const PSEUDO_QUEUE: &str = "amq.rabbitmq.reply-to";

/// What addresses begin with.
pub(super) const ADDRESS_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Answers that wait for a requester that does not take them are dropped beyond this many bytes, unless it is one alone.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// What an answer costs beside its bytes.
const AROUND_BYTES: usize = 256;

/// An answer on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The address.
    pub(crate) key: String,
    pub(crate) properties: Bytes,
    pub(crate) body: Bytes,
}

/// The requesters of a node, by address, and the way to those of other nodes.
pub(crate) struct ReplyBoxes {
    boxes: Mutex<HashMap<String, Arc<ReplyBox>>>,
    colleagues: Arc<dyn Colleagues>,
}

/// Whether somebody waits at an address.
pub(super) enum Presence {
    Known(bool),
    /// Another node knows.
    Asked(BoxFuture<'static, bool>),
}

/// What waits for one connection.
pub(crate) struct ReplyBox {
    boxes: Weak<ReplyBoxes>,
    state: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    replies: VecDeque<Reply>,
    bytes: usize,
    addresses: Vec<String>,
}

impl ReplyBoxes {
    /// A node's, without any.
    pub(crate) fn new(colleagues: Arc<dyn Colleagues>) -> Self {
        Self { boxes: Mutex::default(), colleagues }
    }

    /// A box for a connection.
    pub(super) fn open(self: &Arc<Self>) -> Arc<ReplyBox> {
        Arc::new(ReplyBox { boxes: Arc::downgrade(self), state: Mutex::default(), filled: Notify::new() })
    }

    /// Whether somebody waits at an address of this node.
    pub(crate) fn is_here(&self, address: &str) -> bool {
        self.boxes.lock().contains_key(address)
    }

    /// Whether somebody waits at an address.
    pub(super) fn find(&self, address: &str) -> Presence {
        let Some(node) = self.other_node(address) else { return Presence::Known(self.is_here(address)) };
        let asked = self.colleagues.ask(node, Note::IsThere(address.to_owned()).encode());
        Presence::Asked(Box::pin(async move { asked.await == Some(YES) }))
    }

    /// Brings an answer to its address, or on its way to there.
    pub(super) fn send(&self, reply: Reply) {
        match self.other_node(&reply.key) {
            Some(node) => self.colleagues.tell(node, Note::Reply(reply).encode()),
            None => self.put(reply),
        }
    }

    /// Brings an answer to an address of this node. It is dropped if nobody is there, or if whoever is does not take what it gets.
    pub(crate) fn put(&self, reply: Reply) {
        let found = self.boxes.lock().get(&reply.key).cloned();
        if let Some(found) = found {
            found.push(reply);
        }
    }

    /// The node that an address is on, if it is another one.
    fn other_node(&self, address: &str) -> Option<u64> {
        let (node, _) = address.strip_prefix(ADDRESS_PREFIX)?.split_once('.')?;
        let node = node.parse().ok()?;
        (node != self.colleagues.own()).then_some(node)
    }
}

impl ReplyBox {
    fn push(&self, reply: Reply) {
        let mut state = self.state.lock();
        let bytes = reply.key.len() + reply.properties.len() + reply.body.len() + AROUND_BYTES;
        if state.bytes == 0 || state.bytes + bytes <= WAITING_BYTES_MAX {
            state.bytes += bytes;
            state.replies.push_back(reply);
            drop(state);
            self.filled.notify_one();
        }
    }

    /// Takes all that waits.
    pub(super) fn take(&self) -> VecDeque<Reply> {
        let mut state = self.state.lock();
        state.bytes = 0;
        std::mem::take(&mut state.replies)
    }

    /// Completes when something waits.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// A new address. Nobody can guess it.
    pub(super) fn address(self: &Arc<Self>, entropy: &dyn runtime::Entropy) -> Option<String> {
        let boxes = self.boxes.upgrade()?;
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        let address = format!("{ADDRESS_PREFIX}{}.{}", boxes.colleagues.own(), base64_url(&bytes));
        boxes.boxes.lock().insert(address.clone(), Arc::clone(self));
        self.state.lock().addresses.push(address.clone());
        Some(address)
    }

    /// Nobody waits at this address any more.
    pub(super) fn close(&self, address: &str) {
        if let Some(boxes) = self.boxes.upgrade() {
            boxes.boxes.lock().remove(address);
            self.state.lock().addresses.retain(|known| known != address);
        }
    }

    /// Nobody waits any more.
    pub(super) fn close_all(&self) {
        let addresses = std::mem::take(&mut self.state.lock().addresses);
        if let Some(boxes) = self.boxes.upgrade() {
            let mut boxes = boxes.boxes.lock();
            for address in addresses {
                boxes.remove(&address);
            }
        }
    }
}

impl Session {
    pub(super) fn deliver_reply(&mut self, reply: Reply, out: &mut Output) {
        let frame_max = self.connection.tuning().frame_max;
        let is_its = |channel: &&mut Box<crate::channel::Channel>| {
            channel.replies.as_ref().is_some_and(|consumer| consumer.address == reply.key)
        };
        let Some(channel) = self.channels.iter_mut().flatten().find(is_its) else { return };
        let delivery_tag = channel.next_tag();
        let Some(consumer) = &channel.replies else { return };
        let method = basic::Deliver {
            consumer_tag: ShortStr::cut(&consumer.tag),
            delivery_tag,
            redelivered: false,
            exchange: ShortStr::default(),
            routing_key: ShortStr::cut(&reply.key),
        };
        out.put_content(channel.at.id, method, reply.properties, reply.body, frame_max);
        self.metrics.delivered.add(1);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.replies.close_all();
    }
}
