//! Metrics as `mntr` and `/commands/monitor` show them: one number a key.

use std::fmt;

use measure::Summary;

use super::{Detail, Metric, Unit, Value};

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Number {
    Text(String),
    Whole(i64),
    /// Four decimals at most.
    Real(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Text(text) => f.write_str(text),
            Number::Whole(number) => number.fmt(f),
            Number::Real(number) => f.write_str(&decimal(*number)),
        }
    }
}

/// Keys, without `zk_`, and what they show.
pub(crate) fn flatten(metrics: Vec<Metric>) -> Vec<(String, Number)> {
    let mut flat = Vec::new();
    for Metric { name, value, .. } in metrics {
        match value {
            Value::Text(text) => flat.push((name.to_owned(), Number::Text(text))),
            Value::Gauge(number) => flat.push((name.to_owned(), Number::Whole(number))),
            Value::Real(number) => flat.push((name.to_owned(), Number::Real(number))),
            Value::Counter(number) => flat.push((name.to_owned(), whole(number))),
            Value::ByNamespace(numbers) => flat.extend(
                numbers.into_iter().map(|(key, number)| (format!("{key}_{name}"), Number::Whole(number))),
            ),
            Value::Summary { summary, unit, detail } => put_summary(name, &summary, unit, detail, &mut flat),
        }
    }
    flat
}

fn put_summary(name: &str, summary: &Summary, unit: Unit, detail: Detail, flat: &mut Vec<(String, Number)>) {
    let divisor = match unit {
        Unit::Micros => 1000,
        Unit::Plain => 1,
    };
    let shown = |number: u64| whole(number / divisor);
    flat.push((format!("avg_{name}"), Number::Real(summary.mean() / divisor as f64)));
    flat.push((format!("min_{name}"), shown(summary.min())));
    flat.push((format!("max_{name}"), shown(summary.max())));
    flat.push((format!("cnt_{name}"), whole(summary.count())));
    flat.push((format!("sum_{name}"), shown(summary.sum())));
    if detail == Detail::Advanced {
        for (key, part) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)] {
            flat.push((format!("{key}_{name}"), shown(summary.quantile(part))));
        }
    }
}

fn whole(number: u64) -> Number {
    Number::Whole(i64::try_from(number).unwrap_or(i64::MAX))
}

/// To four decimals.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// Up to four decimals, at least one.
pub(crate) fn decimal(number: f64) -> String {
    let text = format!("{number:.4}");
    let shorter = text.trim_end_matches('0');
    if shorter.ends_with('.') { format!("{shorter}0") } else { shorter.to_owned() }
}

#[cfg(test)]
mod tests {
    use measure::Histogram;

    use super::*;

    fn lines(value: Value) -> Vec<String> {
        let metric = Metric { name: "x", help: "", value };
        flatten(vec![metric]).into_iter().map(|(key, number)| format!("{key} {number}")).collect()
    }

    #[test]
    fn decimals_look_like_those_of_zookeeper() {
        assert_eq!(decimal(0.0), "0.0");
        assert_eq!(decimal(1.25), "1.25");
        assert_eq!(decimal(2.0 / 3.0), "0.6667");
    }

    #[test]
    fn plain_values_have_a_line() {
        assert_eq!(lines(Value::Text("a b".into())), ["x a b"]);
        assert_eq!(lines(Value::Gauge(-1)), ["x -1"]);
        assert_eq!(lines(Value::Real(0.5)), ["x 0.5"]);
        assert_eq!(lines(Value::Counter(7)), ["x 7"]);
        assert_eq!(lines(Value::ByNamespace(vec![("app".into(), 3)])), ["app_x 3"]);
    }

    #[test]
    fn summaries_have_a_line_for_each_statistic() {
        let histogram = Histogram::default();
        histogram.record(1500);
        histogram.record_many(3000, 3);
        let summary = histogram.summary();
        let basic = Value::Summary { summary: summary.clone(), unit: Unit::Micros, detail: Detail::Basic };
        assert_eq!(lines(basic), ["avg_x 2.625", "min_x 1", "max_x 3", "cnt_x 4", "sum_x 10"]);
        let advanced = Value::Summary { summary, unit: Unit::Plain, detail: Detail::Advanced };
        let quantiles = lines(advanced).split_off(5);
        assert_eq!(quantiles, ["p50_x 3000", "p95_x 3000", "p99_x 3000", "p999_x 3000"]);
    }
}
