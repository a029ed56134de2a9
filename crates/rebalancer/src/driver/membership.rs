//! Becoming a member, and ceasing to be one.

use std::fmt::Write;

use client::{Client, CreateMode, ErrorKind};

use super::context::{Context, Trouble, find, insist, recover};
use crate::core::MemberId;
use crate::layout::{Layout, MemberData};
use crate::options::Options;

/// What tells one attempt to join from all others.
pub(super) fn nonce(client: &Client) -> String {
    let mut nonce = String::new();
    for _ in 0..2 {
        // Writing to a string does not fail.
        let _ = write!(nonce, "{:016x}", client.runtime().entropy.next_u64());
    }
    nonce
}

/// Makes the member's znode; gives its name.
///
/// When the answer is lost, the znode is looked for: otherwise there could be a member that nobody is.
pub(super) async fn join(
    client: &Client,
    layout: &Layout,
    options: &Options,
    nonce: &str,
) -> Result<MemberId, Trouble> {
    let data = MemberData { weight: options.weight.get(), nonce: nonce.to_owned() };
    let data = serde_json::to_vec(&data).expect("strings and numbers can be written as JSON");
    let prefix = layout.client_prefix();
    loop {
        match client.create(&prefix, Some(&data), &options.acl, CreateMode::EphemeralSequential).await {
            Ok((path, _)) => return Ok(name_of(&path)),
            Err(error) if error.is_passing() => recover(client, &error).await,
            Err(error) => return Err(error.into()),
        }
        if let Some(member) = look_for(client, layout, nonce).await? {
            return Ok(member);
        }
    }
}

async fn look_for(client: &Client, layout: &Layout, nonce: &str) -> Result<Option<MemberId>, Trouble> {
    let (names, _) = insist(client, || client.children(&layout.clients)).await?;
    for name in names {
        let member = MemberId::from(name.as_str());
        let data =
            find(client, &layout.client(&member)).await?.and_then(|node| node.data).unwrap_or_default();
        let is_own = serde_json::from_slice(&data).is_ok_and(|data: MemberData| data.nonce == nonce);
        if is_own {
            return Ok(Some(member));
        }
    }
    Ok(None)
}

/// Ends the membership of a member that has nothing any more.
pub(super) async fn leave(context: &Context) -> Result<(), Trouble> {
    let Context { client, layout, me, .. } = context;
    let path = layout.client(me);
    match insist(client, || client.delete(&path, client::AnyVersion)).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind == ErrorKind::NoNode => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes away the znode that a [`join`] may have made which was given up. If that fails, it goes with the session.
pub(super) async fn forget(client: &Client, layout: &Layout, nonce: &str) {
    if let Ok(Some(member)) = look_for(client, layout, nonce).await {
        let _ = client.delete(&layout.client(&member), client::AnyVersion).await;
    }
}

fn name_of(path: &str) -> MemberId {
    path.rsplit_once('/').map_or(path, |(_, name)| name).into()
}
