//! Clearing up after runs that were ended before they could do it.

use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::{names, shell};

/// Removes what runs left behind whose process is gone. Returns what it removed, in words.
///
/// # Errors
/// If the kernel's lists can't be read.
pub fn clean() -> Result<Vec<String>> {
    let mut removed = Vec::new();
    thaw_and_unmount(&mut removed)?;
    for name in listed("/run/netns")? {
        for pid in shell::run("ip", &["netns", "pids", &name])?.split_whitespace() {
            if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                // It may be ending already.
                let _ = kill_process(pid, Signal::KILL);
                removed.push(format!("process {}", pid.as_raw_nonzero()));
            }
        }
        shell::run("ip", &["netns", "del", &name])?;
        removed.push(format!("network namespace {name}"));
    }
    // Now that nobody runs in them, file systems that were in use go too.
    thaw_and_unmount(&mut removed)?;
    for name in listed(crate::faults::CONTROL_GROUPS)? {
        std::fs::remove_dir(Path::new(crate::faults::CONTROL_GROUPS).join(&name))
            .with_context(|| format!("remove the control group {name}"))?;
        removed.push(format!("control group {name}"));
    }
    let folder = std::env::temp_dir();
    for name in listed(&folder)? {
        let home = folder.join(&name);
        shell::try_run("chattr", &["-R", "-i", &home.to_string_lossy()]);
        std::fs::remove_dir_all(&home).with_context(|| format!("remove {}", home.display()))?;
        removed.push(home.display().to_string());
    }
    Ok(removed)
}

/// Whether something of this name was made by a run that is over.
fn is_stale(name: &str) -> bool {
    names::maker(name).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

/// Names in a folder that runs left there.
fn listed(folder: impl AsRef<Path>) -> Result<Vec<String>> {
    let folder = folder.as_ref();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| is_stale(name)).collect())
}

fn thaw_and_unmount(removed: &mut Vec<String>) -> Result<()> {
    let mounts = std::fs::read_to_string("/proc/mounts").context("read /proc/mounts")?;
    let folders: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    let of_runs = folders.iter().rev().filter(|folder| {
        let parts = Path::new(folder).components();
        parts.filter_map(|part| part.as_os_str().to_str()).any(is_stale) && !folder.starts_with("/run/netns")
    });
    for folder in of_runs {
        shell::try_run("fsfreeze", &["--unfreeze", folder]);
        shell::run("umount", &["--lazy", folder])?;
        removed.push(format!("mount {folder}"));
    }
    Ok(())
}
