//! The last step of a restore: from nodes that name their parents to a tree with everything that is derived.

use super::{Broken, ensure};
use crate::children::Children;
use crate::index::hash_child;
use crate::memory;
use crate::proto::snapshot::Header;
use crate::session::SessionId;
use crate::slab::SlotId;
use crate::store::{ROOT, Store, hash_of};
use crate::znode::Znode;

/// Checks that the records refer to each other as they should, and derives the rest.
pub(super) fn link(store: &mut Store, header: &Header) -> Result<(), Broken> {
    check_sessions(store, header)?;
    let slots: Vec<_> = store.nodes.iter().map(|(slot, _)| slot).collect();
    ensure(slots.first() == Some(&ROOT), "the root is missing")?;
    for slot in &slots {
        check_node(store, *slot, header)?;
        add_references(store, *slot);
    }
    ensure(store.acls.all_referenced(), "an ACL list belongs to no node")?;
    let nodes = &store.nodes;
    store.index.reserve(slots.len(), |slot| hash_of(nodes, slot));
    let mut by_parent = sorted_by_parent(store, &slots);
    for family in by_parent.chunk_by_mut(|(a, _), (b, _)| a == b) {
        add_children(store, family)?;
    }
    let order = reachable(store);
    ensure(order.len() == slots.len(), "a node is not below the root")?;
    count(store, &order);
    order.iter().for_each(|slot| store.note_quota(*slot));
    Ok(())
}

fn check_sessions(store: &Store, header: &Header) -> Result<(), Broken> {
    let counter_of = |id: SessionId| id.0.cast_unsigned() & ((1 << 56) - 1);
    let mut sessions = store.sessions.iter();
    ensure(
        sessions.all(|session| counter_of(session.id) <= header.session_counter),
        "a session is from the future",
    )
}

fn check_node(store: &Store, slot: SlotId, header: &Header) -> Result<(), Broken> {
    let node = store.node(slot);
    let parent = store.nodes.get(node.parent).ok_or("a node's parent is missing")?;
    ensure((node.parent == slot) == (slot == ROOT), "a node is its own parent")?;
    ensure(slot == ROOT || !parent.is_ephemeral(), "an ephemeral node has children")?;
    ensure(store.acls.slots.get(node.acl).is_some(), "a node's ACL list is missing")?;
    let session = node.lifetime.session();
    ensure(session.is_none_or(|id| store.sessions.get(id).is_some()), "a node's session is missing")?;
    let newest = node.created.max(node.modified).max(node.children_changed);
    ensure(newest.0 <= header.zxid, "a node is from the future")
}

fn add_references(store: &mut Store, slot: SlotId) {
    let node = store.node(slot);
    let (acl, session, is_mortal) = (node.acl, node.lifetime.session(), node.is_mortal());
    store.acls.retain(acl);
    if let Some(ephemerals) = session.and_then(|session| store.sessions.ephemerals_mut(session)) {
        ephemerals.insert(slot);
        store.ephemerals += 1;
    }
    if is_mortal {
        store.mortals.insert(slot);
    }
}

/// (parent, child) by parent. The children of a parent stay in slot order, which is often the order of their names.
fn sorted_by_parent(store: &Store, slots: &[SlotId]) -> Vec<(SlotId, SlotId)> {
    let mut pairs: Vec<_> =
        slots.iter().filter(|slot| **slot != ROOT).map(|slot| (store.node(*slot).parent, *slot)).collect();
    pairs.sort_unstable();
    pairs
}

fn add_children(store: &mut Store, family: &mut [(SlotId, SlotId)]) -> Result<(), Broken> {
    let nodes = &store.nodes;
    let parent = family[0].0;
    family.sort_by(|(_, a), (_, b)| name(store, *a).cmp(name(store, *b)));
    let twice = family.windows(2).any(|pair| name(store, pair[0].1) == name(store, pair[1].1));
    ensure(!twice, "two nodes have the same path")?;
    let sorted: Vec<_> = family.iter().map(|(_, child)| *child).collect();
    for child in &sorted {
        let hash = hash_child(parent, nodes.get(*child).map_or(&[], |node| node.name.as_bytes()));
        store.index.insert(hash, *child, |slot| hash_of(nodes, slot));
    }
    let children = Children::from_sorted(&sorted);
    store.node_mut(parent).children = Some(Box::new(children));
    Ok(())
}

fn name(store: &Store, slot: SlotId) -> &[u8] {
    store.node(slot).name.as_bytes()
}

/// All nodes below the root and the root, parents before children.
fn reachable(store: &Store) -> Vec<SlotId> {
    let mut order = vec![ROOT];
    let mut at = 0;
    while let Some(slot) = order.get(at) {
        let children = store.node(*slot).children.as_ref();
        order.extend(children.into_iter().flat_map(|children| children.iter()));
        at += 1;
    }
    order
}

fn memory_of(node: &Znode) -> usize {
    memory::of_znode(node) + if node.children.is_some() { memory::DIRECTORY } else { 0 }
}

/// Counts descendants and sizes; every node is in `order` once, after its parent.
fn count(store: &mut Store, order: &[SlotId]) {
    let mut path_bytes = vec![0usize; order.iter().map(|slot| slot.0 as usize + 1).max().unwrap_or(0)];
    store.data_bytes = 1 + store.node(ROOT).data_len();
    store.node_memory = order.iter().map(|slot| memory_of(store.node(*slot))).sum();
    for slot in &order[1..] {
        let node = store.node(*slot);
        let bytes = path_bytes[node.parent.0 as usize] + 1 + node.name.len();
        path_bytes[slot.0 as usize] = bytes;
        store.data_bytes += bytes + node.data_len();
    }
    for slot in order[1..].iter().rev() {
        let node = store.node(*slot);
        let (parent, below) =
            (node.parent, node.children.as_ref().map_or(0, |children| children.descendants));
        if let Some(children) = store.node_mut(parent).children.as_mut() {
            children.descendants += 1 + below;
        }
    }
}
