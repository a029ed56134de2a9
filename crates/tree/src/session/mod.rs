//! Sessions: who they are, who owns them, which znodes go with them.

mod table;

use std::fmt;

pub(crate) use table::{Session, SessionTable};

/// The id of a session; positive, as it is the owner field of ephemeral znodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub i64);

impl SessionId {
    /// No session: a write of the cluster itself. It passes the ownership check and can not create ephemerals.
    pub const NONE: Self = Self(0);

    /// The id of the `counter`th session, made on `node`.
    ///
    /// The top byte is the node (1 to 127, larger ids fold), so that an operator sees where a session began; it is never
    /// one of ZooKeeper's owner markers 0x80 (container) and 0xff (TTL). The counter alone makes the id unique.
    pub(crate) fn new(node: u64, counter: u64) -> Self {
        let top = (node.wrapping_sub(1) % 127) + 1;
        Self((top << 56 | counter & ((1 << 56) - 1)).cast_signed())
    }
}

/// As ZooKeeper prints session ids.
impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// The connection that speaks for a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The node that holds the connection.
    pub node: u64,
    /// The connection; never reused on a node, across restarts as well.
    pub connection: u64,
}

/// What a client shows to attach to its session again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Password(pub [u8; 16]);

impl Password {
    /// Compares without telling by its duration where the passwords differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
    }
}

/// Passwords do not belong in logs.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A session as seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Which.
    pub id: SessionId,
    /// How long it may be silent, milliseconds.
    pub timeout_ms: u32,
    /// The connection that speaks for it.
    pub owner: Owner,
    /// How often it was attached again. An expiry names the generation that it saw silent.
    pub generation: u64,
    /// How many ephemeral znodes go with it.
    pub ephemerals: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_are_positive_and_show_their_node() {
        assert_eq!(SessionId::new(3, 7).0, 0x0300_0000_0000_0007);
        for node in [0, 1, 127, 128, 255, u64::MAX] {
            assert!(SessionId::new(node, 1).0 > 0, "node {node}");
        }
    }
}
