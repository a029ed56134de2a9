//! Znodes that are there or not, whoever sees to it.

use client::{Acl, AnyVersion, Client, CreateMode, Error, ErrorKind};

use super::persist::persist;
use crate::parents::{self, Kind};

/// Sees to it that `path` and all above it exist. What is missing becomes a container, as with Curator, so that it goes when
/// it is no longer used; with servers that have none, a persistent znode.
pub(crate) async fn create_containers(client: &Client, path: &str, acl: &[Acl]) -> Result<(), Error> {
    persist(client, || parents::ensure(client, path, Kind::Container, acl)).await
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
            Err(error) if error.kind == ErrorKind::NoNode => {
                let above = || parents::ensure_above(client, path, Kind::Container, acl);
                persist(client, above).await?;
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
