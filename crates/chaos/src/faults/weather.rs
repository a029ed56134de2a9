//! Links that are slow, lossy, or worse.

use std::time::Duration;

use anyhow::Result;

use super::partition::{between, both, others};
use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::net::{CLIENTS, Counts, Overlay, Quality, Way};

/// Which links have bad weather.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Where {
    /// All between nodes.
    Nodes,
    /// All between nodes, and those to the clients.
    Everywhere,
    /// Those of one node.
    Around(Who),
}

impl Where {
    /// These links, and where they are in words.
    pub(super) fn draw(self, stage: &mut Stage) -> Result<(Vec<Way>, String)> {
        let nodes = stage.members();
        let mut all = nodes.clone();
        all.push(CLIENTS);
        Ok(match self {
            Where::Nodes => (between(&nodes, &nodes), "between nodes".into()),
            Where::Everywhere => (between(&all, &all), "everywhere".into()),
            Where::Around(who) => {
                let chosen = stage.choose(who)?;
                (both(between(&chosen, &others(&all, &chosen))), list(&chosen))
            }
        })
    }
}

/// Links that are slow, lossy, or worse.
pub struct Weather {
    name: &'static str,
    quality: Quality,
    place: Where,
    about: String,
    overlay: Option<Overlay>,
}

impl Weather {
    /// Latency of a long way, with some jitter.
    pub fn latency(place: Where, delay: Duration) -> Self {
        let quality = Quality { delay, jitter: delay / 4, ..Quality::default() };
        Self::new("latency", quality, place)
    }

    /// Frames that take sometimes long.
    pub fn jitter(place: Where, jitter: Duration) -> Self {
        Self::new("jitter", Quality { jitter, ..Quality::default() }, place)
    }

    /// Frames that do not arrive.
    pub fn loss(place: Where, loss: f64) -> Self {
        Self::new("loss", Quality { loss, ..Quality::default() }, place)
    }

    /// Frames that arrive twice.
    pub fn duplication(place: Where, duplicate: f64) -> Self {
        Self::new("duplication", Quality { duplicate, ..Quality::default() }, place)
    }

    /// Frames that overtake others.
    pub fn reordering(place: Where, reorder: f64) -> Self {
        Self::new("reordering", Quality { reorder, ..Quality::default() }, place)
    }

    /// Links that carry little.
    pub fn narrow(place: Where, bytes_per_second: u64) -> Self {
        let quality = Quality { bytes_per_second: Some(bytes_per_second), ..Quality::default() };
        Self::new("narrow links", quality, place)
    }

    fn new(name: &'static str, quality: Quality, place: Where) -> Self {
        Self { name, quality, place, about: String::new(), overlay: None }
    }

    /// What shows that this weather was felt.
    fn felt(&self, counts: &Counts) -> u64 {
        match self.name {
            "loss" => counts.lost,
            "duplication" => counts.duplicated,
            "reordering" => counts.reordered,
            _ => counts.delayed + counts.overflowed,
        }
    }
}

impl Fault for Weather {
    fn name(&self) -> String {
        self.name.into()
    }

    fn detail(&self) -> String {
        let Quality { delay, jitter, loss, duplicate, reorder, bytes_per_second, .. } = self.quality;
        let how = match self.name {
            "latency" => format!("{delay:?} to {:?}", delay + jitter),
            "jitter" => format!("up to {jitter:?}"),
            "narrow links" => format!("{} kB/s", bytes_per_second.unwrap_or(0) / 1000),
            _ => format!("{:.0} %", (loss + duplicate + reorder) * 100.0),
        };
        format!("{how}, {}", self.about)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        let (ways, about) = self.place.draw(stage)?;
        self.about = about;
        let faults = ways.into_iter().map(|way| (way, self.quality)).collect();
        self.overlay = Some(stage.world.switch.lay(faults));
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let counts = self.overlay.take().map(|overlay| stage.world.switch.lift(&overlay)).unwrap_or_default();
        let felt = self.felt(&counts);
        Ok(Bite::when(felt > 0, format!("{felt} of {} frames felt it", counts.passed + counts.lost)))
    }
}
