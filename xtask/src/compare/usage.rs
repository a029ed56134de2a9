//! What the kernel knows of a process: processor time and memory.

use std::fs;

use anyhow::{Context, Result};

use crate::shell::program;

/// Reads processor times: how long the kernel's unit is has to be asked for once.
pub(crate) struct Processors {
    ticks_per_second: f64,
}

impl Processors {
    pub(crate) fn new() -> Result<Self> {
        let output = program("getconf").arg("CLK_TCK").output().context("run getconf")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let ticks_per_second = text.trim().parse().context("getconf CLK_TCK says no number")?;
        Ok(Self { ticks_per_second })
    }

    /// Seconds that all threads of these processes have run, user and system.
    pub(crate) fn seconds(&self, pids: &[u32]) -> Result<f64> {
        let ticks = pids.iter().map(|&pid| {
            let stat = read(pid, "stat")?;
            ticks(&stat).with_context(|| format!("/proc/{pid}/stat is not as proc(5) says: {stat}"))
        });
        Ok(ticks.sum::<Result<u64>>()? as f64 / self.ticks_per_second)
    }
}

/// Memory of process `pid` that is resident now.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    let status = read(pid, "status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS in the node's status")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is not in kB")?;
    Ok(kilobytes / 1024.0)
}

fn read(pid: u32, file: &str) -> Result<String> {
    fs::read_to_string(format!("/proc/{pid}/{file}"))
        .with_context(|| format!("read /proc/{pid}/{file}; is process {pid} still running?"))
}

/// Fields are counted from behind the command's name, which may contain spaces and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_contain_anything() {
        assert_eq!(ticks("42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 700 50 0 0 20 0 1 0"), Some(750));
        assert_eq!(ticks("42 (a) S 1 2"), None);
    }
}
