//! The picture: a strip for each load, one below the other over the same time.

use std::fmt::Write;

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 70.0;
const STRIP: f64 = 110.0;
const GAP: f64 = 46.0;
const AXIS: f64 = 26.0;
/// What a point of the line stands for.
const POINT_MS: u64 = 100;

const STYLE: &str = "text{font:12px sans-serif;fill:#333}.title{font-weight:bold}.scale,.time{fill:#666;font-size:11px}\
    .scale{text-anchor:end}.time{text-anchor:middle}.grid{stroke:#ddd}.mark{stroke:#b00;stroke-dasharray:3 3}\
    .event{fill:#b00;font-size:11px}path{fill:none;stroke-width:1.5}.ours{stroke:#0a6}.theirs{stroke:#36c}";

/// One load of one kind of server.
pub(super) struct Strip<'a> {
    pub(super) title: String,
    pub(super) is_ours: bool,
    /// Answers in each stretch.
    pub(super) counts: &'a [u64],
    pub(super) stretch_ms: u64,
    /// What happened, and when, in milliseconds.
    pub(super) marks: Vec<(u64, String)>,
}

/// All strips, over `secs` seconds.
pub(super) fn draw(strips: &[Strip<'_>], secs: u64) -> String {
    let height = GAP + strips.len() as f64 * (STRIP + GAP) + AXIS;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="answers a second while nodes are killed and come back"><style>{STYLE}</style><rect width="{WIDTH}" height="{height}" fill="#fff"/>"##
    );
    let x = |ms: f64| LEFT + ms / (secs as f64 * 1000.0) * (WIDTH - LEFT - 10.0);
    for (number, strip) in strips.iter().enumerate() {
        let top = GAP + number as f64 * (STRIP + GAP);
        svg += &draw_strip(strip, top, secs, &x);
    }
    let bottom = height - AXIS - GAP + 22.0;
    for second in (0..=secs).step_by(2) {
        let at = x(second as f64 * 1000.0);
        push(&mut svg, format_args!(r#"<text class="time" x="{at:.1}" y="{bottom:.1}">{second} s</text>"#));
    }
    svg + "</svg>\n"
}

fn draw_strip(strip: &Strip<'_>, top: f64, secs: u64, x: &impl Fn(f64) -> f64) -> String {
    let rates = rates(strip.counts, strip.stretch_ms, secs);
    let ceiling = rounded_up(rates.iter().copied().fold(1.0, f64::max));
    let y = |rate: f64| top + STRIP * (1.0 - rate / ceiling);
    let mut svg = format!(r#"<text class="title" x="{LEFT}" y="{:.1}">{}</text>"#, top - 22.0, strip.title);
    for rate in [0.0, ceiling / 2.0, ceiling] {
        let at = y(rate);
        push(&mut svg, format_args!(r#"<path class="grid" d="M{LEFT} {at:.1}H{WIDTH}"/>"#));
        let (label, below) = (LEFT - 6.0, at + 4.0);
        push(&mut svg, format_args!(r#"<text class="scale" x="{label}" y="{below:.1}">{rate:.0}</text>"#));
    }
    for (number, (at_ms, what)) in strip.marks.iter().enumerate() {
        let (at, bottom) = (x(*at_ms as f64), top + STRIP);
        // Neighbours are in two rows: a long text does not run into the next.
        let row = if number % 2 == 0 { top - 6.0 } else { top + 12.0 };
        push(&mut svg, format_args!(r#"<path class="mark" d="M{at:.1} {top:.1}V{bottom:.1}"/>"#));
        push(&mut svg, format_args!(r#"<text class="event" x="{:.1}" y="{row:.1}">{what}</text>"#, at + 3.0));
    }
    let class = if strip.is_ours { "ours" } else { "theirs" };
    push(&mut svg, format_args!(r#"<path class="{class}" d=""#));
    for (number, rate) in rates.iter().enumerate() {
        let pen = if number == 0 { 'M' } else { 'L' };
        let middle = (number as f64 + 0.5) * POINT_MS as f64;
        push(&mut svg, format_args!("{pen}{:.1} {:.1}", x(middle), y(*rate)));
    }
    svg + r#""/>"#
}

/// Answers a second, a number for each point. Behind the last answer there are none.
fn rates(counts: &[u64], stretch_ms: u64, secs: u64) -> Vec<f64> {
    let each = (POINT_MS / stretch_ms) as usize;
    let mut points: Vec<u64> = counts.chunks(each).map(|chunk| chunk.iter().sum()).collect();
    points.resize((secs * 1000 / POINT_MS) as usize, 0);
    points.into_iter().map(|count| count as f64 * 1000.0 / POINT_MS as f64).collect()
}

/// The next number with one digit that is not 0.
fn rounded_up(value: f64) -> f64 {
    let digit = 10_f64.powf(value.log10().floor());
    (value / digit).ceil() * digit
}

fn push(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text).expect("a string takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_rates_and_silence_is_zero() {
        let counts = vec![10; 20];
        assert_eq!(rates(&counts, 10, 1)[..3], [1000.0, 1000.0, 0.0]);
        assert_eq!(rates(&counts, 10, 1).len(), 10);
    }

    #[test]
    fn scales_end_on_a_round_number() {
        assert_eq!([1.0, 9.2, 10.0, 123.0].map(rounded_up), [1.0, 10.0, 10.0, 200.0]);
    }
}
