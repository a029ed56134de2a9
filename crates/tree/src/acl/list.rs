//! The access control list of a node: validation, expansion and checks.

use super::{Acl, Identity, Permissions, address::Network};
use crate::error::ErrorCode;
use crate::text::Text;

/// A validated access control list; nodes with equal lists share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AclList {
    entries: Vec<Acl>,
}

impl AclList {
    /// Checks and completes what a client sent: duplicates go, `auth` becomes the connection's authenticated identities.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidAcl`] for an empty list, an unknown scheme, a malformed id, or `auth` on a connection that
    /// has not authenticated.
    pub fn from_request(entries: &[Acl], connection: &[Identity]) -> Result<Self, ErrorCode> {
        let mut completed = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            if entries[..at].contains(entry) {
                continue;
            }
            if entry.identity.scheme == "auth" {
                expand_auth(entry.permissions, connection, &mut completed)?;
            } else if is_valid(&entry.identity) {
                completed.push(entry.clone());
            } else {
                return Err(ErrorCode::InvalidAcl);
            }
        }
        if completed.is_empty() { Err(ErrorCode::InvalidAcl) } else { Ok(Self { entries: completed }) }
    }

    /// A list that is known to be valid: of the system nodes, or from a snapshot.
    pub(crate) fn from_entries(entries: Vec<Acl>) -> Self {
        Self { entries }
    }

    /// The entries in the order given by the client.
    #[must_use]
    pub fn entries(&self) -> &[Acl] {
        &self.entries
    }

    /// Whether a connection with these identities has any of the wanted permissions.
    #[must_use]
    pub fn permits(&self, wanted: Permissions, connection: &[Identity]) -> bool {
        let mut candidates = self.entries.iter().filter(|entry| entry.permissions.intersects(wanted));
        candidates.any(|entry| {
            entry.identity.is_anyone() || connection.iter().any(|who| matches(&entry.identity, who))
        }) || self.entries.is_empty()
            || connection.iter().any(|who| who.scheme == "super")
    }

    /// Like [`permits`](Self::permits), as the error of the protocol.
    pub(crate) fn check(&self, wanted: Permissions, connection: &[Identity]) -> Result<(), ErrorCode> {
        if self.permits(wanted, connection) { Ok(()) } else { Err(ErrorCode::NoAuth) }
    }

    /// The entries as somebody without ADMIN may see them: password hashes hidden.
    pub(crate) fn masked_entries(&self) -> Vec<Acl> {
        self.entries.iter().map(masked).collect()
    }

    /// A copy that shares no buffer with the command it came from.
    pub(super) fn detached(&self) -> Self {
        let entries = self.entries.iter().map(|entry| {
            let Identity { scheme, id } = &entry.identity;
            Acl::new(entry.permissions, Identity::new(scheme.as_str(), id.as_str()))
        });
        Self { entries: entries.collect() }
    }
}

fn expand_auth(
    permissions: Permissions,
    connection: &[Identity],
    into: &mut Vec<Acl>,
) -> Result<(), ErrorCode> {
    let before = into.len();
    let authenticated = connection.iter().filter(|who| who.is_authenticated());
    into.extend(authenticated.map(|who| Acl::new(permissions, who.clone())));
    if into.len() > before { Ok(()) } else { Err(ErrorCode::InvalidAcl) }
}

fn is_valid(identity: &Identity) -> bool {
    match identity.scheme.as_str() {
        "world" => identity.is_anyone(),
        "digest" => is_valid_digest(&identity.id),
        "ip" => Network::parse(&identity.id).is_some(),
        "x509" => is_valid_subject(&identity.id),
        _ => false,
    }
}

/// Attributes with a type each. Whether a listener takes certificates is not asked: that is a node's own matter, and every
/// replica must decide alike.
fn is_valid_subject(id: &str) -> bool {
    let mut is_escaped = false;
    let mut attributes = id.split(|character| {
        let ends = !is_escaped && matches!(character, ',' | '+');
        is_escaped = !is_escaped && character == '\\';
        ends
    });
    attributes.all(|attribute| attribute.split_once('=').is_some_and(|(kind, _)| !kind.trim().is_empty()))
}

/// Two parts around ":", where trailing empty parts do not count: ZooKeeper splits with `String.split`.
fn is_valid_digest(id: &str) -> bool {
    id.trim_end_matches(':').split(':').count() == 2
}

fn matches(entry: &Identity, who: &Identity) -> bool {
    entry.scheme == who.scheme
        && match entry.scheme.as_str() {
            "ip" => Network::parse(&entry.id).is_some_and(|network| network.contains(&who.id)),
            "digest" | "x509" => entry.id == who.id,
            _ => false,
        }
}

