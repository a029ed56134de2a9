//! The side towards clients.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use runtime::{BoxFuture, BoxStream, Pool, Runtime, Secured, Security, Task};
use rustls::ServerConfig;
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;

use crate::explain::explain;
use crate::kept::Kept;
use crate::material::{self, WallClock};
use crate::subject::subject_of;
use crate::{ClientCertificates, ServerFiles, TlsError, cpu};

/// TLS for clients, with certificates that are read again when they change.
pub struct ClientTls {
    kept: Arc<Kept<Shown>>,
    _following: Task,
}

struct Shown {
    config: Arc<ServerConfig>,
    expires_at: i64,
}

impl ClientTls {
    /// When the certificate that clients are shown expires, in seconds since the Unix epoch.
    pub fn certificate_expires_at(&self) -> i64 {
        self.kept.current().expires_at
    }

    /// Reads the files and begins to follow them.
    pub async fn open(runtime: &Runtime, files: ServerFiles) -> Result<Self, TlsError> {
        cpu::check()?;
        let clock = Arc::new(WallClock(runtime.clock.clone()));
        let paths = files.paths();
        let make = move |contents: &[Bytes]| config(&files, contents, clock.clone());
        let (kept, followed) = Kept::open(runtime, paths, Box::new(make)).await?;
        let following = runtime.spawn(Pool::Clients, kept.clone().follow(runtime.clone(), followed));
        Ok(Self { kept, _following: following })
    }
}

fn config(files: &ServerFiles, contents: &[Bytes], clock: Arc<WallClock>) -> Result<Shown, TlsError> {
    let own = material::own(&files.own, &contents[0], &contents[1])?;
    let verifier: Arc<dyn ClientCertVerifier> = match &files.clients {
        ClientCertificates::Ignored => Arc::new(NoClientAuth),
        ClientCertificates::Wanted(path) => material::judge_of_callers(path, &contents[2], false)?,
        ClientCertificates::Needed(path) => material::judge_of_callers(path, &contents[2], true)?,
    };
    let builder = ServerConfig::builder_with_details(material::provider(), clock)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has suites for both versions");
    let config = builder.with_client_cert_verifier(verifier).with_cert_resolver(own.pair);
    Ok(Shown { config: Arc::new(config), expires_at: own.expires_at })
}

impl Security for ClientTls {
    fn secure(&self, stream: BoxStream) -> BoxFuture<'static, io::Result<Secured>> {
        let acceptor = TlsAcceptor::from(self.kept.current().config.clone());
        Box::pin(async move {
            let stream = acceptor.accept(stream).await.map_err(explain)?;
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let subject = shown.map(subject_of).transpose().map_err(io::Error::other)?;
            // Whoever has no name is nobody in particular.
            let subject = subject.flatten();
            Ok(Secured { stream: Box::new(stream), subject })
        })
    }
}
