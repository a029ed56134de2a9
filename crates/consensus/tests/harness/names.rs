//! Names of nodes, some of which nobody knows for a while.

use std::collections::BTreeSet;
use std::io;

use parking_lot::Mutex;
use runtime::{BoxFuture, BoxStream, Listener, Network, SystemNetwork};

/// The host that founders are found at.
pub(crate) const FOUNDERS: &str = "founders.test";
/// The host that nodes which join are found at.
pub(crate) const JOINERS: &str = "joiners.test";

/// Loopback under two names. Nodes listen by them at once; others may find them only later.
#[derive(Default)]
pub(crate) struct Names {
    hidden: Mutex<BTreeSet<&'static str>>,
}

impl Names {
    /// From now on nobody finds a host.
    pub(crate) fn hide(&self, host: &'static str) {
        self.hidden.lock().insert(host);
    }

    /// From now on a host is found.
    pub(crate) fn publish(&self, host: &'static str) {
        self.hidden.lock().remove(host);
    }

    fn find(address: &str) -> String {
        address.replace(FOUNDERS, "127.0.0.1").replace(JOINERS, "127.0.0.1")
    }
}

impl Network for Names {
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { SystemNetwork.listen(&Self::find(address)).await })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            if self.hidden.lock().iter().any(|host| address.starts_with(host)) {
                return Err(io::Error::other("name or service not known"));
            }
            SystemNetwork.connect(&Self::find(address)).await
        })
    }
}
