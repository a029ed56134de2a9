//! From the records of the snapshot format to the stored form, each checked for itself.

use std::collections::BTreeSet;

use super::{Broken, ensure};
use crate::acl::{Acl, AclList, Identity, Permissions};
use crate::ensemble::{Ensemble, EnsembleMember};
use crate::name::Name;
use crate::proto::snapshot as record;
use crate::session::{Owner, Password, Session, SessionId};
use crate::slab::SlotId;
use crate::text::Text;
use crate::znode::{Lifetime, Znode};
use crate::zxid::Zxid;

/// Copies texts, so that they do not keep a chunk alive.
pub(super) fn ensemble(ensemble: record::Ensemble) -> Result<Ensemble, Broken> {
    let mut found = Ensemble { version: Zxid(ensemble.version), ..Ensemble::default() };
    let members = ensemble.members.into_iter().map(|member| {
        Ok(EnsembleMember { node: member.node, address: text(&member.address)?, is_voter: member.is_voter })
    });
    found.set_members(&members.collect::<Result<Vec<_>, Broken>>()?);
    for client in ensemble.client_addresses {
        found.set_client_address(client.node, Some(&text(&client.address)?));
    }
    Ok(found)
}

/// Copies texts, so that a long-lived list does not keep a chunk alive.
pub(super) fn acl_list(list: record::AclList) -> Result<AclList, Broken> {
    ensure(!list.entries.is_empty(), "an ACL list is empty")?;
    let entries = list.entries.into_iter().map(|entry| {
        let identity = Identity { scheme: text(&entry.scheme)?, id: text(&entry.id)? };
        Ok(Acl::new(Permissions(entry.permissions.cast_signed()), identity))
    });
    Ok(AclList::from_entries(entries.collect::<Result<_, Broken>>()?))
}

pub(super) fn session(session: record::Session) -> Result<Session, Broken> {
    let id = SessionId(session.id.cast_signed());
    ensure(id.0 > 0, "a session's id is not positive")?;
    let password =
        session.password.as_ref().try_into().map_err(|_| "a session's password has not 16 bytes")?;
    Ok(Session {
        id,
        owner: Owner { node: session.node, connection: session.connection },
        generation: session.generation,
        timeout_ms: session.timeout_ms,
        password: Password(password),
        ephemerals: BTreeSet::new(),
    })
}

/// A node without its data and children.
pub(super) fn node(node: &record::Node) -> Result<Znode, Broken> {
    let name = std::str::from_utf8(&node.name).map_err(|_| "a node's name is not UTF-8")?;
    ensure(
        name.is_empty() == (node.slot == 0) && !name.contains('/'),
        "a node's name is empty or has a slash",
    )?;
    let lifetime = Lifetime::from_stored(node.owner.cast_signed());
    Ok(Znode {
        parent: SlotId(node.parent),
        acl: SlotId(node.acl),
        name: Name::from(name),
        data: None,
        children: None,
        created: Zxid(node.created_zxid),
        modified: Zxid(node.modified_zxid),
        children_changed: Zxid(node.children_zxid),
        created_ms: node.created_ms,
        modified_ms: node.modified_ms,
        version: node.version,
        children_created: node.children_created,
        acl_version: node.acl_version,
        lifetime: lifetime.ok_or("a node's owner is neither a session nor a lifetime")?,
    })
}

fn text(bytes: &[u8]) -> Result<Text, Broken> {
    std::str::from_utf8(bytes).map(Text::from).map_err(|_| "an ACL's identity is not UTF-8")
}
