//! A lock that many readers or one writer have.

use client::{Acl, Client};

use super::{Kind, Lock, Naming};

/// A read lock and a write lock at one path: readers hold theirs together, a writer holds its alone. Both are given in the order
/// in which they were asked for, so a reader waits for a writer that waits, and writers do not starve.
///
/// It is Curator's `InterProcessReadWriteLock` and kazoo's `ReadLock` and `WriteLock`; what is promised of a [`Lock`] is promised of both. There
/// is no way from one to the other but to release: who waits for the write lock and holds the read lock waits for itself.
///
/// A reader's token is higher than that of every writer before it and lower than that of every writer after it. Readers that hold
/// the lock together have tokens in the order in which they asked; a resource that refuses tokens lower than the highest of a *writer*
/// lets them all in.
#[derive(Clone)]
pub struct ReadWriteLock {
    read: Lock,
    write: Lock,
}

impl ReadWriteLock {
    /// The locks at `path`, held by the session of `client`. Nothing is asked of a server yet.
    pub fn new(client: &Client, path: &str) -> Self {
        Self {
            read: Lock::of_kind(client, path, Kind::Read),
            write: Lock::of_kind(client, path, Kind::Write),
        }
    }

    /// Names this client's znodes so: `__READ__` and `__WRIT__` with Curator, `__rlock__` and `__lock__` with kazoo.
    #[must_use]
    pub fn named(self, naming: Naming) -> Self {
        Self { read: self.read.named(naming), write: self.write.named(naming) }
    }

    /// As [`Lock::with_data`].
    #[must_use]
    pub fn with_data(self, data: &[u8]) -> Self {
        Self { read: self.read.with_data(data), write: self.write.with_data(data) }
    }

    /// As [`Lock::with_acl`].
    #[must_use]
    pub fn with_acl(self, acl: &[Acl]) -> Self {
        Self { read: self.read.with_acl(acl), write: self.write.with_acl(acl) }
    }

    /// The lock that is held together with other readers.
    pub fn read(&self) -> &Lock {
        &self.read
    }

    /// The lock that is held alone.
    pub fn write(&self) -> &Lock {
        &self.write
    }
}
