//! Network namespaces.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags, open};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::shell;

/// A network namespace with a name. It is gone when dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one, with nothing but its loopback device.
    ///
    /// # Errors
    /// If there is one of that name, or it may not be done.
    pub fn create(name: String) -> Result<Self> {
        shell::run("ip", &["netns", "add", &name])?;
        let namespace = Self { name };
        shell::run("ip", &["-n", &namespace.name, "link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does `work` on a thread of the namespace. Processes that it starts are in the namespace too.
    ///
    /// # Errors
    /// If the namespace can't be entered.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        std::thread::scope(|scope| {
            let entering = || -> Result<T> {
                self.enter()?;
                Ok(work())
            };
            let thread = std::thread::Builder::new().name(self.name.clone()).spawn_scoped(scope, entering);
            let thread = thread.with_context(|| format!("start a thread for namespace {}", self.name))?;
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves the calling thread into the namespace, for good.
    ///
    /// # Errors
    /// If it can't be entered.
    pub fn enter(&self) -> Result<()> {
        Self::enter_path(&self.path())
    }

    /// Where the kernel shows it.
    pub fn path(&self) -> PathBuf {
        Path::new("/run/netns").join(&self.name)
    }

    /// Moves the calling thread into the namespace that is shown there, for good.
    ///
    /// # Errors
    /// If it can't be entered.
    pub fn enter_path(path: &Path) -> Result<()> {
        let handle = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("open {}", path.display()))?;
        move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("enter the namespace at {}", path.display()))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        shell::try_run("ip", &["netns", "del", &self.name]);
    }
}
