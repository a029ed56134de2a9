//! The leader's side: what waits, from all nodes, becomes one entry.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use prost::Message;
use runtime::Clock;
use tokio::sync::Notify;

use crate::raft::{BatchBytes, Raft, Reply, Window, committed_leader};
use crate::wire;

/// At most so many bytes of commands in one entry, unless one message alone has more.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;
/// At most so many bytes wait for the leader; beyond, the senders wait.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// Entries on their way at a time. More would make entries smaller, and each costs every replica about the same;
/// fewer would leave the disk idle while the network works.
const ENTRIES_OPEN_MAX: usize = 4;

/// Proposals on their way into the log of one group.
#[derive(Default)]
pub(crate) struct Sequencer {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
    /// Proposals that were applied nowhere because earlier ones of the same node are missing.
    gaps: AtomicU64,
}

#[derive(Default)]
struct Queue {
    proposals: Vec<wire::Proposal>,
    bytes: usize,
}

impl Sequencer {
    /// Takes a proposal of any node; waits while too much is queued.
    pub(crate) async fn submit(&self, proposal: wire::Proposal) {
        let size = command_bytes(&proposal);
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let mut queue = self.queue.lock();
                if queue.bytes < QUEUE_BYTES_MAX {
                    queue.bytes += size;
                    queue.proposals.push(proposal);
                    break;
                }
            }
            drained.await;
        }
        self.filled.notify_one();
    }

    /// A proposal in the log had a gap before it: what this leader believes to have logged of its node is wrong.
    pub(crate) fn note_gap(&self) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether more waits than the next entry takes.
    pub(crate) fn is_pressed(&self) -> bool {
        self.queue.lock().bytes > ENTRY_BYTES_MAX
    }

    /// The next entry's worth.
    async fn next(&self) -> Vec<wire::Proposal> {
        loop {
            let taken = self.take(0);
            if !taken.is_empty() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    /// What fits into an entry that has so many bytes already; into an empty one at least one proposal.
    fn take(&self, entry_bytes: usize) -> Vec<wire::Proposal> {
        let mut queue = self.queue.lock();
        let mut bytes = 0;
        let mut count = 0;
        for proposal in &queue.proposals {
            let size = command_bytes(proposal);
            let is_first = entry_bytes + count == 0;
            if !is_first && entry_bytes + bytes + size > ENTRY_BYTES_MAX {
                break;
            }
            bytes += size;
            count += 1;
        }
        queue.bytes -= bytes;
        let taken = queue.proposals.drain(..count).collect();
        drop(queue);
        self.drained.notify_waiters();
        taken
    }
}

fn command_bytes(proposal: &wire::Proposal) -> usize {
    proposal.commands.iter().map(Bytes::len).sum()
}

/// Drops from proposals what is in this leader's log already: a node that sends again out of caution costs nothing.
/// Only a saving: what is applied twice or with a gap is decided where entries are applied.
#[derive(Default)]
struct Logged {
    epoch: Epoch,
    /// Per node, incarnation and last number.
    nodes: BTreeMap<u64, (u64, u64)>,
}

/// While this stays the same, what was handed to openraft is in the log.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Epoch {
    term: u64,
    refused: u64,
    gaps: u64,
}

impl Logged {
    fn trim(&mut self, epoch: Epoch, mut proposal: wire::Proposal) -> Option<wire::Proposal> {
        if self.epoch != epoch {
            *self = Self { epoch, nodes: BTreeMap::new() };
        }
        let end = proposal.first_sequence.saturating_add(proposal.commands.len() as u64);
        let known = self.nodes.entry(proposal.node).or_insert((proposal.incarnation, 0));
        if known.0 < proposal.incarnation {
            *known = (proposal.incarnation, 0);
        }
        let next = known.1 + 1;
        let continues = known.1 == 0 || proposal.first_sequence <= next;
        if known.0 > proposal.incarnation || end <= next || !continues {
            return None;
        }
        if known.1 > 0 && proposal.first_sequence < next {
            proposal.commands.drain(..(next - proposal.first_sequence) as usize);
            proposal.first_sequence = next;
        }
        known.1 = end - 1;
        Some(proposal)
    }
}

/// How long the leader waits before it asks for what openraft refused; it refuses while a leader is not sure of itself.
const RESEND_PAUSE: Duration = Duration::from_millis(10);

