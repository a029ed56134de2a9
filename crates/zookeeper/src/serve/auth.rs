//! Who a connection is.

use std::net::IpAddr;
use std::sync::Arc;

use runtime::Subject;
use sha1::{Digest, Sha1};
use tree::{Identity, SessionId};

use crate::codec::Auth;

/// How long all identities of a connection may be together.
pub const IDENTITY_BYTES_MAX: usize = 64 << 10;

/// The session that a connection speaks for, and the identities that its client has shown. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) session: SessionId,
    pub(crate) identities: Arc<[Identity]>,
}

impl Who {
    /// A client without a session yet, known by its address only.
    pub(crate) fn at(address: IpAddr) -> Self {
        let ip = Identity::new("ip", address.to_canonical().to_string());
        Self { session: SessionId::NONE, identities: Arc::new([ip]) }
    }

    /// The same client, which has proved by a certificate that it is `subject`.
    pub(crate) fn with_subject(mut self, subject: Option<Subject>) -> Self {
        if let Some(subject) = subject {
            self.add(Identity::new("x509", subject.x500));
        }
        self
    }

    /// Adds an identity. Showing one twice changes nothing. False if there are too many already: each command of the client
    /// carries them all.
    pub(crate) fn add(&mut self, identity: Identity) -> bool {
        if self.identities.contains(&identity) {
            return true;
        }
        let bytes = |identity: &Identity| identity.scheme.len() + identity.id.len();
        if self.identities.iter().map(bytes).sum::<usize>() + bytes(&identity) > IDENTITY_BYTES_MAX {
            return false;
        }
        self.identities = self.identities.iter().cloned().chain([identity]).collect();
        true
    }
}

/// The identity that a client proves, or `None` if it proves none. For `ip` and `x509` that is the one that the
/// connection has from its beginning: its address, and the subject of its certificate.
pub(crate) fn authenticate(auth: &Auth<'_>, who: &Who) -> Option<Identity> {
    match auth.scheme {
        "digest" => Some(Identity::new("digest", digest_id(auth.auth?))),
        "ip" | "x509" => who.identities.iter().find(|identity| identity.scheme == auth.scheme).cloned(),
        _ => None,
    }
}

/// Whether a digest that a client has proved is the superuser's.
pub(crate) fn is_superuser(identity: &Identity, super_digest: Option<&str>) -> bool {
    identity.scheme == "digest" && super_digest.is_some_and(|digest| identity.id == *digest)
}

/// `user:base64(sha1(user:password))`. Text without a colon is a user, and is hashed whole.
fn digest_id(user_and_password: &[u8]) -> String {
    let text = String::from_utf8_lossy(user_and_password);
    let user = text.split(':').next().unwrap_or_default();
    format!("{user}:{}", base64(&Sha1::digest(text.as_bytes())))
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for position in 0..4 {
            let sextet = (bits >> (18 - 6 * position)) & 63;
            text.push(if position <= chunk.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    /// The example of ZooKeeper's own documentation.
    #[test]
    fn digests_are_those_of_zookeeper() {
        assert_eq!(digest_id(b"super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
        assert!(digest_id(b"nobody").starts_with("nobody:"));
    }

    #[test]
    fn only_the_digest_of_the_superuser_is() {
        let digest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
        let proved = |scheme, id: &str| Identity::new(scheme, id.to_owned());
        assert!(is_superuser(&proved("digest", digest), Some(digest)));
        for other in [
            proved("digest", &digest_id(b"super:guess")),
            proved("digest", "super:"),
            proved("x509", digest),
            proved("ip", digest),
        ] {
            assert!(!is_superuser(&other, Some(digest)), "{other:?}");
        }
        assert!(!is_superuser(&proved("digest", digest), None));
    }

    #[test]
    fn an_identity_is_stored_once() {
        let mut who = Who::at("127.0.0.1".parse().unwrap());
        let auth = Auth { kind: 0, scheme: "digest", auth: Some(b"a:b") };
        for _ in 0..2 {
            let identity = authenticate(&auth, &who).unwrap();
            who.add(identity);
        }
        assert_eq!(who.identities.len(), 2);
    }

    #[test]
    fn a_certificate_is_shown_when_the_connection_is_made() {
        let at = |subject: Option<&str>| {
            let subject = subject.map(|name| Subject { x500: name.to_owned(), ..Subject::default() });
            Who::at("10.0.0.1".parse().unwrap()).with_subject(subject)
        };
        let auth = Auth { kind: 0, scheme: "x509", auth: Some(b"CN=bob") };
        assert_eq!(authenticate(&auth, &at(None)), None);
        assert_eq!(authenticate(&auth, &at(Some("CN=alice"))), Some(Identity::new("x509", "CN=alice")));
    }

    #[test]
    fn unknown_schemes_and_world_prove_nothing() {
        let who = Who::at("::ffff:10.0.0.1".parse().unwrap());
        assert_eq!(who.identities[0], Identity::new("ip", "10.0.0.1"));
        for scheme in ["world", "sasl", "auth", ""] {
            assert_eq!(authenticate(&Auth { kind: 0, scheme, auth: Some(b"anyone") }, &who), None);
        }
    }
}
