//! Znodes that are there or not, whoever sees to it.

use client::{Acl, AnyVersion, Client, CreateMode, Error, ErrorKind};

use super::persist::persist;

/// The path of a child.
pub(crate) fn child(parent: &str, name: &str) -> String {
    if parent == "/" { format!("/{name}") } else { format!("{parent}/{name}") }
}

/// Sees to it that `path` and all above it exist. What is missing becomes a container, as with Curator, so that it goes when
/// it is no longer used; with servers that have none, a persistent znode.
pub(crate) async fn create_containers(client: &Client, path: &str, acl: &[Acl]) -> Result<(), Error> {
    let mut missing = vec![path];
    while let Some(lowest) = missing.last().copied() {
        match create(client, lowest, acl).await {
            Ok(()) => drop(missing.pop()),
            Err(error) if error.kind == ErrorKind::NoNode => match parent(lowest) {
                Some(above) => missing.push(above),
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Sees to it that `path` exists: a persistent znode, `data` if it has to be created. Containers above it.
pub(crate) async fn create_persistent(
    client: &Client,
    path: &str,
    data: &[u8],
    acl: &[Acl],
) -> Result<(), Error> {
    loop {
        let mode = CreateMode::Persistent;
        match persist(client, || client.create(path, Some(data), acl, mode)).await {
            Err(error) if error.kind == ErrorKind::NoNode && parent(path).is_some() => {
                create_containers(client, parent(path).unwrap_or("/"), acl).await?;
            }
            Err(error) if error.kind != ErrorKind::NodeExists => return Err(error),
            _ => return Ok(()),
        }
    }
}

/// Sees to it that `path` does not exist.
pub(crate) async fn remove(client: &Client, path: &str) -> Result<(), Error> {
    match persist(client, || client.delete(path, AnyVersion)).await {
        Err(error) if error.kind != ErrorKind::NoNode => Err(error),
        _ => Ok(()),
    }
}

async fn create(client: &Client, path: &str, acl: &[Acl]) -> Result<(), Error> {
    for mode in [CreateMode::Container, CreateMode::Persistent] {
        match persist(client, || client.create(path, None, acl, mode)).await {
            Err(error) if error.kind == ErrorKind::Unimplemented => {}
            Err(error) if error.kind == ErrorKind::NodeExists => break,
            other => return other.map(drop),
        }
    }
    Ok(())
}

/// The path of the parent, unless that is the root, which is there.
fn parent(path: &str) -> Option<&str> {
    path.rfind('/').filter(|at| *at > 0).map(|at| &path[..at])
}
