//! Access control: who a connection is, what a node permits, and the rules between the two.

mod address;
mod list;
mod table;

use std::fmt;
use std::ops::BitOr;

pub use list::AclList;
pub(crate) use table::{AclId, AclTable};

use crate::text::Text;

/// A set of permissions. Bits without a meaning are stored and shown as given, as ZooKeeper does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permissions(pub i32);

impl Permissions {
    /// Read data, list children, read the ACL.
    pub const READ: Self = Self(1);
    /// Set data.
    pub const WRITE: Self = Self(2);
    /// Create children.
    pub const CREATE: Self = Self(4);
    /// Delete children.
    pub const DELETE: Self = Self(8);
    /// Set the ACL.
    pub const ADMIN: Self = Self(16);
    /// All of the above.
    pub const ALL: Self = Self(31);

    /// Whether the two sets share a permission.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Permissions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Who somebody is: a scheme and an id that only means something within it.
///
/// A connection holds `ip` with its peer's address, `x509` if a certificate was shown, and whatever it has authenticated as. An ACL entry may also name
/// `world:anyone` or `auth` (everything that the connection has authenticated as).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// `world`, `ip`, `digest`, `x509`, `auth` or `super`.
    pub scheme: Text,
    /// For example `anyone`, `10.0.0.0/8`, `user:base64(SHA1(user:password))`, `CN=user,O=organisation`.
    pub id: Text,
}

impl Identity {
    /// The identity `scheme:id`.
    pub fn new(scheme: impl Into<Text>, id: impl Into<Text>) -> Self {
        Self { scheme: scheme.into(), id: id.into() }
    }

    /// Everybody.
    #[must_use]
    pub const fn anyone() -> Self {
        Self { scheme: Text::from_static("world"), id: Text::from_static("anyone") }
    }

    /// The super user, who passes every check.
    #[must_use]
    pub const fn super_user() -> Self {
        Self { scheme: Text::from_static("super"), id: Text::from_static("") }
    }

    /// Whether the connection proved this identity, which being at an address does not.
    fn is_authenticated(&self) -> bool {
        self.scheme == "digest" || self.scheme == "x509"
    }

    fn is_anyone(&self) -> bool {
        self.scheme == "world" && self.id == "anyone"
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.scheme, self.id)
    }
}

/// One entry of an access control list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acl {
    /// What is permitted.
    pub permissions: Permissions,
    /// To whom.
    pub identity: Identity,
}

impl Acl {
    /// `permissions` for `identity`.
    #[must_use]
    pub const fn new(permissions: Permissions, identity: Identity) -> Self {
        Self { permissions, identity }
    }

    /// `permissions` for everybody.
    #[must_use]
    pub const fn anyone(permissions: Permissions) -> Self {
        Self::new(permissions, Identity::anyone())
    }
}
