//! A member's side of the global barrier: the status, and its word that it has stopped.

use client::{AnyVersion, CreateMode, ErrorKind, OneShot};

use super::barriers::decode;
use super::context::{Context, Trouble, insist};
use crate::core::global::{Input, Status};
use crate::core::{Round, Token};
use crate::planted::Bug;

/// The status, and what tells of the next one.
pub(super) async fn status(context: Context, former: Option<OneShot>) -> Result<(Status, OneShot), Trouble> {
    let Context { client, layout, options, .. } = context;
    if let Some(former) = former {
        former.fired().await.ok_or(Trouble::SessionOver)?;
        if options.has(Bug::NotReadAgain) {
            std::future::pending::<()>().await;
        }
    }
    let (node, watch) = insist(&client, || client.get_and_watch(&layout.status)).await?;
    let status = parse(&layout.status, node.data.as_deref().unwrap_or_default())?;
    Ok((status, watch))
}

pub(super) fn parse(path: &str, data: &[u8]) -> Result<Status, crate::Error> {
    Status::decode(data).map_err(|what| crate::Error::Damaged { path: path.to_owned(), what })
}

/// Says that this member has stopped for `round`, which takes the place of what it said before.
pub(super) async fn announce(
    context: Context,
    former: Option<Round>,
    round: Round,
) -> Result<Input, Trouble> {
    let Context { client, layout, options, me } = &context;
    let path = layout.stopped(me, round);
    let data = me.as_str().as_bytes();
    let create = || client.create(&path, Some(data), &options.acl, CreateMode::Ephemeral);
    match insist(client, create).await {
        Ok(_) => {}
        // The answer to the first attempt was lost.
        Err(error) if error.kind == ErrorKind::NodeExists => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(former) = former {
        remove(&context, former).await?;
    }
    Ok(Input::Announced(round))
}

/// Takes back what was said for `round`.
pub(super) async fn withdraw(context: Context, round: Round) -> Result<Input, Trouble> {
    remove(&context, round).await?;
    Ok(Input::Withdrawn(round))
}

/// The allocation.
pub(super) async fn read(context: Context) -> Result<Input, Trouble> {
    let Context { client, layout, me, .. } = context;
    let node = insist(&client, || client.get(&layout.resources)).await?;
    let allocation = decode(&layout.resources, node.data.as_deref().unwrap_or_default())?;
    let (round, token, resources) = (allocation.round, Token(node.stat.mzxid), allocation.share(&me));
    Ok(Input::Share { round, token, resources })
}

pub(super) async fn remove(context: &Context, round: Round) -> Result<(), Trouble> {
    let Context { client, layout, me, .. } = context;
    let path = layout.stopped(me, round);
    match insist(client, || client.delete(&path, AnyVersion)).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind == ErrorKind::NoNode => Ok(()),
        Err(error) => Err(error.into()),
    }
}
