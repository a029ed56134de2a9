//! Queues.

use serde::{Deserialize, Serialize};

use crate::arguments::Arguments;
use crate::name::Name;
use crate::options::QueueOptions;

/// A queue. It is replaced as a whole when its record changes, which its id never does.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// The virtual host.
    pub vhost: Name,
    /// Its name there.
    pub name: Name,
    /// Its partition's id, never given twice.
    pub id: u64,
    /// The shard that has its partition, from 1 up.
    pub shard: u32,
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
            durable: self.durable,
            auto_delete: self.auto_delete,
            exclusive: self.exclusive,
            arguments: self.arguments,
            options,
        }
    }
}
