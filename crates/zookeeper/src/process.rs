//! What the operating system knows of this process. Where it does not tell, numbers are -1 and texts empty.

const UNKNOWN: i64 = -1;

pub(crate) fn open_files() -> i64 {
    let files = std::fs::read_dir("/proc/self/fd");
    files.map_or(UNKNOWN, |files| i64::try_from(files.count()).unwrap_or(i64::MAX))
}

pub(crate) fn open_files_max() -> i64 {
    std::fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| soft_limit(&limits))
        .unwrap_or(UNKNOWN)
}

/// The soft limit stands in front of the hard one: `Max open files   1024   4096   files`.
fn soft_limit(limits: &str) -> Option<i64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

pub(crate) fn host_name() -> String {
    kernel("hostname")
}

pub(crate) fn os_version() -> String {
    kernel("osrelease")
}

fn kernel(name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let limits =
            "Max processes  1  2 processes\nMax open files            1024                 4096  files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files unlimited unlimited"), None);
    }
}
