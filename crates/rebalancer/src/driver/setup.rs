//! Before a member joins: deadlines that fit the session, and the group's znodes.

use client::{Client, CreateMode, Effect, ErrorKind};

use super::context::{Trouble, find, insist};
use crate::error::Error;
use crate::layout::Layout;
use crate::options::{Mode, Options};

/// The part of a session's timeout that stopping may take. A member that can be cut off for half of its timeout
/// proves its life every sixth: this is what is left between the two, and some.
const STOP_PART: u32 = 4;

pub(super) fn check_deadlines(client: &Client, options: &Options) -> Result<(), Error> {
    let (deadline, timeout) = (options.stop_deadline, client.session_timeout());
    if deadline > timeout / STOP_PART {
        return Err(Error::StopDeadline { deadline, timeout });
    }
    Ok(())
}

/// Makes what is not there, and finds out whether members of this mode are wanted.
pub(super) async fn make_group(client: &Client, layout: &Layout, options: &Options) -> Result<(), Trouble> {
    ensure(client, &layout.group, b"", options).await?;
    agree_on_mode(client, layout, options.mode).await?;
    let of_mode: &[&str] = match options.mode {
        Mode::Resource => &[&layout.barriers],
        Mode::Global => &[&layout.status, &layout.stopped],
    };
    for path in [&layout.clients, &layout.epoch, &layout.resources].map(String::as_str).iter().chain(of_mode)
    {
        ensure(client, path, b"", options).await?;
    }
    Ok(())
}

/// The first member decides: a group that an operator has made may have no mode yet.
async fn agree_on_mode(client: &Client, layout: &Layout, mode: Mode) -> Result<(), Trouble> {
    loop {
        let node = insist(client, || client.get(&layout.group)).await?;
        let has = node.data.unwrap_or_default();
        if has == mode.as_str().as_bytes() {
            return Ok(());
        }
        if !has.is_empty() {
            let has = String::from_utf8_lossy(&has).into_owned();
            return Err(Error::Mode { group: layout.group.clone(), has, asked: mode.as_str() }.into());
        }
        match client.set(&layout.group, Some(mode.as_str().as_bytes()), node.stat.version).await {
            Ok(_) => return Ok(()),
            Err(error) if error.kind == ErrorKind::BadVersion || error.effect == Effect::Unknown => {}
            Err(error) if error.is_passing() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Creates a persistent znode and those above it, unless they are there.
async fn ensure(client: &Client, path: &str, data: &[u8], options: &Options) -> Result<(), Trouble> {
    if find(client, path).await?.is_some() {
        return Ok(());
    }
    let mut missing = vec![path];
    while let Some(path) = missing.last().copied() {
        let create = || client.create(path, Some(data), &options.acl, CreateMode::Persistent);
        match insist(client, create).await {
            Ok(_) => {
                missing.pop();
            }
            Err(error) if error.kind == ErrorKind::NodeExists => {
                missing.pop();
            }
            Err(error) if error.kind == ErrorKind::NoNode && path.rfind('/') > Some(0) => {
                missing.push(&path[..path.rfind('/').unwrap_or_default()]);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
