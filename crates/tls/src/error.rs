//! Why there can be no TLS.

use std::path::PathBuf;

/// The files or the machine don't allow it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{path:?}: {source}; give a PEM file that this process may read")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file has something else in it.
    #[error("{path:?}: {problem}; give {wanted} in PEM")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What it should have.
        wanted: &'static str,
    },
    /// A key that can't be used, or of another certificate.
    #[error("{key:?} and {certificate:?}: {problem}; give a certificate and its own key")]
    Pair {
        /// The key's file.
        key: PathBuf,
        /// The certificate's file.
        certificate: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The processor is too old, or the hypervisor hides what it can.
    #[error(
        "this processor does not offer {feature}, which the cryptography of this program needs; run it on one made after \
         2014 (a virtual machine must be given its host's processor as it is), or turn TLS off"
    )]
    Processor {
        /// The first feature that is missing.
        feature: &'static str,
    },
}
