//! What is known of a znode, and how one is made.

use std::time::Duration;

use bytes::Bytes;
use jute::Stat;

/// A znode's data and numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its data. The protocol keeps no data apart from empty data.
    pub data: Option<Bytes>,
    /// Its numbers.
    pub stat: Stat,
}

/// The version that a write expects. A number, such as [`Stat::version`], or [`AnyVersion`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version(pub(crate) i32);

/// A write that does not care which version is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AnyVersion;

impl From<i32> for Version {
    fn from(version: i32) -> Self {
        Self(version)
    }
}

impl From<AnyVersion> for Version {
    fn from(AnyVersion: AnyVersion) -> Self {
        Self(-1)
    }
}

/// How long a znode lives, and whether its name is completed by a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateMode {
    /// Until it is deleted.
    Persistent,
    /// The same; ten digits that count the parent's creates follow the name.
    PersistentSequential,
    /// Until the session ends.
    Ephemeral,
    /// The same; ten digits follow the name.
    EphemeralSequential,
    /// Until some time after its last child is gone.
    Container,
    /// Until it had no children and no new data for so long; 1 ms to about 34 years, in milliseconds. ZooKeeper wants
    /// `zookeeper.extendedTypesEnabled=true` for it.
    Ttl(Duration),
    /// The same; ten digits follow the name.
    TtlSequential(Duration),
}

impl CreateMode {
    pub(crate) fn flags(self) -> i32 {
        match self {
            CreateMode::Persistent => 0,
            CreateMode::Ephemeral => 1,
            CreateMode::PersistentSequential => 2,
            CreateMode::EphemeralSequential => 3,
            CreateMode::Container => 4,
            CreateMode::Ttl(_) => 5,
            CreateMode::TtlSequential(_) => 6,
        }
    }

    pub(crate) fn ttl_ms(self) -> Option<i64> {
        match self {
            CreateMode::Ttl(ttl) | CreateMode::TtlSequential(ttl) => {
                Some(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
            }
            _ => None,
        }
    }

    pub(crate) fn is_sequential(self) -> bool {
        matches!(
            self,
            CreateMode::PersistentSequential | CreateMode::EphemeralSequential | CreateMode::TtlSequential(_)
        )
    }
}
