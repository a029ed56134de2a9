//! Who may do what with a znode.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One entry of an access control list. As text: `SCHEME:ID:PERMISSIONS`, where permissions are letters of `cdrwa` (create,
/// delete, read, write, admin), as in `world:anyone:r` or `digest:alice:HASH:cdrwa`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Acl {
    /// READ 1, WRITE 2, CREATE 4, DELETE 8, ADMIN 16.
    pub permissions: i32,
    /// How `id` is to be understood: `world`, `digest`, `ip`, `x509`, `auth`, ...
    pub scheme: String,
    /// Whom the entry is about.
    pub id: String,
}

const LETTERS: [(char, i32); 5] = [('c', 4), ('d', 8), ('r', 1), ('w', 2), ('a', 16)];
const ALL: i32 = 31;

impl Acl {
    /// The list that lets everyone do everything.
    pub fn open() -> Vec<Acl> {
        vec![Acl { permissions: ALL, scheme: "world".into(), id: "anyone".into() }]
    }

    /// The list that lets the client's own identities do everything, and nobody else anything.
    pub fn creator() -> Vec<Acl> {
        vec![Acl { permissions: ALL, scheme: "auth".into(), id: String::new() }]
    }

    /// Whether a server that shows lists without secrets has left out this entry's: clients without the ADMIN
    /// permission see `user:x` for a digest.
    pub fn is_masked(&self) -> bool {
        self.scheme == "digest" && self.id.ends_with(":x")
    }

    pub(crate) fn on_wire(&self) -> jute::Acl<'_> {
        jute::Acl { permissions: self.permissions, scheme: &self.scheme, id: &self.id }
    }
}

impl From<jute::Acl<'_>> for Acl {
    fn from(acl: jute::Acl<'_>) -> Self {
        Self { permissions: acl.permissions, scheme: acl.scheme.to_owned(), id: acl.id.to_owned() }
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.scheme, self.id)?;
        if self.permissions & !ALL != 0 {
            // Servers keep bits that mean nothing.
            return write!(f, "{}", self.permissions);
        }
        LETTERS
            .iter()
            .filter(|(_, bit)| self.permissions & bit != 0)
            .try_for_each(|(letter, _)| write!(f, "{letter}"))
    }
}

/// A text that is no entry of an access control list.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error(
    "{0:?} is no entry of an access control list; give SCHEME:ID:PERMISSIONS with permissions of cdrwa, as in world:anyone:r"
)]
pub struct AclError(String);

impl FromStr for Acl {
    type Err = AclError;

    fn from_str(text: &str) -> Result<Self, AclError> {
        let wrong = || AclError(text.to_owned());
        let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (id, permissions) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let permissions = permissions_of(permissions).ok_or_else(wrong)?;
        Ok(Self { permissions, scheme: scheme.to_owned(), id: id.to_owned() })
    }
}

fn permissions_of(text: &str) -> Option<i32> {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return text.parse().ok();
    }
    text.chars().try_fold(0, |all, c| {
        let (_, bit) = LETTERS.iter().find(|(letter, _)| *letter == c)?;
        Some(all | bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        for text in [
            "world:anyone:cdrwa",
            "digest:u:abc=:r",
            "ip:10.0.0.0/8:cd",
            "ip:::1:w",
            "x509:CN=a,O=b:a",
            "auth:::",
            "world:anyone:63",
        ] {
            let text = text.trim_end_matches(":::");
            match text.parse::<Acl>() {
                Ok(acl) => assert_eq!(acl.to_string(), text),
                Err(_) => assert_eq!(text, "auth"),
            }
        }
        assert_eq!("world:anyone:rwcda".parse(), Ok(Acl::open().remove(0)));
        for wrong in ["", "world", "world:anyone", "world:anyone:rx"] {
            assert!(wrong.parse::<Acl>().is_err(), "{wrong}");
        }
    }
}
