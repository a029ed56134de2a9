//! What monitoring reads, under the names that ZooKeeper gives it: collected once, shown as `mntr`, as JSON and for
//! Prometheus.
//!
//! Only what this server knows is here. What ZooKeeper measures of stages that this server does not have is absent, and
//! `docs/monitoring.md` says so.

mod flat;
mod prometheus;
mod quorum;
mod times;
mod traffic;
mod tree;

use control::{LogStatus, Role};
use measure::Summary;

pub(crate) use flat::{Number, decimal, flatten, rounded};
pub(crate) use traffic::one_sided;

use crate::about::version_line;
use crate::process;
use crate::serve::Server;

/// A number, or several, under a name of ZooKeeper's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    /// Without `zk_`.
    pub(crate) name: &'static str,
    /// Its meaning and unit in a sentence.
    pub(crate) help: &'static str,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Not for Prometheus, which takes numbers only.
    Text(String),
    /// Goes up and down.
    Gauge(i64),
    /// Likewise, with decimals.
    Real(f64),
    /// Only grows, until the process ends or counts begin anew.
    Counter(u64),
    /// Gauges by the first name of a path.
    ByNamespace(Vec<(String, i64)>),
    /// How often, how long, how many.
    Summary {
        /// What was counted.
        summary: Summary,
        unit: Unit,
        detail: Detail,
    },
}

/// What a summary's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Microseconds, shown in milliseconds.
    Micros,
    /// As they are.
    Plain,
}

/// Which of ZooKeeper's two kinds of summaries: they differ in their quantiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The median, for Prometheus only.
    Basic,
    /// Several.
    Advanced,
}

#[derive(Default)]
pub(crate) struct Metrics(Vec<Metric>);

impl Metrics {
    fn put(&mut self, name: &'static str, value: Value, help: &'static str) {
        self.0.push(Metric { name, help, value });
    }

    fn text(&mut self, name: &'static str, text: impl Into<String>, help: &'static str) {
        self.put(name, Value::Text(text.into()), help);
    }

    fn gauge(&mut self, name: &'static str, value: impl TryInto<i64>, help: &'static str) {
        self.put(name, Value::Gauge(value.try_into().unwrap_or(i64::MAX)), help);
    }

    fn counter(&mut self, name: &'static str, value: u64, help: &'static str) {
        self.put(name, Value::Counter(value), help);
    }

    fn times(&mut self, name: &'static str, micros: Summary, detail: Detail, help: &'static str) {
        self.put(name, Value::Summary { summary: micros, unit: Unit::Micros, detail }, help);
    }

    fn counts(&mut self, name: &'static str, counts: Summary, detail: Detail, help: &'static str) {
        self.put(name, Value::Summary { summary: counts, unit: Unit::Plain, detail }, help);
    }
}

/// All of them. What depends on the cluster is left out while nobody leads.
pub(crate) fn collect(server: &Server, status: Option<&LogStatus>) -> Vec<Metric> {
    let mut metrics = Metrics::default();
    metrics.text("version", version_line(), "Version of the server.");
    if let Some(status) = status {
        quorum::put_state(&mut metrics, status);
    }
    put_process(&mut metrics, server);
    traffic::put(&mut metrics, server);
    tree::put(&mut metrics, server);
    quorum::put_counts(&mut metrics, server);
    if let Some(status) = status {
        quorum::put(&mut metrics, server, status);
    }
    times::put(&mut metrics, server);
    metrics.0
}

fn put_process(metrics: &mut Metrics, server: &Server) {
    let uptime = server.runtime.clock.now().saturating_since(server.started);
    metrics.gauge("uptime", uptime.as_millis(), "Milliseconds since the server was started.");
    let (open, max) = (process::open_files(), process::open_files_max());
    metrics.gauge("open_file_descriptor_count", open, "Open file descriptors of the process.");
    metrics.gauge("max_file_descriptor_count", max, "File descriptors that the process may open.");
}

impl Server {
    /// All metrics that are numbers, in Prometheus' text format and under ZooKeeper's names for it.
    pub fn prometheus(&self) -> String {
        let status = self.control.status().filter(|status| status.role != Role::Looking);
        let mut text = String::new();
        prometheus::put(&collect(self, status.as_ref()), &mut text);
        text
    }
}
