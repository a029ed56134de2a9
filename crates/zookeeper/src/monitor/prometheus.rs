//! Metrics in Prometheus' text format, as ZooKeeper's provider for it names them: without a prefix.

use std::fmt::Write;

use measure::Summary;

use super::{Detail, Metric, Unit, Value};

/// Appends all metrics that are numbers. Times are in milliseconds, as ZooKeeper's are, but with decimals.
pub(crate) fn put(metrics: &[Metric], text: &mut String) {
    for Metric { name, help, value } in metrics {
        let kind = match value {
            Value::Text(_) => continue,
            Value::Gauge(_) | Value::Real(_) | Value::ByNamespace(_) => "gauge",
            Value::Counter(_) => "counter",
            Value::Summary { .. } => "summary",
        };
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        put_samples(name, value, text);
    }
}

fn put_samples(name: &str, value: &Value, text: &mut String) {
    let _ = match value {
        Value::Text(_) => Ok(()),
        Value::Gauge(number) => writeln!(text, "{name} {number}"),
        Value::Real(number) => writeln!(text, "{name} {number}"),
        Value::Counter(number) => writeln!(text, "{name} {number}"),
        Value::ByNamespace(numbers) => numbers.iter().try_for_each(|(key, number)| {
            let key = escaped(key);
            writeln!(text, "{name}{{key=\"{key}\"}} {number}")
        }),
        Value::Summary { summary, unit, detail } => {
            put_summary(name, summary, *unit, *detail, text);
            Ok(())
        }
    };
}

fn put_summary(name: &str, summary: &Summary, unit: Unit, detail: Detail, text: &mut String) {
    let divisor = match unit {
        Unit::Micros => 1000.0,
        Unit::Plain => 1.0,
    };
    let quantiles: &[f64] = match detail {
        Detail::Basic => &[0.5],
        Detail::Advanced => &[0.5, 0.9, 0.99],
    };
    for part in quantiles {
        // As with every summary that has counted nothing.
        let quantile = if summary.count() == 0 { f64::NAN } else { summary.quantile(*part) as f64 / divisor };
        let _ = writeln!(text, "{name}{{quantile=\"{part}\"}} {quantile}");
    }
    let _ = writeln!(text, "{name}_sum {}\n{name}_count {}", summary.sum() as f64 / divisor, summary.count());
}

/// A label's value may hold any character but these three as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use measure::Histogram;

    use super::*;

    fn text(value: Value) -> String {
        let mut text = String::new();
        put(&[Metric { name: "x", help: "What.", value }], &mut text);
        text
    }

    #[test]
    fn numbers_have_a_kind() {
        assert_eq!(text(Value::Gauge(-1)), "# HELP x What.\n# TYPE x gauge\nx -1\n");
        assert_eq!(text(Value::Counter(7)), "# HELP x What.\n# TYPE x counter\nx 7\n");
        assert_eq!(text(Value::Text("leader".into())), "");
    }

    #[test]
    fn labels_are_escaped() {
        let by_namespace = Value::ByNamespace(vec![("a\"b\\c\nd".into(), 1)]);
        assert!(text(by_namespace).ends_with("x{key=\"a\\\"b\\\\c\\nd\"} 1\n"));
    }

    #[test]
    fn summaries_have_quantiles_in_milliseconds() {
        let histogram = Histogram::default();
        histogram.record(250);
        let summary =
            Value::Summary { summary: histogram.summary(), unit: Unit::Micros, detail: Detail::Advanced };
        assert_eq!(
            text(summary),
            "# HELP x What.\n# TYPE x summary\nx{quantile=\"0.5\"} 0.25\nx{quantile=\"0.9\"} 0.25\n\
             x{quantile=\"0.99\"} 0.25\nx_sum 0.25\nx_count 1\n"
        );
        let nothing =
            Value::Summary { summary: Summary::default(), unit: Unit::Plain, detail: Detail::Basic };
        assert!(text(nothing).contains("x{quantile=\"0.5\"} NaN\nx_sum 0\nx_count 0\n"));
    }
}
