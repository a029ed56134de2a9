//! Names of nodes, which nobody knows at first.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use runtime::{BoxFuture, BoxStream, Listener, Network, SystemNetwork};

/// Loopback, with every host's address under a name. Nodes listen by it at once; others find it only later.
#[derive(Default)]
pub(crate) struct Names {
    are_known: AtomicBool,
}

impl Names {
    /// The name of who listens at a port of loopback.
    pub(crate) fn of(port: u16) -> String {
        format!("node.test:{port}")
    }

    /// From now on names are found.
    pub(crate) fn publish(&self) {
        self.are_known.store(true, Ordering::Relaxed);
    }

    fn find(address: &str) -> String {
        address.replace("node.test", "127.0.0.1")
    }
}

impl Network for Names {
    fn listen<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Listener>>> {
        Box::pin(async move { SystemNetwork.listen(&Self::find(address)).await })
    }

    fn connect<'a>(&'a self, address: &'a str) -> BoxFuture<'a, io::Result<BoxStream>> {
        Box::pin(async move {
            if !self.are_known.load(Ordering::Relaxed) {
                return Err(io::Error::other("name or service not known"));
            }
            SystemNetwork.connect(&Self::find(address)).await
        })
    }
}
