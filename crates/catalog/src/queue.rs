//! Queues.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::name::Name;
use crate::options::{PARTITIONS_MAX, QueueOptions};
use crate::route::{HashOn, Message, stable_hash};

/// Other than what exchanges that hash use: what they choose says nothing about what is chosen here.
const PARTITION_SEED: u64 = 2;

/// A queue. It is replaced as a whole when its record changes, which its id never does.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// The virtual host.
    pub vhost: Name,
    /// Its name there.
    pub name: Name,
    /// Its partition's id, never given twice. If it has several, that of the first one; the others follow it.
    pub id: u64,
    /// The shard that has its partitions, from 1 up.
    pub shard: u32,
    /// Into how many partitions its messages are shared out, each with one consumer at a time. `None`: it is one whole, with any number
    /// of consumers.
    pub partitions: Option<u32>,
    /// As declared; never for exclusive queues. All queues are equally safe: this is for clients that ask again.
    pub durable: bool,
    /// Deleted when its last consumer has gone.
    pub auto_delete: bool,
    /// Whose alone it is.
    pub exclusive: Option<ExclusiveOwner>,
    /// As declared.
    pub arguments: Arguments,
    /// What the arguments mean.
    pub options: QueueOptions,
}

impl Queue {
    /// The ids of its partitions.
    pub fn partition_ids(&self) -> Range<u64> {
        self.id..self.id.saturating_add(u64::from(self.partitions.unwrap_or(1)))
    }

    /// The id of the partition that a message belongs to: by the hash of its routing key, or of the header that the queue names if the
    /// message has it. The same on all nodes, for ever.
    pub fn partition_of(&self, message: &Message<'_>) -> u64 {
        let Some(count) = self.partitions else { return self.id };
        let header = self.options.partition_header.as_ref();
        let named = header.filter(|name| message.headers.iter().any(|(key, _)| key.as_bytes() == &***name));
        let by = named.map_or(HashOn::Key, |name| HashOn::Header(name.clone()));
        let chosen = by.hashed(message, |bytes| stable_hash(PARTITION_SEED, bytes)) % u64::from(count);
        self.id.saturating_add(chosen)
    }

    /// The number of a partition, from 0, by its id. `None` for a queue that is one whole.
    pub fn partition_number(&self, id: u64) -> Option<u32> {
        self.partitions?;
        u32::try_from(id.checked_sub(self.id)?).ok()
    }
}

/// A connection that has a queue for itself. The queue goes with it, and at the latest with its node's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExclusiveOwner {
    /// The session of the node that holds the connection.
    pub session: i64,
    /// The connection, by a number that the node gives once in a session.
    pub connection: u64,
}

/// What a queue's znode holds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) format: u32,
    pub(crate) id: u64,
    pub(crate) shard: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) partitions: Option<u32>,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exclusive: Option<ExclusiveOwner>,
    #[serde(default, skip_serializing_if = "Arguments::is_empty")]
    pub(crate) arguments: Arguments,
}

impl Record {
    pub(crate) fn of(queue: &Queue) -> Self {
        Self {
            format: crate::place::FORMAT,
            id: queue.id,
            shard: queue.shard,
            partitions: queue.partitions,
            durable: queue.durable,
            auto_delete: queue.auto_delete,
            exclusive: queue.exclusive,
            arguments: queue.arguments.clone(),
        }
    }

    pub(crate) fn into_queue(self, vhost: Name, name: Name) -> Queue {
        // What an earlier version let in counts as far as it is understood.
        let options = QueueOptions::lenient(self.arguments.table());
        Queue {
            vhost,
            name,
            id: self.id,
            shard: self.shard,
            partitions: self.partitions.map(|count| count.clamp(1, PARTITIONS_MAX)),
            durable: self.durable,
            auto_delete: self.auto_delete,
            exclusive: self.exclusive,
            arguments: self.arguments,
            options,
        }
    }
}

#[cfg(test)]
mod tests {
    use amqp091::TableBuf;

    use super::*;

    fn queue(arguments: TableBuf) -> Queue {
        let options = QueueOptions::parse(arguments.as_table()).unwrap();
        Queue {
            vhost: "/".into(),
            name: "q".into(),
            id: 100,
            shard: 1,
            partitions: options.partitions,
            durable: true,
            auto_delete: false,
            exclusive: None,
            arguments: arguments.into(),
            options,
        }
    }

    fn by_key(queue: &Queue, key: &str) -> u64 {
        queue.partition_of(&Message { key: key.as_bytes(), ..Message::default() })
    }

    /// Nodes of different versions must agree: these never change.
    #[test]
    fn keys_belong_to_their_partitions_for_ever() {
        let queue = queue(TableBuf::new().with("x-partitions", 8));
        let found: Vec<u64> = ["", "order-1", "order-2", "order-3"].map(|key| by_key(&queue, key)).into();
        assert_eq!(found, [106, 104, 105, 106]);
    }

    #[test]
    fn keys_are_spread_evenly() {
        let queue = queue(TableBuf::new().with("x-partitions", 8));
        let mut counts = [0; 8];
        for number in 0..8000 {
            let id = by_key(&queue, &format!("customer-{number}"));
            counts[queue.partition_number(id).unwrap() as usize] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_header_decides_where_it_is_there() {
        let queue = queue(TableBuf::new().with("x-partitions", 64).with("x-partition-header", "customer"));
        let with = |key: &str, headers: &TableBuf| {
            let headers = headers.as_table();
            queue.partition_of(&Message { key: key.as_bytes(), headers, ..Message::default() })
        };
        let seven = TableBuf::new().with("other", 1).with("customer", "order-7");
        assert_eq!(with("a", &seven), with("b", &seven));
        assert_eq!(with("a", &seven), by_key(&queue, "order-7"), "text is hashed as a key is");
        assert_eq!(with("a", &TableBuf::new().with("other", 1)), by_key(&queue, "a"));
    }

    #[test]
    fn a_plain_queue_is_its_only_partition() {
        let queue = queue(TableBuf::new());
        assert_eq!(
            (by_key(&queue, "a"), queue.partition_ids(), queue.partition_number(100)),
            (100, 100..101, None)
        );
    }
}