fn masked(entry: &Acl) -> Acl {
    let mut entry = entry.clone();
    if entry.identity.scheme == "digest"
        && let Some((user, _)) = entry.identity.id.split_once(':')
    {
        entry.identity.id = Text::from(format!("{user}:x"));
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(permissions: i32, scheme: &str, id: &str) -> Acl {
        Acl::new(Permissions(permissions), Identity::new(scheme, id))
    }

    fn list(entries: &[Acl]) -> AclList {
        AclList::from_request(entries, &[]).unwrap()
    }

    #[test]
    fn invalid_entries_are_refused() {
        for entries in [
            vec![],
            vec![acl(31, "unknown", "x")],
            vec![acl(31, "world", "someone")],
            vec![acl(31, "world", "anyone"), acl(1, "ip", "nowhere")],
            vec![acl(31, "ip", "10.0.0.0/33")],
            vec![acl(31, "digest", "user")],
            vec![acl(31, "digest", "user:")],
            vec![acl(31, "digest", ":")],
            vec![acl(31, "digest", "a:b:c")],
            vec![acl(31, "auth", "")],
            vec![acl(31, "sasl", "bob")],
            vec![acl(31, "super", "")],
            vec![acl(31, "x509", "")],
            vec![acl(31, "x509", "bob")],
            vec![acl(31, "x509", "CN=a,b")],
            vec![acl(31, "x509", "=a")],
        ] {
            assert_eq!(AclList::from_request(&entries, &[]), Err(ErrorCode::InvalidAcl), "{entries:?}");
        }
    }

    #[test]
    fn trailing_colons_of_a_digest_do_not_count() {
        assert!(is_valid_digest("user:hash:"));
        assert!(is_valid_digest(":hash"));
    }

    #[test]
    fn duplicates_are_removed() {
        let twice = [acl(1, "world", "anyone"), acl(1, "world", "anyone"), acl(3, "world", "anyone")];
        assert_eq!(list(&twice).entries(), [twice[0].clone(), twice[2].clone()]);
    }

    #[test]
    fn auth_becomes_the_authenticated_identities() {
        let connection = [
            Identity::new("ip", "127.0.0.1"),
            Identity::new("digest", "u:h"),
            Identity::super_user(),
            Identity::new("digest", "v:i"),
            Identity::new("x509", "CN=w"),
        ];
        let list = AclList::from_request(&[acl(5, "auth", "ignored")], &connection).unwrap();
        assert_eq!(
            list.entries(),
            [acl(5, "digest", "u:h"), acl(5, "digest", "v:i"), acl(5, "x509", "CN=w")]
        );
    }

    #[test]
    fn auth_of_a_connection_with_only_an_address_is_refused() {
        let connection = [Identity::new("ip", "127.0.0.1")];
        assert_eq!(AclList::from_request(&[acl(5, "auth", "")], &connection), Err(ErrorCode::InvalidAcl));
    }

    #[test]
    fn any_of_the_wanted_permissions_is_enough() {
        let list = list(&[acl(1, "world", "anyone")]);
        assert!(list.permits(Permissions::READ | Permissions::ADMIN, &[]));
        assert!(!list.permits(Permissions::ADMIN, &[]));
    }

    #[test]
    fn an_identity_must_match_scheme_and_id() {
        let list = list(&[acl(31, "digest", "u:h"), acl(1, "ip", "10.0.0.0/8")]);
        assert!(list.permits(Permissions::WRITE, &[Identity::new("digest", "u:h")]));
        assert!(!list.permits(Permissions::WRITE, &[Identity::new("digest", "u:other")]));
        assert!(!list.permits(Permissions::WRITE, &[Identity::new("ip", "10.2.3.4")]));
        assert!(list.permits(Permissions::READ, &[Identity::new("ip", "10.2.3.4")]));
        assert!(!list.permits(Permissions::READ, &[Identity::new("ip", "11.2.3.4")]));
    }

    #[test]
    fn a_subject_must_be_the_same_to_the_letter() {
        let list = list(&[acl(31, "x509", r"CN=a\,b,OU=c+UID=d,O=")]);
        assert!(list.permits(Permissions::ADMIN, &[Identity::new("x509", r"CN=a\,b,OU=c+UID=d,O=")]));
        assert!(!list.permits(Permissions::ADMIN, &[Identity::new("x509", r"CN=a\,b,OU=c+UID=d")]));
        assert!(!list.permits(Permissions::ADMIN, &[Identity::new("digest", r"CN=a\,b,OU=c+UID=d,O=")]));
    }

    #[test]
    fn the_super_user_passes_every_check() {
        assert!(list(&[acl(0, "digest", "u:h")]).permits(Permissions::ADMIN, &[Identity::super_user()]));
    }

    #[test]
    fn masking_hides_password_hashes_only() {
        let list = list(&[acl(31, "digest", "u:h"), acl(1, "ip", "::1")]);
        assert_eq!(list.masked_entries(), [acl(31, "digest", "u:x"), acl(1, "ip", "::1")]);
    }
}
