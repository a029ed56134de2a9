//! Commands of the operating system.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command and returns what it printed.
///
/// # Errors
/// If it can't be started or fails; the message has the command and what it said.
pub fn run(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {program}; is it installed?"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{program} {}` failed with {}: {}", args.join(" "), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command whose failure is no news, as when clearing up.
pub fn try_run(program: &str, args: &[&str]) {
    // It fails when there is nothing to clear up.
    let _ = run(program, args);
}

/// Whether a program is installed.
pub fn exists(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|paths| std::env::split_paths(&paths).any(|folder| folder.join(program).is_file()))
        || std::path::Path::new("/usr/sbin").join(program).is_file()
        || std::path::Path::new("/sbin").join(program).is_file()
}
