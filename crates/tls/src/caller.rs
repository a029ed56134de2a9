//! The side of those who call a server: clients and tools.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use runtime::{BoxStream, Pool, Runtime, Task};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsConnector;

use crate::explain::explain;
use crate::kept::Kept;
use crate::material::{self, WallClock};
use crate::{CallerFiles, TlsError, cpu};

/// TLS towards servers, with authorities and a certificate that are read again when they change.
pub struct Caller {
    kept: Arc<Kept<ClientConfig>>,
    _following: Task,
}

impl Caller {
    /// Reads the files and begins to follow them.
    ///
    /// # Errors
    /// When a file can't be read or has something else in it, and when the processor lacks what the cryptography needs.
    pub async fn open(runtime: &Runtime, files: CallerFiles) -> Result<Self, TlsError> {
        cpu::check()?;
        let clock = Arc::new(WallClock(runtime.clock.clone()));
        let paths = files.paths();
        let make = move |contents: &[Bytes]| config(&files, contents, clock.clone());
        let (kept, followed) = Kept::open(runtime, paths, Box::new(make)).await?;
        let following = runtime.spawn(Pool::Clients, kept.clone().follow(runtime.clone(), followed));
        Ok(Self { kept, _following: following })
    }

    /// Makes a secure stream of one to the server at `address`, `HOST:PORT`: its certificate comes from one of the
    /// authorities, is in its time, not revoked, and made out to that host, a name or an IP address. The caller sets the
    /// deadline.
    ///
    /// With TLS 1.3 a server that refuses this side's certificate says so only when it is spoken to; see [`Caller::explain`].
    ///
    /// # Errors
    /// Of the kind `InvalidData` when the two sides do not agree, which trying again does not change; `InvalidInput` when a
    /// certificate can't be made out to the host; otherwise the stream's own.
    pub async fn secure(&self, address: &str, stream: BoxStream) -> io::Result<BoxStream> {
        let name = host_of(address)?;
        let connector = TlsConnector::from(self.kept.current());
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) =>
            {
                let words = "closed during the TLS handshake; does the server speak TLS on this port?";
                Err(io::Error::new(error.kind(), words))
            }
            Err(error) => Err(explain(error)),
        }
    }

    /// Says in plain words why a stream failed that was made secure here, if that is TLS' matter; the kind stays.
    pub fn explain(error: io::Error) -> io::Error {
        explain(error)
    }
}

/// Nothing is resumed: every connection is judged by the authorities of the day.
fn config(files: &CallerFiles, contents: &[Bytes], clock: Arc<WallClock>) -> Result<ClientConfig, TlsError> {
    let judge = material::judge_of_called(&files.authorities, &contents[0])?;
    let builder = ClientConfig::builder_with_details(material::provider(), clock)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has suites for both versions")
        .with_webpki_verifier(judge);
    let mut config = match &files.own {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_cert_resolver(material::own(own, &contents[1], &contents[2])?.pair),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The host in `HOST:PORT`, as a certificate is made out to it.
pub(crate) fn host_of(address: &str) -> io::Result<ServerName<'static>> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
    let (host, _) = address.rsplit_once(':').ok_or_else(|| invalid(format!("{address:?} has no port")))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned())
        .map_err(|_| invalid(format!("{host:?} is no host that a certificate can be made out to")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_address_is_a_name_or_an_ip_address() {
        for (address, host) in
            [("a.example:7400", "a.example"), ("10.0.0.1:1", "10.0.0.1"), ("[::1]:7400", "::1")]
        {
            assert_eq!(host_of(address).unwrap().to_str(), host);
        }
        for address in ["nowhere", ":1", "a b:1"] {
            assert_eq!(host_of(address).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
