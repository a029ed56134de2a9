//! What a scenario needs of the machine.

use std::path::{Path, PathBuf};

use crate::disk::FileSystem;
use crate::faults::CONTROL_GROUPS;
use crate::node::Kind;
use crate::scenario::Scenario;
use crate::shell;

/// What is missing for a scenario with this server, and what to do; empty if it can run.
pub fn missing(scenario: &Scenario, kind: Kind) -> Vec<String> {
    let mut missing = Vec::new();
    if !rustix::process::geteuid().is_root() {
        missing.push("only root may make network namespaces: run it with sudo".into());
    }
    if !Path::new("/dev/net/tun").exists() {
        missing.push("/dev/net/tun is missing: the kernel needs TUN/TAP (CONFIG_TUN, `modprobe tun`)".into());
    }
    let mut need = |program: &str, package: &str| {
        if !shell::exists(program) {
            missing.push(format!("`{program}` is missing: install it (Debian: apt-get install {package})"));
        }
    };
    need("ip", "iproute2");
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
    }
    if scenario.devices_fail {
        const EXT4_MAGIC: i128 = 0xef53;
        let folder = std::env::temp_dir();
        if rustix::fs::statfs(&folder).map_or(true, |found| i128::from(found.f_type) != EXT4_MAGIC) {
            missing.push(format!("{} is not on ext4: name a folder that is in TMPDIR", folder.display()));
        }
    }
    if scenario.clocks && fake_time().is_none() {
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
