//! Load that nobody checks: large writes, so that logs grow and disks are needed.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::net::Namespace;

/// Bytes of a write.
const WRITE_BYTES: u32 = 16 << 10;
/// When logs are to grow as fast as they can.
const HEAVY_WRITE_BYTES: u32 = 512 << 10;

/// A load generator that is started again when it ends: it gives up when nobody serves.
pub struct Bulk {
    binary: PathBuf,
    servers: String,
    write_bytes: u32,
    process: Option<Child>,
}

impl Bulk {
    /// One that is not running yet. `binary` is `quorate`.
    pub fn new(binary: &Path, servers: &[String]) -> Self {
        Self::of(WRITE_BYTES, binary, servers)
    }

    /// One that lets logs grow as fast as they can.
    pub fn heavy(binary: &Path, servers: &[String]) -> Self {
        Self::of(HEAVY_WRITE_BYTES, binary, servers)
    }

    fn of(write_bytes: u32, binary: &Path, servers: &[String]) -> Self {
        Self { binary: binary.to_owned(), servers: servers.join(","), write_bytes, process: None }
    }

    /// Starts it if it does not run.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn keep_up(&mut self, namespace: &Namespace) -> Result<()> {
        if let Some(process) = &mut self.process
            && process.try_wait().context("look after the load generator")?.is_none()
        {
            return Ok(());
        }
        let mut command = Command::new(&self.binary);
        command.args([
            "bench",
            "zookeeper",
            "--servers",
            &self.servers,
            "--op",
            "set",
            "--size",
            &self.write_bytes.to_string(),
        ]);
        command.args(["--conns", "3", "--pipeline", "4", "--znodes", "32", "--secs", "3600", "--reconnect"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let started = namespace.inside(|| command.spawn())?;
        self.process = Some(started.with_context(|| format!("start {command:?}"))?);
        Ok(())
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        self.stop();
    }
}
