//! From the stored form to the records of the snapshot format (`proto/snapshot.proto`).

use bytes::{Bytes, BytesMut};
use prost::Message;

use crate::acl::AclList;
use crate::ensemble::{Ensemble, EnsembleMember};
use crate::proto::snapshot as record;
use crate::session::Session;
use crate::slab::SlotId;
use crate::text::Text;
use crate::tree::Tree;
use crate::znode::Znode;

/// A part of a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotChunk {
    pub(super) chunk: record::Chunk,
}

impl SnapshotChunk {
    /// The position of this chunk, from 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.chunk.number
    }

    /// The bytes that [`Restore::push`](crate::Restore::push) takes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut buffer = BytesMut::with_capacity(self.chunk.encoded_len());
        self.chunk.encode(&mut buffer).expect("a BytesMut grows as needed");
        buffer.freeze()
    }
}

pub(super) fn header(tree: &Tree) -> record::Header {
    record::Header {
        zxid: tree.zxid.0,
        time_ms: tree.time_ms,
        session_counter: tree.session_counter,
        ensemble: Some(ensemble(&tree.ensemble)),
    }
}

fn ensemble(ensemble: &Ensemble) -> record::Ensemble {
    let member = |member: &EnsembleMember| record::Member {
        node: member.node,
        address: member.address.clone().into_bytes(),
        is_voter: member.is_voter,
    };
    let client_address = |(node, address): (&u64, &Text)| record::ClientAddress {
        node: *node,
        address: address.clone().into_bytes(),
    };
    record::Ensemble {
        members: ensemble.members.values().map(member).collect(),
        client_addresses: ensemble.client_addresses.iter().map(client_address).collect(),
        version: ensemble.version.0,
    }
}

pub(super) fn acl_list(slot: SlotId, list: &AclList) -> record::AclList {
    let entries = list.entries().iter().map(|entry| record::Acl {
        permissions: entry.permissions.0.cast_unsigned(),
        scheme: entry.identity.scheme.clone().into_bytes(),
        id: entry.identity.id.clone().into_bytes(),
    });
    record::AclList { slot: slot.0, entries: entries.collect() }
}

pub(super) fn session(slot: SlotId, session: &Session) -> record::Session {
    record::Session {
        slot: slot.0,
        id: session.id.0.cast_unsigned(),
        password: Bytes::copy_from_slice(&session.password.0),
        timeout_ms: session.timeout_ms,
        node: session.owner.node,
        connection: session.owner.connection,
        generation: session.generation,
    }
}

pub(super) fn node(slot: SlotId, node: &Znode) -> record::Node {
    record::Node {
        slot: slot.0,
        parent: node.parent.0,
        name: Bytes::copy_from_slice(node.name.as_bytes()),
        data: node.data.clone().map(Bytes::from_owner),
        data_bytes: node.data_len() as u32,
        acl: node.acl.0,
        created_zxid: node.created.0,
        modified_zxid: node.modified.0,
        children_zxid: node.children_changed.0,
        created_ms: node.created_ms,
        modified_ms: node.modified_ms,
        version: node.version,
        children_created: node.children_created,
        acl_version: node.acl_version,
        owner: node.lifetime.stored().cast_unsigned(),
    }
}

/// The encoded records of a tree, in the order of a snapshot.
pub(super) fn for_each_record(tree: &Tree, mut visit: impl FnMut(&[u8])) {
    visit(&header(tree).encode_to_vec());
    let store = &tree.store;
    for (slot, list) in store.acls.slots.iter() {
        visit(&acl_list(slot, list).encode_to_vec());
    }
    for (slot, known) in store.sessions.slots.iter() {
        visit(&session(slot, known).encode_to_vec());
    }
    for (slot, znode) in store.nodes.iter() {
        visit(&node(slot, znode).encode_to_vec());
    }
}
