//! Running other programs, with a line of progress for each.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// The folder with the workspace's manifest.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// A program to be run in the workspace's folder.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).stdin(Stdio::null());
    command
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs `command` with its output shown, and says how long it took.
pub(crate) fn step(what: &str, command: &mut Command) -> Result<()> {
    eprintln!("==> {what}");
    let started = Instant::now();
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{what}: start {name}; is it installed?"))?;
    ensure!(status.success(), "{what} failed: {name} ended with {status}");
    eprintln!("==> {what}: passed in {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// The release build of the server. The fault tests are built with it: what is built together has one set of features, so
/// that no step of the same run builds it a second time.
pub(crate) fn quorate_binary() -> Result<PathBuf> {
    let packages = ["-p", "quorate", "-p", "quorate-chaos"];
    step("build the server", cargo().args(["build", "--release", "--locked"]).args(packages))?;
    Ok(target().join("release/quorate"))
}

/// Whether `command` can be run and succeeds, silently.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
