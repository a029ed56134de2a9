//! Makes the znodes that gets and sets need.

use std::time::Instant;

use anyhow::{Context, Result};
use zookeeper::codec::{ErrorCode, Request, SetData};

use super::caller::{Caller, MADE};
use super::dialer::Dialer;
use super::keys::{self, Key, ROOT, SIBLINGS};
use super::workload::create;

/// Connections that share the work, as far as there are parents to share.
const CONNECTIONS: usize = 16;

/// Makes `znodes` znodes of `data`, with their parents; those that are there already stay as they are. Returns the
/// seconds that it took.
pub(crate) async fn prefill(dialer: &Dialer, servers: &[String], znodes: usize, data: &[u8]) -> Result<f64> {
    let started = Instant::now();
    let mut first = Caller::connect(dialer, &servers[0]).await?;
    first.call(&create(ROOT, b""), &MADE).await?;
    if has(&mut first, znodes).await? {
        return Ok(0.0);
    }
    first
        .all(
            (0..keys::parents(znodes)).map(keys::parent),
            |caller, path| caller.send(&create(path, b"")),
            &MADE,
        )
        .await?;
    let shares = CONNECTIONS.min(keys::parents(znodes));
    let work = (0..shares)
        .map(|share| make_share(dialer, &servers[share % servers.len()], share, shares, znodes, data));
    try_all(work).await.context("make the znodes before the load")?;
    first.call(&create(&mark(znodes), b""), &MADE).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// Makes the children of every parent whose number leaves `share` when divided by `shares`.
async fn make_share(
    dialer: &Dialer,
    server: &str,
    share: usize,
    shares: usize,
    znodes: usize,
    data: &[u8],
) -> Result<()> {
    let mut key = Key::new();
    let indexes = (share..keys::parents(znodes)).step_by(shares).flat_map(|parent| {
        let first = parent * SIBLINGS;
        first..(first + SIBLINGS).min(znodes)
    });
    let mut caller = Caller::connect(dialer, server).await?;
    let paths = indexes.map(|index| key.set(index).to_owned());
    caller.all(paths, |caller, path| caller.send(&create(path, data)), &MADE).await
}

/// Whether an earlier run has made all of `znodes` znodes: it has left a mark behind the last.
async fn has(caller: &mut Caller, znodes: usize) -> Result<bool> {
    let path = mark(znodes);
    let set = Request::SetData(SetData { path: &path, data: Some(b""), version: -1 });
    let answered = caller.call(&set, &[ErrorCode::OK, ErrorCode::NO_NODE]).await?;
    Ok(answered == ErrorCode::OK)
}

fn mark(znodes: usize) -> String {
    format!("{ROOT}/has-{znodes}")
}

/// Runs all of `work` at once on this thread; the first error ends it.
pub(crate) async fn try_all(work: impl Iterator<Item = impl Future<Output = Result<()>>>) -> Result<()> {
    let mut pending: Vec<_> = work.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        let mut failed = None;
        pending.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(result) => {
                failed = failed.take().or(result.err());
                false
            }
        });
        match failed {
            Some(error) => std::task::Poll::Ready(Err(error)),
            None if pending.is_empty() => std::task::Poll::Ready(Ok(())),
            None => std::task::Poll::Pending,
        }
    })
    .await
}
