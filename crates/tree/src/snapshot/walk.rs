//! The walk over a frozen tree.

use bytes::Bytes;

use super::{FORMAT, SnapshotChunk, encode};
use crate::proto::snapshot as record;
use crate::store::Store;
use crate::tree::Tree;

/// How large the chunks of a snapshot grow. Also bounds how long the making of one holds the tree's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Records of a chunk; at least 1. Default 512.
    pub records: usize,
    /// Bytes from which on a chunk is closed; at least 1. Default 256 KiB. Large data continues in the next chunk; only
    /// a single name or ACL, which a client's frame bounds, may exceed the limit.
    pub bytes: usize,
}

impl Default for ChunkLimits {
    fn default() -> Self {
        Self { records: 512, bytes: 256 << 10 }
    }
}

/// About what the numbers of a record take.
const RECORD_OVERHEAD: usize = 80;

/// Where a snapshot is.
#[derive(Debug)]
pub(crate) struct Walk {
    limits: ChunkLimits,
    header: Option<record::Header>,
    stage: Stage,
    number: u64,
    /// Data that was too large for the chunk of its node.
    more_data: Bytes,
    totals: record::End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Acls,
    Sessions,
    Nodes,
    End,
    Done,
}

/// What a chunk may still take.
struct Room {
    records: usize,
    bytes: usize,
}

impl Room {
    fn is_used_up(&self) -> bool {
        self.records == 0 || self.bytes == 0
    }

    fn take(&mut self, bytes: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Walk {
    /// At the beginning of a tree that was just frozen.
    pub(super) fn new(tree: &Tree, limits: ChunkLimits) -> Self {
        Self {
            limits: ChunkLimits { records: limits.records.max(1), bytes: limits.bytes.max(1) },
            header: Some(encode::header(tree)),
            stage: Stage::Acls,
            number: 0,
            more_data: Bytes::new(),
            totals: record::End::default(),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    pub(super) fn next_chunk(&mut self, store: &mut Store) -> SnapshotChunk {
        let mut chunk = record::Chunk { format: FORMAT, number: self.number, ..Default::default() };
        chunk.header = self.header.take();
        self.number += 1;
        let mut room = Room { records: self.limits.records, bytes: self.limits.bytes };
        chunk.more_data = split_front(&mut self.more_data, room.bytes);
        room.bytes -= chunk.more_data.len();
        while !room.is_used_up() && !self.is_done() {
            self.step(store, &mut chunk, &mut room);
        }
        SnapshotChunk { chunk }
    }

    /// Adds one record, or goes on to the next stage.
    fn step(&mut self, store: &mut Store, chunk: &mut record::Chunk, room: &mut Room) {
        match self.stage {
            Stage::Acls => match store.acls.slots.walk(|slot, list| encode::acl_list(slot, list)) {
                Some(list) => self.add_acl(list, chunk, room),
                None => self.stage = Stage::Sessions,
            },
            Stage::Sessions => match store.sessions.slots.walk(encode::session) {
                Some(session) => self.add_session(session, chunk, room),
                None => self.stage = Stage::Nodes,
            },
            Stage::Nodes => match store.nodes.walk(encode::node) {
                Some(node) => self.add_node(node, chunk, room),
                None => self.stage = Stage::End,
            },
            Stage::End => {
                chunk.end = Some(self.totals);
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
    }

    fn add_acl(&mut self, list: record::AclList, chunk: &mut record::Chunk, room: &mut Room) {
        let entries = list.entries.iter().map(|entry| entry.scheme.len() + entry.id.len() + RECORD_OVERHEAD);
        room.take(entries.sum());
        self.totals.acls += 1;
        chunk.acls.push(list);
    }

    fn add_session(&mut self, session: record::Session, chunk: &mut record::Chunk, room: &mut Room) {
        room.take(RECORD_OVERHEAD);
        self.totals.sessions += 1;
        chunk.sessions.push(session);
    }

    fn add_node(&mut self, mut node: record::Node, chunk: &mut record::Chunk, room: &mut Room) {
        room.take(RECORD_OVERHEAD + node.name.len());
        if let Some(data) = &mut node.data {
            self.more_data = std::mem::take(data);
            *data = split_front(&mut self.more_data, room.bytes);
            room.bytes -= data.len();
        }
        self.totals.nodes += 1;
        chunk.nodes.push(node);
    }
}

fn split_front(bytes: &mut Bytes, most: usize) -> Bytes {
    bytes.split_to(most.min(bytes.len()))
}
