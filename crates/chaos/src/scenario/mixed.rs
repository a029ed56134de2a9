//! Faults of several kinds at a time.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::Spell;
use super::spells::pick;
use crate::faults::{
    CutPower, FailDisk, Fault, Flapping, Kill, Partition, Pause, Repeat, Shape, StickDisk, Weather, Where,
    Who,
};

/// How long a mix lasts.
const LASTS_MS: std::ops::Range<u64> = 10_000..30_000;
const QUIET_MS: std::ops::Range<u64> = 2000..6000;

/// At most one fault of processes, one partition and one kind of weather, but not nothing.
pub(super) fn processes_and_network(_: u32, rng: &mut StdRng) -> Spell {
    mix(rng, process)
}

/// The same with faults of disks.
pub(super) fn disks_and_network(_: u32, rng: &mut StdRng) -> Spell {
    mix(rng, disk)
}

fn mix(rng: &mut StdRng, of_nodes: fn(&mut StdRng) -> Box<dyn Fault>) -> Spell {
    let chosen = rng.random_range(1..8);
    let mut faults = Vec::new();
    // Weather first: what comes after is chosen and begun in it.
    if chosen & 1 != 0 {
        faults.push(weather(rng));
    }
    if chosen & 2 != 0 {
        faults.push(partition(rng));
    }
    if chosen & 4 != 0 {
        faults.push(of_nodes(rng));
    }
    Spell {
        faults,
        lasts: Duration::from_millis(rng.random_range(LASTS_MS)),
        quiet: Duration::from_millis(rng.random_range(QUIET_MS)),
    }
}

fn process(rng: &mut StdRng) -> Box<dyn Fault> {
    match rng.random_range(0..7) {
        0 => Box::new(Repeat::new(|| Kill::new(Who::Leader))),
        1 => Box::new(Repeat::new(|| Kill::new(Who::Minority))),
        2 => Box::new(Repeat::new(|| Kill::new(Who::All))),
        3 => Box::new(Pause::new(Who::Leader)),
        4 => Box::new(Pause::new(Who::Minority)),
        5 => Box::new(Repeat::new(|| Kill::new(Who::Majority))),
        _ => Box::new(Repeat::new(|| Pause::new(Who::Any))),
    }
}

fn disk(rng: &mut StdRng) -> Box<dyn Fault> {
    match rng.random_range(0..7) {
        0 => Box::new(Repeat::new(|| CutPower::new(Who::Leader))),
        1 => Box::new(Repeat::new(|| CutPower::new(Who::All))),
        2 => Box::new(Repeat::new(|| CutPower::new(Who::Majority))),
        3 => Box::new(StickDisk::new(Who::Leader)),
        4 => Box::new(FailDisk::full(Who::Any)),
        5 => Box::new(FailDisk::lost(Who::Minority)),
        _ => Box::new(StickDisk::new(Who::Minority)),
    }
}

fn partition(rng: &mut StdRng) -> Box<dyn Fault> {
    let shapes = [
        Shape::Isolate(Who::Leader),
        Shape::Isolate(Who::Any),
        Shape::IsolateFromAll(Who::Leader),
        Shape::Split,
        Shape::Ring,
        Shape::Bridge,
        Shape::Deaf(Who::Leader),
        Shape::Mute(Who::Leader),
        Shape::Deaf(Who::Any),
    ];
    match rng.random_range(0..shapes.len() + 2) {
        at if at < shapes.len() => Box::new(Partition::new(shapes[at])),
        _ => Box::new(Flapping::new(Who::Any)),
    }
}

fn weather(rng: &mut StdRng) -> Box<dyn Fault> {
    let place = pick(rng, &[Where::Nodes, Where::Everywhere, Where::Around(Who::Any)]);
    let ms = |ms| Duration::from_millis(ms);
    Box::new(match rng.random_range(0..5) {
        0 => Weather::latency(place, ms(pick(rng, &[5, 20]))),
        1 => Weather::jitter(place, ms(pick(rng, &[10, 30]))),
        2 => Weather::loss(place, pick(rng, &[0.01, 0.05])),
        3 => Weather::duplication(place, 0.2),
        _ => Weather::reordering(place, 0.2),
    })
}
