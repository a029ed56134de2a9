//! From what a queue was declared with to what its partition does.

use catalog::{Queue, Vhost};
use streams::{Overflow, Settings};

/// The settings of a queue's partition. Tries the patterns of the policies.
pub(crate) fn settings(vhost: &Vhost, of: &Queue) -> Settings {
    let queue = vhost.settings(of);
    Settings {
        length_max: queue.length_max,
        bytes_max: queue.bytes_max,
        overflow: match queue.overflow {
            catalog::Overflow::DropHead => Overflow::DropHead,
            catalog::Overflow::Refuse => Overflow::Refuse,
            catalog::Overflow::RefuseAndDeadLetter => Overflow::RefuseAndDeadLetter,
        },
        ttl_ms: queue.ttl_ms,
        expires_ms: queue.expires_ms,
        priorities: queue.priorities,
        single_active: queue.single_active,
        delivery_limit: queue.delivery_limit,
        dead_letters: queue.dead_letter.is_some(),
        auto_delete: of.auto_delete,
    }
}
