//! Carries a plan out.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tracing::info;

use super::{Active, Kind, Plan, Planned, Scene, Tally, clock, disk, network, process};
use crate::world::{End, Phase, World};

/// Who makes things go wrong.
pub struct Nemesis {
    plan: VecDeque<Planned>,
    active: Vec<Running>,
    tally: Tally,
    rng: StdRng,
    complaints: Vec<String>,
}

struct Running {
    kind: Kind,
    until: Duration,
    fault: Box<dyn Active>,
}

impl Nemesis {
    /// For `plan`, with choices that `seed` decides.
    pub fn new(plan: Plan, seed: u64) -> Self {
        let mut tally = Tally::default();
        plan.0.iter().for_each(|planned| tally.of(planned.kind).planned += 1);
        Self {
            plan: plan.0.into(),
            active: Vec::new(),
            tally,
            rng: StdRng::seed_from_u64(seed),
            complaints: Vec::new(),
        }
    }

    /// To be called after every step of the world. An error tells of a process that ended without reason.
    pub fn step(&mut self, world: &mut World) -> Result<(), String> {
        self.watch(world);
        self.end_due(world);
        let unexplained = self.unexplained(world);
        self.begin_due(world);
        unexplained.map_or(Ok(()), Err)
    }

    /// Takes everything back and starts all nodes. Nothing goes wrong any more.
    pub fn heal(&mut self, world: &mut World) {
        info!("healing");
        self.plan.clear();
        for running in std::mem::take(&mut self.active) {
            self.finish(world, running);
        }
        let down: Vec<u64> = world
            .machines()
            .filter(|machine| {
                matches!(*machine.phase.borrow(), Phase::Down | Phase::Failed(_) | Phase::Stopped)
            })
            .map(|machine| machine.number)
            .collect();
        for node in down {
            restart(world, node);
        }
        world.machines().for_each(|machine| machine.wall.set(0));
    }

    /// What should have come of a fault, and has not.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// How often each kind bit.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn held(&self) -> BTreeSet<u64> {
        self.active.iter().flat_map(|running| running.fault.nodes()).collect()
    }

    fn watch(&mut self, world: &mut World) {
        for running in &mut self.active {
            if running.fault.watch(world, &mut self.rng) {
                running.until = Duration::ZERO;
            }
        }
    }

    fn end_due(&mut self, world: &mut World) {
        let now = world.elapsed();
        while let Some(at) = self.active.iter().position(|running| running.until <= now) {
            let running = self.active.remove(at);
            self.finish(world, running);
        }
    }

    fn finish(&mut self, world: &mut World, running: Running) {
        self.complaints.extend(running.fault.complaint(world));
        let bites = running.fault.end(world);
        info!(kind = %running.kind, bites, "fault ends");
        let count = self.tally.of(running.kind);
        count.bit += u64::from(bites > 0);
        count.bites += bites;
    }

    fn begin_due(&mut self, world: &mut World) {
        while let Some(planned) = self.plan.pop_front_if(|planned| planned.at <= world.elapsed()) {
            let held = self.held();
            let scene = Scene { world, rng: &mut self.rng, held: &held, lasts: planned.lasts };
            match begin(planned.kind, scene) {
                Some(fault) => {
                    info!(kind = %planned.kind, lasts = ?planned.lasts, nodes = ?fault.nodes(), "fault begins");
                    self.tally.of(planned.kind).begun += 1;
                    let until = world.elapsed() + planned.lasts;
                    self.active.push(Running { kind: planned.kind, until, fault });
                }
                None => info!(kind = %planned.kind, "fault finds no target"),
            }
        }
    }

    /// A process that has ended though nobody made it.
    fn unexplained(&self, world: &World) -> Option<String> {
        let held = self.held();
        let ended = |number: u64| match &*world.machine(number).phase.borrow() {
            Phase::Failed(why) => Some(format!("node {number} gave up without a reason of ours: {why}")),
            Phase::Stopped => Some(format!("node {number} stopped, and nobody asked it to")),
            Phase::Down | Phase::Starting | Phase::Running(_) => None,
        };
        world.machines().map(|machine| machine.number).filter(|number| !held.contains(number)).find_map(ended)
    }
}

fn begin(kind: Kind, scene: Scene<'_>) -> Option<Box<dyn Active>> {
    match kind {
        Kind::Isolate => network::isolate(scene),
        Kind::IsolateLeader => network::isolate_leader(scene),
        Kind::Mute => network::mute(scene),
        Kind::Deaf => network::deaf(scene),
        Kind::Split => network::split(scene),
        Kind::CutClients => network::cut_clients(scene),
        Kind::Flaky => network::flaky(scene),
        Kind::SlowLinks => network::slow_links(scene),
        Kind::Resets => network::resets(scene),
        Kind::StuckConnections => network::stuck_connections(scene),
        Kind::Kill => process::kill(scene),
        Kind::KillLeader => process::kill_leader(scene),
        Kind::Stop => process::stop(scene),
        Kind::PowerLoss => process::power_loss(scene),
        Kind::PowerLossLeader => process::power_loss_leader(scene),
        Kind::PowerLossOfAll => process::power_loss_of_all(scene),
        Kind::KillInElection => process::kill_in_election(scene),
        Kind::SlowDisk => disk::slow(scene),
        Kind::StalledDisk => disk::stalled(scene),
        Kind::SyncError => disk::sync_error(scene),
        Kind::WriteError => disk::write_error(scene),
        Kind::DiskFull => disk::full(scene),
        Kind::ClockJump => clock::jump(scene),
    }
}

/// Starts a node's process anew, whatever it was doing.
pub(super) fn restart(world: &mut World, node: u64) {
    if !matches!(*world.machine(node).phase.borrow(), Phase::Down) {
        world.end(node, End::Kill);
    }
    world.start(node);
}