/// Runs for the life of the group; writes while this node leads, drops otherwise: the nodes that proposed will
/// send again to the new leader. `ask_again` makes all nodes send again to this one.
pub(crate) async fn run_sequencer<A>(
    clock: Clock,
    sequencer: Arc<Sequencer>,
    raft: Raft,
    term: impl Fn() -> Option<u64>,
    ask_again: impl Fn() -> A,
) where
    A: Future<Output = ()>,
{
    let window = Arc::new(Window::default());
    let mut refused = window.refused();
    let mut logged = Logged::default();
    loop {
        let proposals = tokio::select! {
            biased;
            _ = refused.changed() => {
                if term().is_some() {
                    clock.sleep(RESEND_PAUSE).await;
                    ask_again().await;
                }
                continue;
            }
            proposals = sequencer.next() => proposals,
        };
        window.below(ENTRIES_OPEN_MAX).await;
        let Some(term) = term() else { continue };
        // What came while the window was full goes into the same entry.
        let more = sequencer.take(proposals.iter().map(command_bytes).sum());
        let epoch = Epoch { term, refused: *refused.borrow(), gaps: sequencer.gaps.load(Ordering::Relaxed) };
        let proposals: Vec<_> =
            proposals.into_iter().chain(more).filter_map(|proposal| logged.trim(epoch, proposal)).collect();
        if proposals.is_empty() {
            continue;
        }
        let batch = wire::Batch { time_ms: clock.wall_ms(), proposals, level: None };
        let write = raft
            .write(BatchBytes(Bytes::from(batch.encode_to_vec())))
            .responder(Reply::in_window(&window))
            .with_leader(committed_leader(term));
        if write.await.is_err() {
            return; // The group has stopped.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(first_sequence: u64, count: usize) -> wire::Proposal {
        wire::Proposal { node: 1, incarnation: 1, first_sequence, commands: vec![Bytes::new(); count] }
    }

    fn kept(logged: &mut Logged, epoch: Epoch, first: u64, count: usize) -> Option<(u64, usize)> {
        logged.trim(epoch, proposal(first, count)).map(|kept| (kept.first_sequence, kept.commands.len()))
    }

    #[test]
    fn what_is_logged_already_is_left_out() {
        let mut logged = Logged::default();
        let epoch = Epoch { term: 1, ..Epoch::default() };
        assert_eq!(kept(&mut logged, epoch, 101, 4), Some((101, 4)));
        assert_eq!(kept(&mut logged, epoch, 101, 4), None);
        assert_eq!(kept(&mut logged, epoch, 103, 4), Some((105, 2)));
        assert_eq!(kept(&mut logged, epoch, 110, 1), None, "107 to 109 are missing");
    }

    #[tokio::test]
    async fn an_entry_has_its_bytes_or_one_proposal() {
        let sequencer = Sequencer::default();
        let of = |bytes: usize| wire::Proposal { commands: vec![vec![0; bytes].into()], ..proposal(1, 0) };
        for bytes in [3 * ENTRY_BYTES_MAX, ENTRY_BYTES_MAX - 10, 10, 1] {
            sequencer.submit(of(bytes)).await;
        }
        let taken = |entry_bytes| sequencer.take(entry_bytes).iter().map(command_bytes).collect::<Vec<_>>();
        assert_eq!(taken(0), [3 * ENTRY_BYTES_MAX]);
        assert_eq!(taken(3 * ENTRY_BYTES_MAX), [0; 0]);
        assert_eq!(taken(0), [ENTRY_BYTES_MAX - 10, 10]);
        assert_eq!(taken(ENTRY_BYTES_MAX), [0; 0]);
        assert_eq!(taken(ENTRY_BYTES_MAX - 1), [1]);
    }

    #[test]
    fn after_a_refusal_or_a_gap_nothing_counts_as_logged() {
        let mut logged = Logged::default();
        let epoch = Epoch { term: 1, ..Epoch::default() };
        assert_eq!(kept(&mut logged, epoch, 101, 4), Some((101, 4)));
        let refused = Epoch { refused: 1, ..epoch };
        // The refusal of 101 to 104 was noticed, what came behind was logged, and applied nowhere.
        assert_eq!(kept(&mut logged, refused, 105, 12), Some((105, 12)));
        assert_eq!(kept(&mut logged, refused, 101, 16), None);
        let gap = Epoch { gaps: 1, ..refused };
        assert_eq!(kept(&mut logged, gap, 101, 16), Some((101, 16)));
    }
}
