//! What the kernel knows of a process: processor time and memory.

use std::fs;

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// A process at a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time of all threads since the start, in seconds.
    pub(crate) cpu_seconds: f64,
}

/// Memory of a process.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Resident now, in bytes.
    pub(crate) rss_bytes: u64,
    /// Most that was ever resident, in bytes.
    pub(crate) rss_max_bytes: u64,
}

/// Processor time of process `pid`, from `/proc/PID/stat`.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let stat = read(pid, "stat")?;
    let ticks = cpu_ticks(&stat).with_context(|| format!("read the processor time of process {pid}"))?;
    Ok(Usage { cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64 })
}

/// Processor times of processes, in their order.
pub(crate) fn usages(pids: &[u32]) -> Result<Vec<Usage>> {
    pids.iter().map(|&pid| usage(pid)).collect()
}

/// Memory of process `pid`, from `/proc/PID/status`.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let status = read(pid, "status")?;
    let field = |name| kilobytes(&status, name).with_context(|| format!("find {name} of process {pid}"));
    Ok(Memory { rss_bytes: field("VmRSS:")? * 1024, rss_max_bytes: field("VmHWM:")? * 1024 })
}

fn read(pid: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("read /proc/{pid}/{file}; is process {pid} still running?"))
}

/// User and system time, in clock ticks. The fields are counted from behind the command's name, which may contain spaces
/// and parentheses (proc(5)).
fn cpu_ticks(stat: &str) -> Result<u64> {
    let Some((_, fields)) = stat.rsplit_once(')') else { bail!("no command name in {stat:?}") };
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next().context("too few fields")?.parse::<u64>().context("not a number");
    Ok(next()? + next()?)
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_contain_anything() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 700 50 0 0 20 0 1 0";
        assert_eq!(cpu_ticks(stat).unwrap(), 750);
    }

    #[test]
    fn this_process_uses_memory() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.rss_bytes > 0 && memory.rss_max_bytes >= memory.rss_bytes / 2);
        assert!(usage(std::process::id()).unwrap().cpu_seconds >= 0.0);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let error = usage(u32::MAX).unwrap_err();
        assert!(error.to_string().contains("4294967295"), "{error}");
    }
}
