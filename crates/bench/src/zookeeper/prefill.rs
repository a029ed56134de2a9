//! Makes the znodes that gets and sets need.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use zookeeper::codec::{ErrorCode, Request, SetData};

use super::dialer::Dialer;
use super::keys::{self, Key, ROOT, SIBLINGS};
use super::link::{Identity, Link};
use super::pipeline::Pipeline;
use super::workload::create;

/// Connections that share the work, as far as there are parents to share.
const CONNECTIONS: usize = 16;
const OUTSTANDING: usize = 64;

/// Makes `znodes` znodes of `data`, with their parents; those that are there already stay as they are. Returns the
/// seconds that it took.
pub(crate) async fn prefill(dialer: &Dialer, servers: &[String], znodes: usize, data: &[u8]) -> Result<f64> {
    let started = Instant::now();
    let mut first = Maker::connect(dialer, &servers[0]).await?;
    first.make(std::iter::once(ROOT.to_owned()), b"").await?;
    if first.has(znodes).await? {
        return Ok(0.0);
    }
    first.make((0..keys::parents(znodes)).map(keys::parent), b"").await?;
    let shares = CONNECTIONS.min(keys::parents(znodes));
    let work = (0..shares)
        .map(|share| make_share(dialer, &servers[share % servers.len()], share, shares, znodes, data));
    try_all(work).await.context("make the znodes before the load")?;
    first.mark(znodes).await?;
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
    let mut maker = Maker::connect(dialer, server).await?;
    maker.make(indexes.map(|index| key.set(index).to_owned()), data).await
}

/// A connection that creates.
struct Maker {
    link: Link,
    pipeline: Pipeline,
}

impl Maker {
    async fn connect(dialer: &Dialer, server: &str) -> Result<Self> {
        let link = Link::open(dialer, server, &mut Identity::default()).await?;
        Ok(Self { link, pipeline: Pipeline::default() })
    }

    /// Creates `paths` in order.
    async fn make(&mut self, mut paths: impl Iterator<Item = String>, data: &[u8]) -> Result<()> {
        loop {
            let room = OUTSTANDING - self.pipeline.len();
            for path in paths.by_ref().take(room) {
                self.pipeline.send(&create(&path, data), Instant::now(), &mut self.link.output);
            }
            if self.pipeline.len() == 0 {
                return Ok(());
            }
            self.exchange(&[ErrorCode::OK, ErrorCode::NODE_EXISTS]).await?;
        }
    }

    /// Whether an earlier run has made all of `znodes` znodes: it has left a mark behind the last.
    async fn has(&mut self, znodes: usize) -> Result<bool> {
        let path = mark(znodes);
        let set = Request::SetData(SetData { path: &path, data: Some(b""), version: -1 });
        self.pipeline.send(&set, Instant::now(), &mut self.link.output);
        let answered = self.exchange(&[ErrorCode::OK, ErrorCode::NO_NODE]).await?;
        Ok(answered == ErrorCode::OK)
    }

    async fn mark(&mut self, znodes: usize) -> Result<()> {
        self.make(std::iter::once(mark(znodes)), b"").await
    }

    /// Writes what is waiting, reads some answers, and returns the last of them.
    async fn exchange(&mut self, allowed: &[ErrorCode]) -> Result<ErrorCode> {
        self.link.flush().await?;
        loop {
            self.link.fill().await?;
            let (mut last, mut refused) = (None, None);
            self.pipeline.receive(&mut self.link.input, |answer| {
                last = Some(answer.error);
                if !allowed.contains(&answer.error) {
                    refused = Some(answer.error);
                }
            })?;
            if let Some(code) = refused {
                bail!("the server answered {} ({})", code.name().unwrap_or("an unknown error"), code.0);
            }
            if let Some(code) = last {
                return Ok(code);
            }
        }
    }
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
