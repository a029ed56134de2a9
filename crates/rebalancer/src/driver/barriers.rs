//! Resource barriers as znodes, many in one request.

use client::{AnyVersion, Client, CreateMode, ErrorKind, OneShot, PartAnswer, Transaction};
use futures::future::join_all;

use super::context::{Context, Trouble, find, insist, recover};
use crate::core::{Allocation, Grant, ResourceId, Resources, Token};
use crate::planted::Bug;

/// So many znodes are changed by one request at most: a request of ordinary paths stays far below what servers take.
const BATCH: usize = 500;
/// So many bytes of paths go into one request at most, however long they are.
const BATCH_BYTES: usize = 256 << 10;

/// The allocation's part for this member, and what tells of the next allocation.
pub(super) async fn share(
    context: Context,
    former: Option<OneShot>,
) -> Result<(Resources, OneShot), Trouble> {
    let Context { client, layout, me, options } = context;
    if let Some(former) = former {
        former.fired().await.ok_or(Trouble::SessionOver)?;
        if options.has(Bug::NotReadAgain) {
            std::future::pending::<()>().await;
        }
    }
    let (node, watch) = insist(&client, || client.get_and_watch(&layout.resources)).await?;
    let allocation = decode(&layout.resources, node.data.as_deref().unwrap_or_default())?;
    Ok((allocation.share(&me), watch))
}

pub(super) fn decode(path: &str, data: &[u8]) -> Result<Allocation, crate::Error> {
    Allocation::decode(data).map_err(|what| crate::Error::Damaged { path: path.to_owned(), what })
}

/// Puts up the barriers of these. Gives those that are this member's, and watches on those that are not.
pub(super) async fn place(
    context: Context,
    resources: Resources,
) -> Result<(Vec<Grant>, Vec<(ResourceId, OneShot)>), Trouble> {
    let (mut held, mut taken) = (Vec::new(), Vec::new());
    for mut missing in batches(&context, resources) {
        // Most often all are free, or become so at once.
        while !missing.is_empty() {
            match create(&context, &missing).await {
                Ok(grants) => {
                    held.extend(grants);
                    break;
                }
                Err(error) if error.kind == ErrorKind::NodeExists => {}
                Err(error) if error.is_passing() => recover(&context.client, &error).await,
                Err(error) => return Err(error.into()),
            }
            let looks = missing.into_iter().map(|resource| look(&context, resource));
            missing = Vec::new();
            for found in join_all(looks).await {
                match found? {
                    Found::Free(resource) => missing.push(resource),
                    Found::Own(grant) => held.push(grant),
                    Found::Taken(resource, watch) => taken.push((resource, watch)),
                }
            }
        }
    }
    Ok((held, taken))
}

/// Takes away the barriers of these, which are this member's.
///
/// When an answer is lost, it is found out which barriers still are: what another has put up meanwhile stays. Nothing that
/// was asked on the lost connection can still happen then, since servers refuse a session's requests from where it was before.
pub(super) async fn release(context: Context, resources: Resources) -> Result<Resources, Trouble> {
    for mut own in batches(&context, resources.clone()) {
        while !own.is_empty() {
            let mut transaction = Transaction::new();
            for resource in &own {
                transaction.delete(&context.layout.barrier(resource), AnyVersion);
            }
            match context.client.multi(&transaction).await {
                Ok(_) => break,
                Err(error) if error.kind == ErrorKind::NoNode => {}
                Err(error) if error.is_passing() => recover(&context.client, &error).await,
                Err(error) => return Err(error.into()),
            }
            let owners = own.iter().map(|resource| is_own(&context, resource));
            let owners = join_all(owners).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            own = own.into_iter().zip(owners).filter(|(_, is_own)| *is_own).map(|(own, _)| own).collect();
        }
    }
    Ok(resources)
}

fn batches(context: &Context, resources: Resources) -> Vec<Vec<ResourceId>> {
    let mut batches: Vec<Vec<ResourceId>> = Vec::new();
    let mut bytes = usize::MAX;
    for resource in resources {
        let more = context.layout.barrier(&resource).len();
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && bytes + more <= BATCH_BYTES => {
                batch.push(resource);
                bytes += more;
            }
            _ => {
                batches.push(vec![resource]);
                bytes = more;
            }
        }
    }
    batches
}

async fn create(context: &Context, resources: &[ResourceId]) -> Result<Vec<Grant>, client::Error> {
    let mut transaction = Transaction::new();
    for resource in resources {
        let (path, data) = (context.layout.barrier(resource), context.me.as_str().as_bytes());
        transaction.create(&path, Some(data), &context.options.acl, CreateMode::Ephemeral);
    }
    let answers = context.client.multi(&transaction).await?;
    let created = resources.iter().zip(answers).filter_map(|(resource, answer)| match answer {
        PartAnswer::Created(_, stat) => Some(Grant { resource: resource.clone(), token: Token(stat.czxid) }),
        _ => None,
    });
    Ok(created.collect())
}

enum Found {
    Free(ResourceId),
    Own(Grant),
    Taken(ResourceId, OneShot),
}

async fn look(context: &Context, resource: ResourceId) -> Result<Found, client::Error> {
    let path = context.layout.barrier(&resource);
    let client = &context.client;
    match insist(client, || client.get_and_watch(&path)).await {
        Ok((node, watch)) => {
            let is_own = is_of(context, node.data.as_deref()) || context.options.has(Bug::BarrierNotAwaited);
            let token = Token(node.stat.czxid);
            Ok(if is_own { Found::Own(Grant { resource, token }) } else { Found::Taken(resource, watch) })
        }
        Err(error) if error.kind == ErrorKind::NoNode => Ok(Found::Free(resource)),
        Err(error) => Err(error),
    }
}

async fn is_own(context: &Context, resource: &ResourceId) -> Result<bool, client::Error> {
    let node = find(&context.client, &context.layout.barrier(resource)).await?;
    Ok(node.is_some_and(|node| is_of(context, node.data.as_deref())))
}

/// A barrier's data says whose it is: names of members are never given twice, and one session may have several members.
fn is_of(context: &Context, data: Option<&[u8]>) -> bool {
    data == Some(context.me.as_str().as_bytes())
}

/// The planted bug by which a resource's barrier goes with it.
pub(super) async fn remove_with_resources(client: &Client, layout: &crate::layout::Layout, gone: &Resources) {
    for resource in gone {
        let _ = client.delete(&layout.barrier(resource), AnyVersion).await;
    }
}
