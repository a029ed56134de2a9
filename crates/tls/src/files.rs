//! Which files TLS is made of. All are PEM.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use runtime::{Disk, OpenMode};

use crate::TlsError;

/// Far beyond a chain of certificates, or a list of authorities.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a node, or a client, shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnFiles {
    /// The certificate and, behind it, those that lead to an authority.
    pub certificate: PathBuf,
    /// The certificate's key: PKCS #8, PKCS #1 or SEC 1, not encrypted; RSA, ECDSA (P-256, P-384) or Ed25519.
    pub key: PathBuf,
}

/// Whether clients show certificates. The path is that of the authorities that these must come from, with lists of what they
/// have revoked, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    Ignored,
    /// Those that have one show it.
    Wanted(PathBuf),
    /// Those that show none are turned away.
    Needed(PathBuf),
}

/// A listener's side towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// What clients are shown.
    pub own: OwnFiles,
    /// What clients show.
    pub clients: ClientCertificates,
}

/// A node's side towards other nodes, whoever calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFiles {
    /// What other nodes are shown.
    pub own: OwnFiles,
    /// The authorities that the certificates of all nodes come from, with lists of what they have revoked, if any. Whoever has
    /// another certificate of theirs can be a node.
    pub authorities: PathBuf,
}

/// The side of those who call a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerFiles {
    /// The authorities that a server's certificate must come from, with lists of what they have revoked, if any.
    pub authorities: PathBuf,
    /// What servers are shown that ask for a certificate; `None`: nothing.
    pub own: Option<OwnFiles>,
}

impl CallerFiles {
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.authorities.clone()];
        paths.extend(self.own.iter().flat_map(OwnFiles::paths));
        paths
    }
}

impl ServerFiles {
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = self.own.paths();
        match &self.clients {
            ClientCertificates::Ignored => {}
            ClientCertificates::Wanted(authorities) | ClientCertificates::Needed(authorities) => {
                paths.push(authorities.clone());
            }
        }
        paths
    }
}

impl PeerFiles {
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let mut paths = self.own.paths();
        paths.push(self.authorities.clone());
        paths
    }
}

impl OwnFiles {
    fn paths(&self) -> Vec<PathBuf> {
        vec![self.certificate.clone(), self.key.clone()]
    }
}

/// What is in the files, in the order of their paths.
pub(crate) async fn read(disk: &dyn Disk, paths: &[PathBuf]) -> Result<Vec<Bytes>, TlsError> {
    let mut contents = Vec::with_capacity(paths.len());
    for path in paths {
        let content = read_one(disk, path).await;
        contents.push(content.map_err(|source| TlsError::Read { path: path.clone(), source })?);
    }
    Ok(contents)
}

async fn read_one(disk: &dyn Disk, path: &Path) -> io::Result<Bytes> {
    let file = disk.open(path, OpenMode::Read).await?;
    let length = file.len().await?;
    if length > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{length} bytes are too many for certificates")));
    }
    file.read_at(0, length as usize).await
}
