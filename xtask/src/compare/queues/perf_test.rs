//! RabbitMQ's load generator, run and read: a line a second.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// More than it needs: what Java does with memory is not measured here.
const JAVA_HEAP: &str = "-Xmx2g";

/// The jars of `PerfTest`, and where it may write.
pub(crate) struct PerfTest {
    pub(crate) jars: PathBuf,
    pub(crate) folder: PathBuf,
}

/// What was counted in one second.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Second {
    /// Seconds since the load began.
    pub(crate) at: f64,
    /// Messages a second.
    pub(crate) sent: f64,
    pub(crate) confirmed: f64,
    pub(crate) nacked: f64,
    pub(crate) received: f64,
    /// From publishing to receiving; absent when nothing was received.
    pub(crate) end_to_end: Option<Latency>,
    /// From publishing to the confirm; absent when nothing was confirmed.
    pub(crate) confirm: Option<Latency>,
}

/// Of the messages of one second, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl PerfTest {
    /// Runs it to its end. `on_second` gets every second as it is over, and the generator's process id.
    pub(crate) fn run(
        &self,
        uris: &[String],
        arguments: &[String],
        mut on_second: impl FnMut(Second, u32) -> Result<()>,
    ) -> Result<()> {
        let log = self.folder.join("perf-test.log");
        let mut command = Command::new("java");
        command.arg(JAVA_HEAP).arg("-cp").arg(self.jars.join("*")).arg("com.rabbitmq.perf.PerfTest");
        command.args(["--uris", &uris.join(",")]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(&log)?);
        let mut child = Running(command.spawn().context("start java; is it installed?")?);
        let pid = child.0.id();
        let output = child.0.stdout.take().context("its output is piped")?;
        let mut rest = Vec::new();
        for line in BufReader::new(output).lines() {
            let line = line.context("read what PerfTest prints")?;
            match parse(&line) {
                Some(second) => on_second(second, pid)?,
                None => rest.push(line),
            }
        }
        let status = child.0.wait().context("wait for PerfTest")?;
        ensure!(status.success(), "PerfTest ended with {status}:\n{}{}", rest.join("\n"), said(&log));
        Ok(())
    }
}

/// Killed when dropped, which it is early only if something failed.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn said(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// A line of its default format; `None` for a line of another kind.
fn parse(line: &str) -> Option<Second> {
    let rest = line.split_once(", time ")?.1;
    let (at, _) = rest.split_once(" s")?;
    let rate = |name: &str| -> Option<f64> {
        let (_, value) = rest.split_once(&format!("{name}: "))?;
        value.split_once(" msg/s")?.0.parse().ok()
    };
    Some(Second {
        at: at.parse().ok()?,
        sent: rate("sent").unwrap_or_default(),
        confirmed: rate("confirmed").unwrap_or_default(),
        nacked: rate("nacked").unwrap_or_default(),
        received: rate("received").unwrap_or_default(),
        end_to_end: latency(rest, "consumer latency: "),
        confirm: latency(rest, "confirm latency: "),
    })
}

/// Five percentiles in microseconds, of which the second and the last are wanted.
fn latency(line: &str, name: &str) -> Option<Latency> {
    let percentiles = line.split_once(name)?.1.split([' ', ',']).next()?;
    let percentiles: Vec<f64> = percentiles.split('/').map(str::parse).collect::<Result<_, _>>().ok()?;
    let &[_, p50, _, _, p99] = percentiles.as_slice() else { return None };
    // All are 0 in a second without any message.
    (p99 > 0.0).then(|| Latency { p50: p50 / 1e3, p99: p99 / 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_publishers_and_consumers() {
        let line = "id: test-070424-223, time 2.003 s, sent: 7956 msg/s, confirmed: 7960 msg/s, nacked: 1 msg/s, \
                    received: 6624 msg/s, min/median/75th/95th/99th consumer latency: 37269/89038/129507/321038/331709 µs, \
                    confirm latency: 28414/83138/108235/141002/151063 µs";
        let expected = Second {
            at: 2.003,
            sent: 7956.0,
            confirmed: 7960.0,
            nacked: 1.0,
            received: 6624.0,
            end_to_end: Some(Latency { p50: 89.038, p99: 331.709 }),
            confirm: Some(Latency { p50: 83.138, p99: 151.063 }),
        };
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    fn a_second_of_consumers_alone() {
        let line = "id: x, time 1.000 s, received: 100 msg/s, min/median/75th/95th/99th consumer latency: 0/0/0/0/0 µs";
        assert_eq!(parse(line), Some(Second { at: 1.0, received: 100.0, ..Second::default() }));
    }

    #[test]
    fn other_lines_are_none_of_a_second() {
        for line in
            ["", "id: x, starting consumer #0", "id: x, sending rate avg: 7122 msg/s", "id: x, time soon"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
