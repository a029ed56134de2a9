//! A scenario, from beginning to end.

mod phases;
mod spells;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::faults::{Stage, Tools};
use crate::needs;
use crate::node::{Kind, Program};
use crate::report::{Evidence, Report};
use crate::scenario::{Clocks, Scenario, Spell};
use crate::time::elapsed;
use crate::world::{Shape, World};

pub use phases::Limits;

/// What is the same for all scenarios of a command.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which server.
    pub kind: Kind,
    /// Its binary, or the folder with ZooKeeper's jars.
    pub program: PathBuf,
    /// `quorate`, for load that nobody checks.
    pub quorate: PathBuf,
    /// The binary that a rolling upgrade goes to; a copy of `quorate` if `None`.
    pub upgrade_to: Option<PathBuf>,
    /// Nodes that found the cluster; as the scenario says if `None`.
    pub nodes: Option<u8>,
    /// How long things go wrong; as the scenario says if `None`.
    pub chaos: Option<Duration>,
    /// Stops after so many spells, if it is not over before.
    pub spells: Option<u32>,
    /// Decides by chance.
    pub seed: u64,
    /// Disks say that they synced and did not.
    pub lying_disks: bool,
    /// Requests a second.
    pub rate: f64,
    /// Clients.
    pub clients: u32,
    /// How long each phase may take.
    pub limits: Limits,
}

/// Runs a scenario. What is wrong with the server is in the report.
///
/// # Errors
/// If the harness can't do its work, as when something is missing on the machine.
pub fn run(scenario: &Scenario, options: &Options) -> Result<(Report, Evidence)> {
    let missing = needs::missing(scenario, options.kind);
    if !missing.is_empty() {
        bail!("{} can't run here: {}", scenario.name, missing.join("; "));
    }
    if options.lying_disks && scenario.disks.is_none() {
        bail!("{} has no disks that could lie", scenario.name);
    }
    if !scenario.suits(options.kind) {
        bail!(
            "{} is about files and membership of quorate; it makes no sense with other servers",
            scenario.name
        );
    }
    let origin = elapsed();
    let nodes = options.nodes.unwrap_or(scenario.nodes);
    let chaos = options.chaos.unwrap_or(Duration::from_secs(scenario.seconds));
    let shape = Shape {
        nodes,
        spares: scenario.spares,
        disks: scenario.disks,
        lying_disks: options.lying_disks,
        failing_devices: scenario.devices_fail,
        seed: options.seed,
    };
    let program = Program {
        kind: options.kind,
        path: options.program.clone(),
        fake_time: needs::fake_time().filter(|_| scenario.clocks != Clocks::Real),
        fakes_monotonic: scenario.clocks == Clocks::All,
    };
    let world = World::create(&shape, program)?;
    let tools = Tools { quorate: options.quorate.clone(), upgrade_to: options.upgrade_to.clone() };
    let stage = Stage::new(world, tools, StdRng::seed_from_u64(options.seed));
    let mut report = Report::new(scenario, options, nodes);
    let evidence = phases::run(scenario, options, chaos, origin, stage, &mut report)?;
    Ok((report, evidence))
}

/// What goes wrong next.
type Next = fn(u32, &mut StdRng) -> Spell;
