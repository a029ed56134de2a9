//! What a check found.

use std::fmt;

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// Distinct states reached.
    pub states: u64,
    /// Steps between them; those that change nothing are not counted.
    pub transitions: u64,
    /// Steps from an initial state to the furthest state.
    pub depth: u32,
    /// Whether all properties hold.
    pub verdict: Verdict,
}

/// Whether all properties hold.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// They do, in every behaviour.
    Holds,
    /// One does not.
    Violated(Counterexample),
    /// There are more states than [`Options::states_max`](super::Options::states_max); nothing is known.
    Unfinished,
}

impl Report {
    /// The property that does not hold, if one does not.
    #[must_use]
    pub fn violated(&self) -> Option<&'static str> {
        match &self.verdict {
            Verdict::Violated(counterexample) => Some(counterexample.property),
            Verdict::Holds | Verdict::Unfinished => None,
        }
    }

    /// Whether all was seen and all holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        matches!(self.verdict, Verdict::Holds)
    }
}

/// Why a property does not hold.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// Which property.
    pub property: &'static str,
    /// From an initial state; empty if the property is about a state that was never reached.
    pub trace: Vec<TraceStep>,
    /// The place in the trace to which its end leads back, for ever.
    pub back_to: Option<usize>,
}

/// A state, and what led to it.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// What was done; none for the initial state.
    pub action: Option<String>,
    /// The state after it.
    pub state: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "violated: {}", self.property)?;
        if self.trace.is_empty() {
            return writeln!(f, "  no reachable state is like that");
        }
        for (number, step) in self.trace.iter().enumerate() {
            if self.back_to == Some(number) {
                writeln!(f, "  -- from here on, for ever:")?;
            }
            writeln!(f, "{number:>4}  {}", step.action.as_deref().unwrap_or("(initial)"))?;
            writeln!(f, "        {}", step.state)?;
        }
        match self.back_to {
            Some(place) if place + 1 == self.trace.len() => writeln!(f, "  -- and nothing happens any more"),
            Some(place) => writeln!(f, "  -- which is {place} again"),
            None => Ok(()),
        }
    }
}
