//! What was measured, and how it is shown.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The two servers of a comparison.
pub(crate) trait Contender: Copy + Ord + 'static {
    /// Quorate.
    const OURS: Self;
    /// What it is compared with.
    const THEIRS: Self;

    /// As people call it.
    fn name(self) -> &'static str;
}

/// What is measured of a server, and whether more of it is better.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Figure {
    pub(crate) name: Cow<'static, str>,
    pub(crate) unit: &'static str,
    pub(crate) more_is_better: bool,
}

impl Figure {
    /// Something to have much of.
    pub(crate) const fn more(name: &'static str, unit: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), unit, more_is_better: true }
    }

    /// Something to have little of.
    pub(crate) const fn less(name: &'static str, unit: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), unit, more_is_better: false }
    }

    /// The same of `load`.
    pub(crate) fn of(&self, load: &str) -> Self {
        Self { name: Cow::Owned(format!("{load}: {}", self.name)), ..self.clone() }
    }
}

/// Figures in the order in which they were first measured, each with a value a round.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<(Figure, Vec<f64>)>);

impl Figures {
    pub(crate) fn add(&mut self, figure: Figure, value: f64) {
        match self.0.iter_mut().find(|(each, _)| *each == figure) {
            Some((_, values)) => values.push(value),
            None => self.0.push((figure, vec![value])),
        }
    }

    fn median(&self, figure: &Figure) -> Option<f64> {
        self.0.iter().find(|(each, _)| each == figure).map(|(_, values)| median(values))
    }

    pub(crate) fn to_json(&self) -> Value {
        let entries = self.0.iter().map(|(figure, values)| {
            let value = json!({ "unit": figure.unit, "median": median(values), "rounds": values });
            (figure.name.clone().into_owned(), value)
        });
        Value::Object(entries.collect())
    }
}

/// The middle value, or the mean of the two in the middle. There is at least one.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// Medians side by side, and how many times better Quorate is.
pub(crate) fn table<C: Contender>(limits: &Figures, results: &BTreeMap<C, Figures>) -> String {
    let mut text = String::from("What the machine can do:\n");
    for (figure, values) in &limits.0 {
        text += &format!("  {:<46} {:>14}\n", figure.name, quantity(median(values), figure.unit));
    }
    text += &format!("\n  {:<46}", "medians");
    for kind in results.keys() {
        text += &format!(" {:>14}", kind.name());
    }
    text += "  times better\n";
    for figure in all_figures(results) {
        text += &row(&figure, results);
    }
    text
}

fn row<C: Contender>(figure: &Figure, results: &BTreeMap<C, Figures>) -> String {
    let mut row = format!("  {:<46}", figure.name);
    for figures in results.values() {
        let shown =
            figures.median(figure).map_or_else(|| "-".to_owned(), |value| quantity(value, figure.unit));
        row += &format!(" {shown:>14}");
    }
    let of = |kind| results.get(&kind).and_then(|figures: &Figures| figures.median(figure));
    if let (Some(theirs), Some(ours)) = (of(C::THEIRS), of(C::OURS)) {
        let times = if figure.more_is_better { ours / theirs } else { theirs / ours };
        row += &format!("  {times:>12.2}");
    }
    row + "\n"
}

fn all_figures<C>(results: &BTreeMap<C, Figures>) -> Vec<Figure> {
    let mut all: Vec<Figure> = Vec::new();
    for (figure, _) in results.values().flat_map(|figures| &figures.0) {
        if !all.contains(figure) {
            all.push(figure.clone());
        }
    }
    all
}

fn quantity(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 { 0 } else { 1 };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Kind;

    const SPEED: Figure = Figure::more("speed", "/s");
    const DELAY: Figure = Figure::less("delay", "ms");

    #[test]
    fn medians() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn better_is_more_speed_and_less_delay() {
        let (mut theirs, mut ours) = (Figures::default(), Figures::default());
        for (figures, speed, delay) in [(&mut theirs, 100.0, 30.0), (&mut ours, 300.0, 20.0)] {
            figures.add(SPEED, speed);
            figures.add(DELAY, delay);
        }
        let results = BTreeMap::from([(Kind::Zookeeper, theirs), (Kind::Quorate, ours)]);
        assert!(row(&SPEED, &results).ends_with(" 3.00\n"), "{}", row(&SPEED, &results));
        assert!(row(&DELAY, &results).ends_with(" 1.50\n"), "{}", row(&DELAY, &results));
    }

    #[test]
    fn what_one_server_lacks_has_no_ratio() {
        let mut theirs = Figures::default();
        theirs.add(SPEED, 1.0);
        let results = BTreeMap::from([(Kind::Zookeeper, theirs), (Kind::Quorate, Figures::default())]);
        assert!(row(&SPEED, &results).ends_with(" -\n"));
    }
}
