//! Runs the load generator and reads what it reports.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// What is in a znode where nothing else is said.
pub(crate) const DATA_BYTES: usize = 100;

/// The program `quorate bench zookeeper`, with what all loads have in common.
pub(crate) struct Generator {
    program: PathBuf,
    secs: f64,
    warmup_secs: f64,
}

/// One kind of load.
#[derive(Clone, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) op: &'a str,
    pub(crate) conns: usize,
    pub(crate) pipeline: usize,
    /// Bytes of data in a znode.
    pub(crate) size: usize,
}

/// A generator at work.
pub(crate) struct Running(Child);

impl Generator {
    pub(crate) fn new(program: PathBuf, secs: f64, warmup_secs: f64) -> Self {
        Self { program, secs, warmup_secs }
    }

    /// Runs `load` to its end.
    pub(crate) fn measure(&self, load: &Load<'_>, servers: &[String], pids: &[u32]) -> Result<Report> {
        let mut command = self.command(load, servers);
        command.args(["--secs", &self.secs.to_string(), "--warmup-secs", &self.warmup_secs.to_string()]);
        if !pids.is_empty() {
            command.args(["--pids", &list(pids)]);
        }
        start(&mut command)?.finish()
    }

    /// Starts a load of `secs` seconds without warm-up that survives the loss of servers. It reports also how many answers
    /// came in each stretch of `stretch_ms`, if that is not 0.
    pub(crate) fn start_through_faults(
        &self,
        load: &Load<'_>,
        servers: &[String],
        secs: f64,
        stretch_ms: u64,
    ) -> Result<Running> {
        let mut command = self.command(load, servers);
        command.args(["--secs", &secs.to_string(), "--warmup-secs", "0", "--reconnect"]);
        command.args(["--series-ms", &stretch_ms.to_string()]);
        start(&mut command)
    }

    /// Makes `znodes` znodes and no load.
    pub(crate) fn prefill(&self, servers: &[String], znodes: usize) -> Result<Report> {
        let mut command = self.command(&Load { op: "get", conns: 1, pipeline: 1, size: DATA_BYTES }, servers);
        command.args(["--secs", "0", "--warmup-secs", "0", "--prefill", &znodes.to_string()]);
        start(&mut command)?.finish()
    }

    /// How long changes take to reach many watchers.
    pub(crate) fn fanout(&self, servers: &[String], watchers: usize) -> Result<Report> {
        let mut command = Command::new(&self.program);
        command.args(["bench", "fanout", "--json", "--servers", &servers.join(",")]);
        command.args(["--watchers", &watchers.to_string()]);
        start(&mut command)?.finish()
    }

    fn command(&self, load: &Load<'_>, servers: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["bench", "zookeeper", "--json", "--servers", &servers.join(","), "--op", load.op]);
        command.args(["--conns", &load.conns.to_string(), "--pipeline", &load.pipeline.to_string()]);
        command.args(["--size", &load.size.to_string()]);
        command
    }
}

fn start(command: &mut Command) -> Result<Running> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = command.spawn().with_context(|| format!("start {:?}", command.get_program()))?;
    Ok(Running(child))
}

impl Running {
    pub(crate) fn finish(self) -> Result<Report> {
        let output = self.0.wait_with_output().context("wait for the load generator")?;
        ensure!(output.status.success(), "the load generator ended with {}", output.status);
        let report = serde_json::from_slice(&output.stdout).context("read the load generator's report")?;
        Ok(Report(report))
    }
}

/// What the generator reports.
#[derive(Debug)]
pub(crate) struct Report(Value);

impl Report {
    /// The number at `pointer`, a JSON pointer.
    pub(crate) fn number(&self, pointer: &str) -> Result<f64> {
        let found = self.0.pointer(pointer).and_then(Value::as_f64);
        found.with_context(|| format!("the load generator's report has no number at {pointer}: {}", self.0))
    }

    /// The whole numbers at `pointer`.
    pub(crate) fn numbers(&self, pointer: &str) -> Result<Vec<u64>> {
        let found = self.0.pointer(pointer).and_then(Value::as_array);
        let found = found.with_context(|| format!("the load generator's report has no list at {pointer}"))?;
        let numbers = found.iter().map(|number| number.as_u64().context("a count is no whole number"));
        numbers.collect()
    }
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
