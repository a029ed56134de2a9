//! What a scenario needs of the machine.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;

use crate::disk::{FileSystem, Image};
use crate::faults::CONTROL_GROUPS;
use crate::net::{CLIENTS, Namespace, Tap};
use crate::node::Kind;
use crate::scenario::{Clocks, Scenario};
use crate::{names, shell};

/// What is missing for any scenario; empty if a host can be made. That is tried once, as a container may refuse to root what
/// the kernel could do.
pub fn missing_for_all() -> &'static [String] {
    static MISSING: OnceLock<Vec<String>> = OnceLock::new();
    MISSING.get_or_init(|| {
        let mut missing = Vec::new();
        if !rustix::process::geteuid().is_root() {
            missing.push("only root may make network namespaces: run it with sudo".into());
        }
        if !Path::new("/dev/net/tun").exists() {
            missing.push(
                "/dev/net/tun is missing: the kernel needs TUN/TAP (CONFIG_TUN, `modprobe tun`)".into(),
            );
        }
        if !shell::exists("ip") {
            missing.push("`ip` is missing: install it (Debian: apt-get install iproute2)".into());
        }
        if missing.is_empty()
            && let Err(error) = try_host()
        {
            missing.push(format!("a network namespace with a TAP device can't be made: {error:#}"));
        }
        missing
    })
}

/// Makes a host, which is gone at once.
fn try_host() -> Result<()> {
    let namespace = Namespace::create(names::namespace(CLIENTS))?;
    Tap::create(&namespace, CLIENTS, &[CLIENTS]).map(drop)
}

/// What is missing for a disk with this file system; empty if one can be made. That is tried once for each.
fn missing_for_disk(file_system: FileSystem) -> &'static [String] {
    static EXT4: OnceLock<Vec<String>> = OnceLock::new();
    static XFS: OnceLock<Vec<String>> = OnceLock::new();
    let known = match file_system {
        FileSystem::Ext4 => &EXT4,
        FileSystem::Xfs => &XFS,
    };
    known.get_or_init(|| {
        let folder = names::home().join("try");
        let made = Image::create(&folder, file_system, false, true).map(drop);
        // What is left is found by `quorate-chaos clean`.
        let _ = std::fs::remove_dir_all(&folder);
        let name = file_system.name();
        made.err()
            .map(|error| format!("a disk with {name} can't be mounted: {error:#}"))
            .into_iter()
            .collect()
    })
}

/// What is missing for a scenario with this server, and what to do; empty if it can run.
pub fn missing(scenario: &Scenario, kind: Kind) -> Vec<String> {
    let mut missing = missing_for_all().to_vec();
    let mut need = |program: &str, package: &str| {
        if !shell::exists(program) {
            missing.push(format!("`{program}` is missing: install it (Debian: apt-get install {package})"));
        }
    };
    if kind == Kind::Zookeeper {
        need("java", "default-jre-headless");
    }
    if let Some(disks) = scenario.disks {
        match disks {
            FileSystem::Ext4 => need("mkfs.ext4", "e2fsprogs"),
            FileSystem::Xfs => need("mkfs.xfs", "xfsprogs"),
        }
        need("fsfreeze", "util-linux");
        need("findmnt", "util-linux");
        let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !known.lines().any(|line| line.split_whitespace().last() == Some(disks.name())) {
            missing.push(format!("the kernel has no {}", disks.name()));
        }
        if !Path::new("/dev/loop-control").exists() {
            missing
                .push("/dev/loop-control is missing: the kernel needs loop devices (`modprobe loop`)".into());
        }
        if missing.is_empty() {
            missing.extend_from_slice(missing_for_disk(disks));
        }
    }
    if scenario.devices_fail {
        const EXT4_MAGIC: i128 = 0xef53;
        let folder = std::env::temp_dir();
        if rustix::fs::statfs(&folder).map_or(true, |found| i128::from(found.f_type) != EXT4_MAGIC) {
            missing.push(format!("{} is not on ext4: name a folder that is in TMPDIR", folder.display()));
        }
    }
    if scenario.clocks != Clocks::Real && fake_time().is_none() {
        missing.push("libfaketime is missing: install it (Debian: apt-get install faketime)".into());
    }
    let limit = Path::new(CONTROL_GROUPS).join("blkio.throttle.write_iops_device");
    if scenario.throttles && !limit.exists() {
        missing
            .push(format!("{CONTROL_GROUPS} can't limit devices: the kernel needs blkio groups, version 1"));
    }
    missing
}

/// The library that fakes the wall clock, for programs with threads.
pub fn fake_time() -> Option<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime"];
    folders.iter().map(|folder| Path::new(folder).join("libfaketimeMT.so.1")).find(|file| file.exists())
}
