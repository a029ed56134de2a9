//! The numbers of methods.

use std::fmt;

/// A class and the number of a method in it. Numbers that the protocol does not have can be read and named in an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodId {
    /// The class.
    pub class: u16,
    /// The method.
    pub method: u16,
}

impl MethodId {
    /// Whether the protocol has it.
    pub const fn is_known(self) -> bool {
        self.name().is_some()
    }

    /// Whether credentials are among its arguments, which no error text may show.
    pub(super) const fn has_secret(self) -> bool {
        // connection.start_ok, secure_ok and update_secret.
        matches!((self.class, self.method), (10, 11 | 21 | 70))
    }
}

impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "method {}.{}", self.class, self.method),
        }
    }
}

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
