//! The peers as this node knows them: by their data directories and how often each was started.

use std::collections::BTreeMap;

use bytes::BytesMut;
use journal::{GroupLog, Journal, StateKey};
use prost::Message;

use crate::identity::{ClusterId, NODE_GROUP, NodeId, PEER_FORMAT};
use crate::{ConsensusError, Refused, wire};

const PEERS: StateKey = StateKey(2);

/// The data directories by which this node knows its peers: a peer that comes with another one has lost what it
/// promised (votes, log), and letting it vote again could undo a committed write.
pub(crate) struct KnownPeers {
    log: GroupLog,
    cluster: ClusterId,
    /// The newest start of each.
    peers: BTreeMap<u64, wire::Hello>,
    /// Grows with every start that is new.
    version: u64,
}

impl KnownPeers {
    pub(crate) fn load(journal: &Journal, cluster: ClusterId) -> Result<Self, ConsensusError> {
        let log = journal.group(NODE_GROUP);
        let mut peers = BTreeMap::new();
        let mut kept = log.get(PEERS).unwrap_or_default();
        while !kept.is_empty() {
            let hello = wire::Hello::decode_length_delimited(&mut kept)
                .map_err(|error| ConsensusError::HardState(error.to_string()))?;
            peers.insert(hello.node, hello);
        }
        Ok(Self { log, cluster, peers, version: 0 })
    }

    /// Whether a node that has no identity yet may take this number. Numbers are never given twice: a node that once had
    /// it may come back.
    pub(crate) fn is_free(&self, node: NodeId) -> bool {
        !self.peers.contains_key(&node.0)
    }

    /// Checks a greeting, and remembers a peer that is new or was restarted.
    pub(crate) fn admit(&mut self, hello: &wire::Hello) -> Result<(), Refused> {
        let node = NodeId(hello.node);
        if hello.format != PEER_FORMAT {
            return Err(Refused::Format { node, theirs: hello.format, ours: PEER_FORMAT });
        }
        if hello.cluster[..] != self.cluster.0 {
            return Err(Refused::OtherCluster { node });
        }
        if let Some(known) = self.peers.get(&hello.node) {
            if known.store != hello.store {
                return Err(Refused::OtherStore { node });
            }
            if !descends(hello, known) {
                return Err(Refused::RolledBack { node, theirs: hello.incarnation, seen: known.incarnation });
            }
            if hello.incarnation == known.incarnation {
                return Ok(());
            }
        }
        self.insert(hello);
        Ok(())
    }

    /// Takes over what another peer knows of newer starts: a node that comes from a backup may come to one that was cut off
    /// from it since, and only others have seen that it was started again. What a peer that was deceived by a copy tells is not
    /// believed: what was seen here first stands.
    pub(crate) fn learn(&mut self, starts: &wire::Starts) {
        for hello in &starts.starts {
            let known = self.peers.get(&hello.node);
            let is_of_us = hello.format == PEER_FORMAT && hello.cluster[..] == self.cluster.0;
            let is_newer = known.is_none_or(|known| succeeds(hello, known));
            if is_of_us && is_newer {
                self.insert(hello);
            }
        }
    }

    /// What is known now, and its version, if that is not the one `told` already.
    pub(crate) fn news(&self, told: Option<u64>) -> Option<(u64, wire::Starts)> {
        let starts = || wire::Starts { starts: self.peers.values().cloned().collect() };
        (told != Some(self.version)).then(|| (self.version, starts()))
    }

    fn insert(&mut self, hello: &wire::Hello) {
        tracing::info!(node = hello.node, start = hello.incarnation, "a peer was started");
        self.peers.insert(hello.node, wire::Hello { lane: 0, target: 0, ..hello.clone() });
        self.version += 1;
        self.remember();
    }

    fn remember(&self) {
        let mut bytes = BytesMut::new();
        for hello in self.peers.values() {
            hello.encode_length_delimited(&mut bytes).expect("a BytesMut grows as needed");
        }
        // Rides with the next write: what a crash forgets is learnt again at the next greeting.
        self.log.put_lazy(PEERS, bytes.freeze());
    }
}

/// Whether a start is the known one or has it among those before it. A copy of the data directory that was started often
/// enough has a higher count; but what was drawn at its starts is not what was drawn at the original's.
fn descends(hello: &wire::Hello, known: &wire::Hello) -> bool {
    match hello.incarnation.checked_sub(known.incarnation) {
        None => false,
        Some(0) => hello.boot == known.boot,
        Some(since) => {
            let position = usize::try_from(since).ok().and_then(|since| hello.boots.len().checked_sub(since));
            position.is_none_or(|position| hello.boots[position] == known.boot)
        }
    }
}

/// Whether a start that is heard of came after the known one.
fn succeeds(hello: &wire::Hello, known: &wire::Hello) -> bool {
    known.store == hello.store && known.incarnation < hello.incarnation && descends(hello, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(boots: &[u64]) -> wire::Hello {
        let (boot, before) = boots.split_last().expect("one start at least");
        let incarnation = boots.len() as u64;
        wire::Hello { incarnation, boot: *boot, boots: before.to_vec(), ..Default::default() }
    }

    #[test]
    fn only_the_same_start_and_those_that_follow_it_descend_from_it() {
        let known = start(&[11, 12, 13]);
        assert!(descends(&known, &known));
        assert!(descends(&start(&[11, 12, 13, 14]), &known));
        assert!(descends(&start(&[11, 12, 13, 14, 15, 16]), &known));
        assert!(!descends(&start(&[11, 12]), &known), "older");
        assert!(!descends(&start(&[11, 12, 93]), &known), "a copy");
        assert!(!descends(&start(&[11, 12, 93, 94, 95]), &known), "a copy that was started again and again");
    }

    #[test]
    fn starts_that_are_no_longer_kept_are_taken_on_trust() {
        let mut late = start(&[11, 12, 13, 14, 15]);
        late.boots.drain(..3);
        assert!(descends(&late, &start(&[11, 12])));
        assert!(!descends(&late, &start(&[11, 12, 13, 99])));
    }

    #[test]
    fn a_peer_that_was_deceived_by_a_copy_is_not_believed() {
        let known = start(&[11, 12, 13]);
        assert!(succeeds(&start(&[11, 12, 13, 14]), &known));
        assert!(!succeeds(&known, &known), "that is no news");
        assert!(!succeeds(&start(&[11, 12, 93, 94, 95]), &known), "a copy");
        let other_directory = wire::Hello { store: 1, ..start(&[11, 12, 13, 14]) };
        assert!(!succeeds(&other_directory, &known));
    }
}
