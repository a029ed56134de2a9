//! The state of one channel.

mod confirms;
mod ledger;
mod transaction;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use amqp091::{ChannelId, Command};
use bytes::Bytes;
use runtime::Instant;
use streams::{Delivery, Offset, PartitionId};

pub(crate) use confirms::Confirms;
pub(crate) use ledger::Ledger;
pub(crate) use transaction::{Settling, Transaction};

/// A channel as long as it is open: a number may be used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChannelRef {
    pub(crate) id: ChannelId,
    /// Never given twice in a connection.
    pub(crate) incarnation: u32,
}

/// What is done with publishes.
#[derive(Debug, Default)]
pub(crate) enum Mode {
    /// They are taken and not answered.
    #[default]
    Plain,
    /// They are answered when they are safe.
    Confirming(Confirms),
    /// They wait for tx.commit.
    Transacting(Transaction),
}

/// A delivery that the client has not settled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    /// The number of the consumer that holds it.
    pub(crate) consumer: u64,
    pub(crate) partition: PartitionId,
    pub(crate) offset: Offset,
    /// When the client has kept it for too long.
    pub(crate) due: Option<Instant>,
    /// It is settled as soon as the transaction is committed.
    pub(crate) pending: bool,
}

/// A delivery that waits until the client has settled others.
#[derive(Debug)]
pub(crate) struct HeldBack {
    pub(crate) consumer: u64,
    pub(crate) delivery: Delivery,
    pub(crate) frame: Bytes,
}

/// What waits for its turn behind a method whose answer is not there yet.
#[derive(Debug)]
pub(crate) enum Waiting {
    Command(Command),
    /// channel.close.
    Ending,
}

/// A channel that is open.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) at: ChannelRef,
    pub(crate) mode: Mode,
    /// A method is worked on; what comes meanwhile waits.
    pub(crate) busy: bool,
    pub(crate) backlog: VecDeque<Waiting>,
    /// The queue that was declared last, for methods that name none.
    pub(crate) last_queue: Option<String>,
    /// For consumers that are started from now on; 0 is no limit.
    pub(crate) prefetch: u16,
    /// For all consumers together; 0 is no limit.
    pub(crate) limit: u16,
    last_tag: u64,
    pub(crate) unacked: Ledger<Held>,
    pub(crate) held_back: VecDeque<HeldBack>,
    /// Consumers' numbers, by tag.
    pub(crate) consumers: BTreeMap<String, u64>,
    /// The consumers that hold what basic.get took, by partition.
    pub(crate) getters: BTreeMap<u64, u64>,
    /// All consumers of the channel that may still hold something.
    pub(crate) owned: BTreeSet<u64>,
    /// The consumer of direct answers.
    pub(crate) replies: Option<ReplyConsumer>,
}

/// A consumer of `amq.rabbitmq.reply-to`.
#[derive(Debug)]
pub(crate) struct ReplyConsumer {
    pub(crate) tag: String,
    /// The queue name by which others answer.
    pub(crate) address: String,
}

impl Channel {
    pub(crate) fn new(at: ChannelRef) -> Self {
        Self {
            at,
            mode: Mode::Plain,
            busy: false,
            backlog: VecDeque::new(),
            last_queue: None,
            prefetch: 0,
            limit: 0,
            last_tag: 0,
            unacked: Ledger::default(),
            held_back: VecDeque::new(),
            consumers: BTreeMap::new(),
            getters: BTreeMap::new(),
            owned: BTreeSet::new(),
            replies: None,
        }
    }

    /// The tag of the next delivery.
    pub(crate) fn next_tag(&mut self) -> u64 {
        self.last_tag += 1;
        self.last_tag
    }

    /// Whether another delivery that the client has to settle may go out.
    pub(crate) fn has_room(&self) -> bool {
        self.limit == 0 || self.unacked.len() < usize::from(self.limit)
    }
}
