//! Settings about TLS: which files belong together.

use std::path::{Path, PathBuf};

use tls::{ClientCertificates, OwnFiles, PeerFiles, ServerFiles};

use super::{ConfigError, FileSettings, Listen, wrong};

/// What TLS listeners show clients, and ask of them.
pub(super) fn server(settings: &FileSettings) -> Result<Option<ServerFiles>, ConfigError> {
    let authorities = settings.tls_client_ca.as_deref();
    let Some(own) = own(("tls-cert", &settings.tls_cert), ("tls-key", &settings.tls_key))? else {
        return match authorities {
            Some(path) => Err(incomplete("tls-client-ca", path, "tls-cert and tls-key are not set")),
            None => Ok(None),
        };
    };
    let auth = settings.tls_client_auth.as_deref();
    let clients = match (authorities, auth) {
        (None, None) => ClientCertificates::Ignored,
        (Some(path), None | Some("need")) => ClientCertificates::Needed(path.to_owned()),
        (Some(path), Some("want")) => ClientCertificates::Wanted(path.to_owned()),
        (None, Some(auth)) => {
            return Err(wrong(
                "tls-client-auth",
                auth,
                "tls-client-ca is not set, so no client's certificate could be judged",
                "give tls-client-ca = FILE",
            ));
        }
        (Some(_), Some(other)) => {
            return Err(wrong("tls-client-auth", other, "unknown", "give need or want"));
        }
    };
    Ok(Some(ServerFiles { own, clients }))
}

/// What this node and others show each other.
pub(super) fn peers(settings: &FileSettings) -> Result<Option<PeerFiles>, ConfigError> {
    let own = own(("peer-tls-cert", &settings.peer_tls_cert), ("peer-tls-key", &settings.peer_tls_key))?;
    match (own, &settings.peer_tls_ca) {
        (None, None) => Ok(None),
        (Some(own), Some(authorities)) => Ok(Some(PeerFiles { own, authorities: authorities.clone() })),
        (Some(own), None) => Err(incomplete("peer-tls-cert", &own.certificate, "peer-tls-ca is not set")),
        (None, Some(path)) => {
            Err(incomplete("peer-tls-ca", path, "peer-tls-cert and peer-tls-key are not set"))
        }
    }
}

/// A listener over TLS has something to show.
pub(super) fn check_listener(
    key: &'static str,
    listen: &Listen,
    tls: Option<&ServerFiles>,
) -> Result<(), ConfigError> {
    match (listen, tls) {
        (Listen::On(address), None) => {
            Err(wrong(key, address, "tls-cert and tls-key are not set", "give both, or off"))
        }
        _ => Ok(()),
    }
}

/// Which users certificates are for.
pub(super) fn certificate_name(word: Option<String>) -> Result<amqp::CertificateName, ConfigError> {
    let Some(word) = word else { return Ok(amqp::CertificateName::default()) };
    amqp::CertificateName::parse(&word).ok_or_else(|| {
        wrong("amqp-cert-login-from", word, "unknown", "give distinguished_name or common_name")
    })
}

type Setting<'a> = (&'static str, &'a Option<PathBuf>);

fn own(certificate: Setting<'_>, key: Setting<'_>) -> Result<Option<OwnFiles>, ConfigError> {
    match (certificate.1, key.1) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Ok(Some(OwnFiles { certificate: certificate.clone(), key: key.clone() }))
        }
        (Some(path), None) => Err(incomplete(certificate.0, path, &format!("{} is not set", key.0))),
        (None, Some(path)) => Err(incomplete(key.0, path, &format!("{} is not set", certificate.0))),
    }
}

fn incomplete(key: &'static str, path: &Path, problem: &str) -> ConfigError {
    wrong(key, path.display().to_string(), problem, "give all of them, or none")
}
