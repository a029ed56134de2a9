//! What goes wrong with TLS, in plain words.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// Says what TLS has against the other side, or the other side against this one. Errors of the stream itself stay as they
/// are, and so does the kind: `InvalidData` where the two sides do not agree.
pub(crate) fn explain(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    let words = match cause {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            "what arrived is not TLS; the other side must use TLS with this port"
        }
        Some(Error::NoCertificatesPresented) => "no certificate was shown, and one is needed",
        Some(Error::InvalidCertificate(why)) => {
            let words = format!("the certificate shown is refused: {}", fault_of(why));
            return io::Error::new(error.kind(), words);
        }
        Some(Error::AlertReceived(alert)) => match words_of(*alert) {
            Some(words) => words,
            None => return error,
        },
        Some(Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )) => "the other side has no version of TLS that this one speaks (1.2 or 1.3; between nodes 1.3)",
        None if error.kind() == io::ErrorKind::UnexpectedEof => "closed during the TLS handshake",
        _ => return error,
    };
    io::Error::new(error.kind(), words)
}

fn fault_of(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => "it comes from none of the authorities trusted here".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = if presented.is_empty() { "nobody".into() } else { presented.join(", ") };
            format!("it is made out to {presented}, not to {}", expected.to_str())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; are the clocks right?".into()
        }
        other => other.to_string(),
    }
}

/// What the other side means.
fn words_of(alert: AlertDescription) -> Option<&'static str> {
    match alert {
        AlertDescription::UnknownCA | AlertDescription::BadCertificate => {
            Some("the other side refuses our certificate; are both of the same authority?")
        }
        AlertDescription::CertificateRequired => Some("the other side needs a certificate of ours"),
        AlertDescription::CertificateExpired => Some("the other side says that our certificate has expired"),
        AlertDescription::CertificateRevoked => Some("the other side says that our certificate was revoked"),
        AlertDescription::ProtocolVersion => {
            Some("the other side speaks no version of TLS that this one speaks")
        }
        _ => None,
    }
}
