//! The znodes that a recipe's own are below.

use client::{Acl, Client, CreateMode, Error, ErrorKind};

use crate::paths;

/// What becomes of parents that nothing is below any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Servers delete them after some time, where they can. What Curator makes.
    Container,
    /// They stay. What kazoo makes.
    Persistent,
}

/// Data of no bytes, as Curator and kazoo make it: programs in Java see the absence of data as null, which few expect.
pub(crate) const EMPTY: Option<&[u8]> = Some(&[]);

/// Makes the znode at `path`, empty, and all above it, unless they are there.
pub(crate) async fn ensure(client: &Client, path: &str, kind: Kind, acl: &[Acl]) -> Result<(), Error> {
    let mut missing = vec![path];
    while let Some(path) = missing.last().copied() {
        match create(client, path, kind, acl).await {
            Ok(()) => drop(missing.pop()),
            Err(error) if error.kind == ErrorKind::NoNode => match paths::parent(path) {
                Some(parent) => missing.push(parent),
                None => return Err(error),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What is above `path`.
pub(crate) async fn ensure_above(client: &Client, path: &str, kind: Kind, acl: &[Acl]) -> Result<(), Error> {
    match paths::parent(path) {
        Some(parent) => ensure(client, parent, kind, acl).await,
        None => Ok(()),
    }
}

async fn create(client: &Client, path: &str, kind: Kind, acl: &[Acl]) -> Result<(), Error> {
    let mode = match kind {
        Kind::Container => CreateMode::Container,
        Kind::Persistent => CreateMode::Persistent,
    };
    match client.create(path, EMPTY, acl, mode).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind == ErrorKind::NodeExists => Ok(()),
        // Servers before ZooKeeper 3.5.3 have no containers.
        Err(error) if error.kind == ErrorKind::Unimplemented && kind == Kind::Container => {
            match client.create(path, EMPTY, acl, CreateMode::Persistent).await {
                Err(error) if error.kind != ErrorKind::NodeExists => Err(error),
                _ => Ok(()),
            }
        }
        // Whoever may not create it may still use it.
        Err(error) if error.kind == ErrorKind::NoAuth && client.exists(path).await?.is_some() => Ok(()),
        Err(error) => Err(error),
    }
}
