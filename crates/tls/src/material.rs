//! From what is in the files to what TLS works with.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runtime::Clock;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;

use crate::validity::expires_at;
use crate::{OwnFiles, TlsError};

/// The cryptography: one for the process.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls_graviola::default_provider())).clone()
}

/// What a node shows: its chain, and the key that belongs to it.
pub(crate) struct Own {
    pub(crate) pair: Arc<SingleCertAndKey>,
    /// When the certificate expires, in seconds since the Unix epoch.
    pub(crate) expires_at: i64,
}

pub(crate) fn own(files: &OwnFiles, certificate: &[u8], key: &[u8]) -> Result<Own, TlsError> {
    let chain = certificates(&files.certificate, certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Content {
        path: files.key.clone(),
        problem: error.to_string(),
        wanted: "a private key that is not encrypted",
    })?;
    let pair = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| TlsError::Pair {
        key: files.key.clone(),
        certificate: files.certificate.clone(),
        problem: error.to_string(),
    })?;
    let expires_at = expires_at(&pair.cert[0]);
    let expires_at = expires_at.map_err(|error| not_certificates(&files.certificate, error.to_string()))?;
    Ok(Own { pair: Arc::new(SingleCertAndKey::from(pair)), expires_at })
}

/// The authorities in a file.
fn authorities(path: &Path, content: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, content)? {
        roots.add(certificate).map_err(|error| not_certificates(path, error.to_string()))?;
    }
    Ok(Arc::new(roots))
}

/// What the authorities in a file have revoked, as far as it says. An authority without a list there has revoked nothing.
fn revoked(path: &Path, content: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let found: Result<_, _> = CertificateRevocationListDer::pem_slice_iter(content).collect();
    found.map_err(|error| not_certificates(path, error.to_string()))
}

/// The judge of callers' certificates: they come from one of the authorities in a file, and are not revoked there.
pub(crate) fn judge_of_callers(
    path: &Path,
    content: &[u8],
    is_needed: bool,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let builder = WebPkiClientVerifier::builder_with_provider(authorities(path, content)?, provider())
        .with_crls(revoked(path, content)?)
        .allow_unknown_revocation_status();
    let builder = if is_needed { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| not_certificates(path, error.to_string()))
}

/// The judge of the certificates of those who are called, by the same rules.
pub(crate) fn judge_of_called(path: &Path, content: &[u8]) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(authorities(path, content)?, provider())
        .with_crls(revoked(path, content)?)
        .allow_unknown_revocation_status()
        .build()
        .map_err(|error| not_certificates(path, error.to_string()))
}

fn certificates(path: &Path, content: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    let found = found.map_err(|error| not_certificates(path, error.to_string()))?;
    if found.is_empty() { Err(not_certificates(path, "it has none".into())) } else { Ok(found) }
}

fn not_certificates(path: &Path, problem: String) -> TlsError {
    TlsError::Content { path: path.to_owned(), problem, wanted: "certificates" }
}

/// The node's own clock decides which certificates are valid.
pub(crate) struct WallClock(pub(crate) Clock);

impl TimeProvider for WallClock {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = u64::try_from(self.0.wall_ms()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(since_epoch)))
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}
