//! The way to servers: TCP, with TLS on it if it is asked for.

use std::sync::Arc;

use anyhow::{Context, Result};
use runtime::{BoxStream, Network, Runtime, SystemNetwork};
use tls::{Caller, CallerFiles, OwnFiles};

use crate::Args;

/// Opens streams to servers. Of use only on the thread and in the runtime that it was made in.
#[derive(Clone)]
pub(crate) struct Dialer {
    tls: Option<Arc<Caller>>,
}

impl Dialer {
    /// Reads the files for TLS, if there is to be TLS.
    pub(crate) async fn new(args: &Args) -> Result<Self> {
        let Some(authorities) = args.tls_ca.clone() else { return Ok(Self { tls: None }) };
        let own = args.tls_cert.clone().zip(args.tls_key.clone());
        let own = own.map(|(certificate, key)| OwnFiles { certificate, key });
        let caller = Caller::open(&Runtime::system(), CallerFiles { authorities, own }).await?;
        Ok(Self { tls: Some(Arc::new(caller)) })
    }

    /// Without TLS.
    pub(crate) fn plain() -> Self {
        Self { tls: None }
    }

    pub(crate) async fn dial(&self, server: &str) -> Result<BoxStream> {
        let stream = SystemNetwork.connect(server).await.with_context(|| format!("connect to {server}"))?;
        match &self.tls {
            None => Ok(stream),
            Some(caller) => {
                caller.secure(server, stream).await.with_context(|| format!("agree on TLS with {server}"))
            }
        }
    }
}
