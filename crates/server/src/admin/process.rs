//! What the operating system counts for this process, under the names that Prometheus' client libraries give it.

use metrics::{counter, gauge};

/// The kernel counts processor time for user space in hundredths of a second, whatever it ticks with itself.
const TICKS_PER_SECOND: u64 = 100;

/// Where the system does not tell, nothing is shown.
pub(super) fn put() {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    let status = read("status");
    for (name, field) in
        [("process_resident_memory_bytes", "VmRSS:"), ("process_virtual_memory_bytes", "VmSize:")]
    {
        if let Some(kilobytes) = kilobytes(&status, field) {
            gauge!(name).set((kilobytes * 1024) as f64);
        }
    }
    if let Some(ticks) = processor_ticks(&read("stat")) {
        counter!("process_cpu_seconds_total").absolute(ticks / TICKS_PER_SECOND);
    }
}

fn kilobytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// In user and in system mode: fields 14 and 15. The second is the program's name in parentheses, which may hold anything.
fn processor_ticks(stat: &str) -> Option<u64> {
    let mut behind_name = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || behind_name.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_kilobytes() {
        let status = "Name:\tquorate\nVmSize:\t  2048 kB\nVmRSS:\t    12 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(12));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[test]
    fn a_name_does_not_hide_the_times() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345";
        assert_eq!(processor_ticks(stat), Some(300));
        assert_eq!(processor_ticks(""), None);
    }
}
