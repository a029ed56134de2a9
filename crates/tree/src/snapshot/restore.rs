//! From the chunks of a snapshot to a tree.

mod link;
mod record;

use bytes::{Bytes, BytesMut};
use prost::Message;

use super::FORMAT;
use crate::acl::AclList;
use crate::command::DATA_BYTES_MAX;
use crate::error::RestoreError;
use crate::proto::snapshot::{Chunk, End, Header};
use crate::slab::{SLOTS_MAX, SlotId};
use crate::store::Store;
use crate::tree::Tree;
use crate::zxid::Zxid;

/// Builds a tree from the chunks of a snapshot. Bad bytes give an error, never a panic and never a damaged tree.
#[derive(Debug, Default)]
pub struct Restore {
    store: Store,
    header: Option<Header>,
    chunks: u64,
    /// The node whose data has not arrived in full.
    partial: Option<Partial>,
    /// Slots must rise within each kind of record.
    next_slots: End,
    ended: bool,
}

#[derive(Debug)]
struct Partial {
    slot: SlotId,
    data: BytesMut,
    missing: usize,
}

/// A broken rule, before it is known in which chunk.
type Broken = &'static str;

impl Restore {
    /// Before the first chunk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// [`RestoreError`]; the restore is then of no more use.
    pub fn push(&mut self, bytes: Bytes) -> Result<(), RestoreError> {
        let number = self.chunks;
        let chunk = Chunk::decode(bytes).map_err(|source| RestoreError::Protobuf { number, source })?;
        if chunk.format != FORMAT {
            return Err(RestoreError::Format { found: chunk.format, newest: FORMAT });
        }
        if chunk.number != number {
            return Err(RestoreError::Order { found: chunk.number, expected: number });
        }
        self.take(chunk).map_err(|what| RestoreError::Inconsistent { number, what })?;
        self.chunks += 1;
        Ok(())
    }

    /// The last transaction that the snapshot includes; known from the first chunk on.
    #[must_use]
    pub fn zxid(&self) -> Option<Zxid> {
        self.header.as_ref().map(|header| Zxid(header.zxid))
    }

    /// The tree, after the last chunk. Takes time in proportion to the tree: not for a thread that serves.
    ///
    /// # Errors
    /// [`RestoreError`] if chunks are missing or contradict each other.
    pub fn finish(mut self) -> Result<Tree, RestoreError> {
        let header = self.header.take().filter(|_| self.ended);
        let header = header.ok_or(RestoreError::Truncated { chunks: self.chunks })?;
        link::link(&mut self.store, &header)
            .map_err(|what| RestoreError::Inconsistent { number: self.chunks - 1, what })?;
        let ensemble = record::ensemble(header.ensemble.unwrap_or_default())
            .map_err(|what| RestoreError::Inconsistent { number: 0, what })?;
        let (zxid, time_ms) = (Zxid(header.zxid), header.time_ms);
        Ok(Tree::from_parts(self.store, ensemble, zxid, time_ms, header.session_counter))
    }

    fn take(&mut self, chunk: Chunk) -> Result<(), Broken> {
        ensure(!self.ended, "it follows the end")?;
        ensure(chunk.header.is_some() == (chunk.number == 0), "the header is not in the first chunk")?;
        self.header = self.header.take().or(chunk.header);
        self.take_more_data(&chunk.more_data)?;
        for list in chunk.acls {
            self.take_acl(list)?;
        }
        for session in chunk.sessions {
            self.take_session(session)?;
        }
        for node in chunk.nodes {
            self.take_node(node)?;
        }
        match chunk.end {
            Some(end) => self.take_end(end),
            None => Ok(()),
        }
    }

    fn take_more_data(&mut self, more: &Bytes) -> Result<(), Broken> {
        if more.is_empty() {
            return Ok(());
        }
        let partial = self.partial.as_mut().ok_or("it goes on with data that was complete")?;
        ensure(more.len() <= partial.missing, "data is longer than announced")?;
        partial.data.extend_from_slice(more);
        partial.missing -= more.len();
        if partial.missing == 0
            && let Some(Partial { slot, data, .. }) = self.partial.take()
        {
            self.store.replace_data(slot, Some(data.as_ref().into()));
        }
        Ok(())
    }

    fn take_acl(&mut self, list: crate::proto::snapshot::AclList) -> Result<(), Broken> {
        let slot = next_slot(&mut self.next_slots.acls, list.slot)?;
        let list: AclList = record::acl_list(list)?;
        ensure(self.store.acls.insert_new_at(slot, list), "an ACL list is there twice")
    }

    fn take_session(&mut self, session: crate::proto::snapshot::Session) -> Result<(), Broken> {
        let slot = next_slot(&mut self.next_slots.sessions, session.slot)?;
        let session = record::session(session)?;
        ensure(self.store.sessions.find(session.id).is_none(), "a session is there twice")?;
        self.store.sessions.insert_at(slot, session);
        Ok(())
    }

    fn take_node(&mut self, mut node: crate::proto::snapshot::Node) -> Result<(), Broken> {
        ensure(self.partial.is_none(), "a node follows incomplete data")?;
        let slot = next_slot(&mut self.next_slots.nodes, node.slot)?;
        let announced = node.data_bytes as usize;
        let data = node.data.take();
        let found = data.as_ref().map_or(0, Bytes::len);
        ensure(found <= announced && announced <= DATA_BYTES_MAX, "data is longer than announced")?;
        ensure(data.is_some() || announced == 0, "null data has a length")?;
        let mut znode = record::node(&node)?;
        if found == announced {
            znode.data = data.as_deref().map(Into::into);
        } else {
            let data = data.as_deref().map(BytesMut::from).unwrap_or_default();
            self.partial = Some(Partial { slot, data, missing: announced - found });
        }
        self.store.nodes.insert_at(slot, znode);
        Ok(())
    }

    fn take_end(&mut self, end: End) -> Result<(), Broken> {
        ensure(self.partial.is_none(), "the end follows incomplete data")?;
        let store = &self.store;
        let found =
            [store.acls.slots.len(), store.sessions.len(), store.nodes.len()].map(|count| count as u64);
        ensure(found == [end.acls, end.sessions, end.nodes], "records are missing or too many")?;
        self.ended = true;
        Ok(())
    }
}

fn ensure(holds: bool, otherwise: Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Checks that slots rise and stay in bounds.
fn next_slot(next: &mut u64, slot: u32) -> Result<SlotId, Broken> {
    ensure(u64::from(slot) >= *next && slot < SLOTS_MAX, "slots do not rise or are out of range")?;
    *next = u64::from(slot) + 1;
    Ok(SlotId(slot))
}
