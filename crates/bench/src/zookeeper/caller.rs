//! One connection on which requests are made and waited for.

use std::time::Instant;

use anyhow::{Result, bail};
use zookeeper::codec::{ErrorCode, Request};

use super::dialer::Dialer;
use super::link::{Identity, Link};
use super::pipeline::Pipeline;

/// What a creation may be answered with, where another run may have been before.
pub(crate) const MADE: [ErrorCode; 2] = [ErrorCode::OK, ErrorCode::NODE_EXISTS];

/// Requests that [`Caller::all`] keeps outstanding.
const OUTSTANDING: usize = 64;

/// A connection with a session of its own.
pub(crate) struct Caller {
    link: Link,
    pipeline: Pipeline,
}

impl Caller {
    pub(crate) async fn connect(dialer: &Dialer, server: &str) -> Result<Self> {
        let link = Link::open(dialer, server, &mut Identity::default()).await?;
        Ok(Self { link, pipeline: Pipeline::default() })
    }

    /// Makes one request; any answer but those `allowed` is an error.
    pub(crate) async fn call(&mut self, request: &Request<'_>, allowed: &[ErrorCode]) -> Result<ErrorCode> {
        self.send(request);
        self.exchange(allowed).await
    }

    /// Makes for each of `paths` the one request that `request` sends, in order and many at a time.
    pub(crate) async fn all(
        &mut self,
        mut paths: impl Iterator<Item = String>,
        request: impl Fn(&mut Self, &str),
        allowed: &[ErrorCode],
    ) -> Result<()> {
        loop {
            let room = OUTSTANDING - self.pipeline.len();
            for path in paths.by_ref().take(room) {
                request(self, &path);
            }
            if self.pipeline.len() == 0 {
                return Ok(());
            }
            self.exchange(allowed).await?;
        }
    }

    pub(crate) fn send(&mut self, request: &Request<'_>) {
        self.pipeline.send(request, Instant::now(), &mut self.link.output);
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
