//! How much memory the machine lets this process have.

use std::fs::read_to_string;
use std::path::Path;

/// Where Linux shows control groups.
const GROUPS: &str = "/sys/fs/cgroup";

/// The memory of the machine or, where that is less, what the process' control group and those above it may use, in bytes.
/// `None` where the system does not tell.
pub fn memory_bytes() -> Option<u64> {
    let machine = read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups).into_iter().filter_map(|file| limit(&read_to_string(file).ok()?));
    machine.into_iter().chain(limits).min()
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// The files that may hold a limit, of both versions of control groups. Inside of a container the group's own path may not
/// be visible, and the root is the container's.
fn limit_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, name) = match controllers {
            "" => (GROUPS.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                (format!("{GROUPS}/memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let above = Path::new(path).ancestors().map(|group| group.to_string_lossy().into_owned());
        files.extend(above.map(|group| format!("{root}{}/{name}", group.trim_end_matches('/'))));
    }
    files
}

/// `max` is none. The first version writes a huge number instead, which the machine's memory is below.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_the_machine_is_told_in_kilobytes() {
        assert_eq!(total("MemTotal:        2048 kB\nMemFree:  1 kB\n"), Some(2 << 20));
        assert_eq!(total("MemFree:  1 kB\n"), None);
    }

    #[test]
    fn a_group_and_those_above_it_may_limit() {
        let files = limit_files("1:name=systemd:/x\n0::/pod/app\n");
        let expected = ["/pod/app", "/pod", ""].map(|group| format!("/sys/fs/cgroup{group}/memory.max"));
        assert_eq!(files, expected);
        let files = limit_files("4:cpu,memory:/a\n");
        let expected = ["/a", ""].map(|group| format!("/sys/fs/cgroup/memory{group}/memory.limit_in_bytes"));
        assert_eq!(files, expected);
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(limit("max\n"), None);
        assert_eq!(limit("1048576\n"), Some(1 << 20));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_memory() {
        assert!(memory_bytes().unwrap() > 1 << 20);
    }
}
