//! Becoming coordinator.

use client::{Client, ErrorKind};

use super::context::{Context, Trouble, insist, recover};
use crate::core::{MemberId, Role, role};
use crate::layout::Layout;

/// The version of the epoch's znode while its coordinator is in office.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Epoch(pub(super) i32);

/// Completes when this member joined before all others that are left.
pub(super) async fn win(context: &Context) -> Result<(), Trouble> {
    let Context { client, layout, me, .. } = context;
    loop {
        match role(me, &members(client, layout).await?) {
            Role::Coordinator => return Ok(()),
            Role::Stranger => return Err(Trouble::Deposed),
            Role::Behind(before) => {
                let path = layout.client(&before);
                let watched = insist(client, || client.exists_and_watch(&path)).await?;
                if let (Some(_), watch) = watched {
                    watch.fired().await.ok_or(Trouble::SessionOver)?;
                }
            }
        }
    }
}

/// Begins an epoch: from now on no former coordinator can write.
pub(super) async fn claim(context: &Context) -> Result<Epoch, Trouble> {
    let Context { client, layout, me, .. } = context;
    loop {
        let node = insist(client, || client.get(&layout.epoch)).await?;
        if node.data.as_deref() == Some(me.as_str().as_bytes()) {
            return Ok(Epoch(node.stat.version));
        }
        match client.set(&layout.epoch, Some(me.as_str().as_bytes()), node.stat.version).await {
            Ok(stat) => return Ok(Epoch(stat.version)),
            // Somebody else believes to coordinate, or did so a moment ago.
            Err(error) if error.kind == ErrorKind::BadVersion => {}
            Err(error) if error.is_passing() => recover(client, &error).await,
            Err(error) => return Err(error.into()),
        }
        if role(me, &members(client, layout).await?) != Role::Coordinator {
            return Err(Trouble::Deposed);
        }
    }
}

/// Completes when this member's znode is gone although its session is not.
pub(super) async fn removed(context: Context) -> Result<std::convert::Infallible, Trouble> {
    let Context { client, layout, me, .. } = context;
    let path = layout.client(&me);
    loop {
        match insist(&client, || client.exists_and_watch(&path)).await? {
            (None, _) => return Err(Trouble::Deposed),
            (Some(_), watch) => watch.fired().await.ok_or(Trouble::SessionOver)?,
        };
    }
}

async fn members(client: &Client, layout: &Layout) -> Result<Vec<MemberId>, Trouble> {
    let (names, _) = insist(client, || client.children(&layout.clients)).await?;
    Ok(names.iter().map(|name| MemberId::from(name.as_str())).collect())
}
