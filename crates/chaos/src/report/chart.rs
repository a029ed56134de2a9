//! Pictures of a run, as SVG.

use std::fmt::Write;

use super::{Mark, Report};
use crate::clients::{BUCKET, Bucket};

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 60.0;
const RATE_HEIGHT: f64 = 150.0;
const LATENCY_HEIGHT: f64 = 150.0;
const GAP: f64 = 34.0;
const LABEL: f64 = 11.0;
const AXIS: f64 = 24.0;
/// Rows for names of faults above the pictures: neighbours do not write over each other.
const ROWS: usize = 4;
/// What latencies are drawn between, in milliseconds, each ten times the one before.
const DECADES: [f64; 6] = [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0];

/// Throughput above, latency below, faults shaded across both.
pub(super) fn chart(report: &Report) -> String {
    let top = ROWS as f64 * LABEL + 20.0;
    let bottom = top + RATE_HEIGHT + GAP + LATENCY_HEIGHT;
    let series = report.series_at_work();
    let seconds = (series.len() as f64 * BUCKET.as_secs_f64()).max(1.0);
    let x = |at_seconds: f64| LEFT + at_seconds / seconds * (WIDTH - LEFT);
    let mut svg = format!(
        r#"<svg viewBox="0 0 {WIDTH} {}" role="img" aria-label="throughput and latency over time">"#,
        bottom + AXIS
    );
    for (number, mark) in report.marks.iter().enumerate() {
        svg += &shade(mark, number, bottom, &x);
    }
    svg += &rates(series, top, &x);
    svg += &latencies(series, top + RATE_HEIGHT + GAP, &x);
    svg += &time_axis(seconds, bottom, &x);
    svg + "</svg>"
}

fn shade(mark: &Mark, number: usize, bottom: f64, x: &impl Fn(f64) -> f64) -> String {
    let (from, until) = (x(mark.from_ms as f64 / 1000.0), x(mark.until_ms as f64 / 1000.0));
    let class = if mark.bit { "fault" } else { "fault blunt" };
    let row = (number % ROWS) as f64 * LABEL + LABEL;
    format!(
        r#"<g class="{class}"><title>{name}: {detail}. {shown}</title><rect x="{from:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/><text x="{from:.1}" y="{row:.1}">{name}</text></g>"#,
        name = escape(&mark.name),
        detail = escape(&mark.detail),
        shown = escape(&mark.shown),
        y = row + 2.0,
        width = (until - from).max(1.5),
        height = bottom - row - 2.0,
    )
}

fn rates(series: &[Bucket], top: f64, x: &impl Fn(f64) -> f64) -> String {
    let per_second = |bucket: &Bucket| f64::from(bucket.answered) / BUCKET.as_secs_f64();
    let most = series.iter().map(per_second).fold(1.0, f64::max);
    let round = 10_f64.powf(most.log10().floor());
    let ceiling = (most / round).ceil() * round;
    let y = |rate: f64| top + RATE_HEIGHT * (1.0 - rate / ceiling);
    let written = |bucket: &Bucket| f64::from(bucket.written) / BUCKET.as_secs_f64();
    let mut svg = grid(&[0.0, ceiling / 2.0, ceiling], &y, |rate| format!("{rate:.0}"));
    svg += &title("answers a second, and acknowledged writes among them (below)", top);
    svg += &line("rate", series, x, |bucket| Some(y(per_second(bucket))));
    svg + &line("written", series, x, |bucket| Some(y(written(bucket))))
}

fn latencies(series: &[Bucket], top: f64, x: &impl Fn(f64) -> f64) -> String {
    let (low, high) = (DECADES[0].log10(), DECADES[DECADES.len() - 1].log10());
    let y = |ms: f64| {
        let place = (ms.clamp(DECADES[0], DECADES[DECADES.len() - 1]).log10() - low) / (high - low);
        top + LATENCY_HEIGHT * (1.0 - place)
    };
    let mut svg = grid(&DECADES, &y, |ms| format!("{ms} ms"));
    svg += &title("latency: half, and 99 of 100, took no longer", top);
    let known =
        |value: fn(&Bucket) -> f64| move |bucket: &Bucket| (bucket.answered > 0).then(|| y(value(bucket)));
    svg += &line("p99", series, x, known(|bucket| bucket.p99_ms));
    svg + &line("p50", series, x, known(|bucket| bucket.p50_ms))
}

fn title(text: &str, top: f64) -> String {
    format!(r#"<text class="title" x="{LEFT}" y="{:.1}">{text}</text>"#, top - 4.0)
}

fn grid(values: &[f64], y: &impl Fn(f64) -> f64, word: impl Fn(f64) -> String) -> String {
    let mut svg = String::new();
    for value in values {
        let at = y(*value);
        let word = word(*value);
        let label = LEFT - 6.0;
        write!(
            svg,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{WIDTH}"/><text class="scale" x="{label}" y="{:.1}">{word}</text>"#,
            at + 4.0
        )
        .expect("a string takes all that is written");
    }
    svg
}

/// A line through the buckets that have a value, broken where one has none.
fn line(
    class: &str,
    series: &[Bucket],
    x: &impl Fn(f64) -> f64,
    y: impl Fn(&Bucket) -> Option<f64>,
) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (at, bucket) in series.iter().enumerate() {
        match y(bucket) {
            Some(y) => {
                let x = x((at as f64 + 0.5) * BUCKET.as_secs_f64());
                write!(path, "{pen}{x:.1} {y:.1}").expect("a string takes all that is written");
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    format!(r#"<path class="{class}" d="{path}"/>"#)
}

fn time_axis(seconds: f64, bottom: f64, x: &impl Fn(f64) -> f64) -> String {
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
    let step = step.into_iter().find(|step| seconds / step <= 16.0).unwrap_or(1200.0);
    let mut svg = String::new();
    let mut at = 0.0;
    while at <= seconds {
        write!(svg, r#"<text class="time" x="{:.1}" y="{:.1}">{at} s</text>"#, x(at), bottom + 16.0)
            .expect("a string takes all that is written");
        at += step;
    }
    svg
}

/// Text that is no markup.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_text() {
        assert_eq!(escape(r#"<a href="x">&"#), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }

    #[test]
    fn a_line_breaks_where_nothing_was_answered() {
        let answered = |answered| Bucket { answered, ..Bucket::default() };
        let series = [answered(1), answered(2), answered(0), answered(3)];
        let drawn = line("p50", &series, &|x| x, |bucket| (bucket.answered > 0).then_some(1.0));
        assert_eq!(drawn.matches('M').count(), 2);
        assert_eq!(drawn.matches('L').count(), 1);
    }
}
