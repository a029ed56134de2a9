//! Direct answers: whoever consumes from `amq.rabbitmq.reply-to` gets an address that others publish to, and no queue stands between.
//!
//! An address names the requester's node, connection and channel, so that any node of a cluster can tell where an answer belongs. Today answers find
//! requesters on the same node.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use amqp091::{ShortStr, basic};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Session;
use crate::channel::ChannelRef;
use crate::output::Output;
use crate::text::base64_url;

/// What requesters consume from.
pub(super) const PSEUDO_QUEUE: &str = "amq.rabbitmq.reply-to";

/// What addresses begin with.
pub(super) const ADDRESS_PREFIX: &str = "amq.rabbitmq.reply-to.";

/// Answers that wait for a requester that does not take them are dropped beyond this many bytes.
const WAITING_BYTES_MAX: usize = 4 << 20;

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The address.
    pub(crate) key: String,
    pub(crate) properties: Bytes,
    pub(crate) body: Bytes,
}

/// The requesters of a node, by address.
#[derive(Debug, Default)]
pub(crate) struct ReplyBoxes {
    boxes: Mutex<HashMap<String, Arc<ReplyBox>>>,
}

/// What waits for one connection.
#[derive(Debug)]
pub(crate) struct ReplyBox {
    connection: u64,
    boxes: std::sync::Weak<ReplyBoxes>,
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
    /// A box for a connection.
    pub(super) fn open(self: &Arc<Self>, connection: u64) -> Arc<ReplyBox> {
        Arc::new(ReplyBox {
            connection,
            boxes: Arc::downgrade(self),
            state: Mutex::default(),
            filled: Notify::new(),
        })
    }

    /// Whether somebody waits at an address.
    pub(super) fn is_there(&self, address: &str) -> bool {
        self.boxes.lock().contains_key(address)
    }

    /// Brings an answer to its address. It is dropped if nobody is there, or if whoever is does not take what it gets.
    pub(super) fn send(&self, reply: Reply) {
        let found = self.boxes.lock().get(&reply.key).cloned();
        if let Some(found) = found {
            found.push(reply);
        }
    }
}

impl ReplyBox {
    fn push(&self, reply: Reply) {
        let mut state = self.state.lock();
        let bytes = reply.body.len() + reply.properties.len();
        if state.bytes + bytes <= WAITING_BYTES_MAX {
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

    /// A new address for a channel. Nobody can guess it.
    pub(super) fn address(self: &Arc<Self>, at: ChannelRef, entropy: &dyn runtime::Entropy) -> String {
        let mut bytes = [0; 30];
        bytes[..8].copy_from_slice(&self.connection.to_be_bytes());
        bytes[8..10].copy_from_slice(&at.id.0.to_be_bytes());
        bytes[10..14].copy_from_slice(&at.incarnation.to_be_bytes());
        entropy.fill(&mut bytes[14..]);
        let address = format!("{ADDRESS_PREFIX}{}", base64_url(&bytes));
        if let Some(boxes) = self.boxes.upgrade() {
            boxes.boxes.lock().insert(address.clone(), Arc::clone(self));
            self.state.lock().addresses.push(address.clone());
        }
        address
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
