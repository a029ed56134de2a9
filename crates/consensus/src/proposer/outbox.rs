//! The commands that this node proposed and has not yet seen applied.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::identity::Identity;
use crate::wire;

/// At most so many bytes of commands go into one message to the leader.
const PROPOSAL_BYTES_MAX: usize = 1 << 20;

/// This node's commands for one group.
pub(crate) struct Outbox {
    node: u64,
    incarnation: u64,
    state: Mutex<State>,
    /// Something is to be sent.
    wake: Notify,
    /// Commands were applied: there is room.
    room: Notify,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    /// Not yet applied, in order; the first is number `applied + 1`.
    waiting: VecDeque<Bytes>,
    bytes: usize,
    applied: u64,
    /// Given to the leader, as far as we know: all up to this number.
    sent: u64,
}

impl State {
    fn last(&self) -> u64 {
        self.applied + self.waiting.len() as u64
    }
}

impl Outbox {
    /// An empty outbox; commands are refused room beyond `bytes_max`.
    pub(crate) fn new(identity: &Identity, bytes_max: usize) -> Self {
        Self {
            node: identity.node.0,
            incarnation: identity.incarnation,
            state: Mutex::default(),
            wake: Notify::new(),
            room: Notify::new(),
            bytes_max,
        }
    }

    /// Numbers a command and keeps it until it is applied.
    pub(crate) fn push(&self, command: Bytes) -> u64 {
        let mut state = self.state.lock();
        let idle = state.sent == state.last();
        state.bytes += command.len();
        state.waiting.push_back(command);
        let sequence = state.last();
        drop(state);
        if idle {
            self.wake.notify_one();
        }
        sequence
    }

    /// Whether there is no room for more commands.
    pub(crate) fn is_full(&self) -> bool {
        self.state.lock().bytes >= self.bytes_max
    }

    /// Completes when there is room for more commands.
    pub(crate) async fn has_room(&self) {
        loop {
            let freed = self.room.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if !self.is_full() {
                return;
            }
            freed.await;
        }
    }

    /// All commands up to `sequence` took effect here.
    pub(crate) fn applied_through(&self, sequence: u64) {
        let mut state = self.state.lock();
        let was_full = state.bytes >= self.bytes_max;
        while state.applied < sequence {
            let Some(done) = state.waiting.pop_front() else { break };
            state.bytes -= done.len();
            state.applied += 1;
        }
        state.sent = state.sent.max(state.applied);
        if was_full && state.bytes < self.bytes_max {
            self.room.notify_waiters();
        }
    }

    /// What was sent may be lost: everything not applied is to be sent again.
    pub(crate) fn rewind(&self) {
        let mut state = self.state.lock();
        state.sent = state.applied;
    }

    /// [`Outbox::rewind`], for those who are not the sender: wakes it.
    pub(crate) fn send_again(&self) {
        self.rewind();
        self.wake.notify_one();
    }

    /// Completes when there may be something to send.
    pub(crate) async fn wake(&self) {
        self.wake.notified().await;
    }

    /// The number of the last command known to be applied, and how many wait.
    pub(crate) fn waiting(&self) -> (u64, usize) {
        let state = self.state.lock();
        (state.applied, state.waiting.len())
    }

    /// The next commands to send, at most a message full; they count as sent.
    pub(crate) fn take(&self) -> Option<wire::Proposal> {
        let mut state = self.state.lock();
        let skip = (state.sent - state.applied) as usize;
        let mut bytes = 0;
        let mut commands = Vec::new();
        for command in state.waiting.iter().skip(skip) {
            bytes += command.len();
            if bytes > PROPOSAL_BYTES_MAX && !commands.is_empty() {
                break;
            }
            commands.push(command.clone());
        }
        if commands.is_empty() {
            return None;
        }
        let first_sequence = state.sent + 1;
        state.sent += commands.len() as u64;
        Some(wire::Proposal { node: self.node, incarnation: self.incarnation, first_sequence, commands })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ClusterId, NodeId};

    fn outbox(bytes_max: usize) -> Outbox {
        let identity = Identity {
            cluster: ClusterId([0; 16]),
            node: NodeId(3),
            store: 0,
            incarnation: 7,
            boot: 0,
            joined: false,
        };
        Outbox::new(&identity, bytes_max)
    }

    fn command(byte: u8) -> Bytes {
        Bytes::from(vec![byte])
    }

    #[test]
    fn commands_are_numbered_from_one_and_sent_once() {
        let outbox = outbox(100);
        assert_eq!(outbox.push(command(1)), 1);
        assert_eq!(outbox.push(command(2)), 2);
        let proposal = outbox.take().unwrap();
        assert_eq!((proposal.node, proposal.incarnation, proposal.first_sequence), (3, 7, 1));
        assert_eq!(proposal.commands.len(), 2);
        assert!(outbox.take().is_none());
        assert_eq!(outbox.push(command(3)), 3);
        assert_eq!(outbox.take().unwrap().first_sequence, 3);
    }

    #[test]
    fn what_is_not_applied_is_sent_again() {
        let outbox = outbox(100);
        for byte in 1..=5 {
            outbox.push(command(byte));
        }
        outbox.take();
        outbox.applied_through(2);
        outbox.send_again();
        let again = outbox.take().unwrap();
        assert_eq!(again.first_sequence, 3);
        assert_eq!(again.commands, [command(3), command(4), command(5)]);
    }

    #[test]
    fn one_message_is_bounded_but_never_empty() {
        let outbox = outbox(100 << 20);
        outbox.push(Bytes::from(vec![0; PROPOSAL_BYTES_MAX + 1]));
        outbox.push(command(1));
        assert_eq!(outbox.take().unwrap().commands.len(), 1);
        assert_eq!(outbox.take().unwrap().commands.len(), 1);
    }
}
