//! Why publishers are held up, on this node.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

const MEMORY: u8 = 1;
const DISK: u8 = 2;

/// What a node is short of. While it is, nothing is read from connections that publish.
#[derive(Debug)]
pub struct Alarms {
    flags: AtomicU8,
    changed: watch::Sender<u8>,
}

impl Default for Alarms {
    fn default() -> Self {
        Self { flags: AtomicU8::new(0), changed: watch::Sender::new(0) }
    }
}

impl Alarms {
    /// Whether the node is short of memory.
    pub fn set_memory(&self, is_low: bool) {
        self.set(MEMORY, is_low);
    }

    /// Whether the node is short of disk space.
    pub fn set_disk(&self, is_low: bool) {
        self.set(DISK, is_low);
    }

    fn set(&self, flag: u8, is_set: bool) {
        let before = if is_set {
            self.flags.fetch_or(flag, Ordering::AcqRel)
        } else {
            self.flags.fetch_and(!flag, Ordering::AcqRel)
        };
        let now = if is_set { before | flag } else { before & !flag };
        self.changed.send_replace(now);
    }

    /// What the node is short of, in RabbitMQ's words.
    pub fn reason(&self) -> Option<&'static str> {
        match self.flags.load(Ordering::Acquire) {
            0 => None,
            MEMORY => Some("low on memory"),
            DISK => Some("low on disk"),
            _ => Some("low on memory & disk"),
        }
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u8> {
        self.changed.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_rabbitmqs() {
        let alarms = Alarms::default();
        assert_eq!(alarms.reason(), None);
        alarms.set_memory(true);
        assert_eq!(alarms.reason(), Some("low on memory"));
        alarms.set_disk(true);
        assert_eq!(alarms.reason(), Some("low on memory & disk"));
        alarms.set_memory(false);
        assert_eq!(alarms.reason(), Some("low on disk"));
        alarms.set_disk(false);
        assert_eq!(alarms.reason(), None);
    }
}
