//! Carries a plan out.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use runtime::disk::sim::Crash;
use tracing::info;

use super::{
    Active, Kind, Plan, Planned, Roster, Scene, Tally, change, clock, damage, disk, expiry, moments, network,
    pause, process, strangers,
};
use crate::world::{End, Phase, Standing, World};

/// Who makes things go wrong.
pub struct Nemesis {
    plan: VecDeque<Planned>,
    active: Vec<Running>,
    tally: Tally,
    roster: Roster,
    rng: StdRng,
    complaints: Vec<String>,
}

struct Running {
    kind: Kind,
    until: Duration,
    fault: Box<dyn Active>,
}

impl Nemesis {
    /// With choices that `seed` decides. Nothing goes wrong yet.
    pub fn new(roster: Roster, seed: u64) -> Self {
        Self {
            plan: VecDeque::new(),
            active: Vec::new(),
            tally: Tally::default(),
            roster,
            rng: StdRng::seed_from_u64(seed),
            complaints: Vec::new(),
        }
    }

    /// What is to go wrong.
    pub fn plan(&mut self, plan: Plan) {
        plan.0.iter().for_each(|planned| self.tally.of(planned.kind).planned += 1);
        self.plan = plan.0.into();
    }

    /// Who is to belong to the cluster.
    pub fn roster(&mut self) -> &mut Roster {
        &mut self.roster
    }

    /// To be called after every step of the world. An error tells of a process that ended without reason.
    pub fn step(&mut self, world: &mut World) -> Result<(), String> {
        self.roster.step(world);
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
        world.machines().for_each(|machine| machine.skew.set_right());
    }

    /// Heals a quorum of the cluster, and leaves the other nodes broken until [`Nemesis::heal`]. Says which are healed;
    /// `None`, and all are, if there is no choice.
    pub fn heal_quorum(&mut self, world: &mut World) -> Option<BTreeSet<u64>> {
        self.heal(world);
        let configurations = self.roster.configurations();
        let mut healed: BTreeSet<u64> = world.machines().map(|machine| machine.number).collect();
        let mut nodes: Vec<u64> = healed.iter().copied().collect();
        nodes.shuffle(&mut self.rng);
        let mut broken = Vec::new();
        for node in nodes {
            healed.remove(&node);
            let has_quorum = |voters: &BTreeSet<u64>| voters.intersection(&healed).count() * 2 > voters.len();
            if configurations.iter().all(has_quorum) && self.rng.random_bool(0.8) {
                broken.push(node);
            } else {
                healed.insert(node);
            }
        }
        info!(?healed, ?broken, "only these are healed");
        for node in &broken {
            self.leave_broken(world, *node);
        }
        (!broken.is_empty()).then_some(healed)
    }

    fn leave_broken(&mut self, world: &mut World, node: u64) {
        let fault = match self.rng.random_range(0..8) {
            0 => process::keep_down(world, node, End::Kill),
            1 => process::keep_down(world, node, End::PowerLoss(Crash::Random)),
            2 => disk::stall(world, node),
            3 => pause::Pause::begin(&world.machine(node).gate),
            _ => {
                let (held, roster) = (BTreeSet::new(), &mut self.roster);
                let scene = Scene { world, rng: &mut self.rng, held: &held, roster, lasts: Duration::MAX };
                let Some(cut) = network::cut_off(scene, node) else { return };
                cut
            }
        };
        let count = self.tally.of(Kind::NeverMended);
        count.planned += 1;
        count.begun += 1;
        self.active.push(Running { kind: Kind::NeverMended, until: Duration::MAX, fault });
    }

    /// What should have come of a fault, and has not.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// How often each kind bit.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Changes of who belongs to the cluster.
    pub fn changes_made(&self) -> u64 {
        self.roster.made()
    }

    fn held(&self) -> BTreeSet<u64> {
        self.active.iter().flat_map(|running| running.fault.nodes()).collect()
    }

    fn watch(&mut self, world: &mut World) {
        for running in &mut self.active {
            if running.fault.watch_with(world, &mut self.roster, &mut self.rng) {
                running.until = Duration::ZERO;
            }
        }
    }

    fn end_due(&mut self, world: &mut World) {
        let now = world.elapsed();
        let (active, roster) = (&self.active, &self.roster);
        let is_due = |running: &Running| {
            running.until.is_zero() || (running.until <= now && !running.fault.holds_on(world, roster))
        };
        let due: Vec<usize> = (0..active.len()).filter(|at| is_due(&active[*at])).collect();
        for at in due.into_iter().rev() {
            let running = self.active.remove(at);
            self.finish(world, running);
        }
    }

    fn finish(&mut self, world: &mut World, running: Running) {
        self.complaints.extend(running.fault.complaint(world));
        let bites = running.fault.end(world, &mut self.roster);
        info!(kind = %running.kind, bites, "fault ends");
        let count = self.tally.of(running.kind);
        count.bit += u64::from(bites > 0);
        count.bites += bites;
    }

    fn begin_due(&mut self, world: &mut World) {
        while let Some(planned) = self.plan.pop_front_if(|planned| planned.at <= world.elapsed()) {
            let held = self.held();
            let scene = Scene {
                world,
                rng: &mut self.rng,
                held: &held,
                roster: &mut self.roster,
                lasts: planned.lasts,
            };
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
        Kind::ClockDrift => clock::drift(scene),
        Kind::FlappingLink => network::flapping(scene),
        Kind::StuckLane => network::stuck_lane(scene),
        Kind::CutClientHost => network::cut_client_host(scene),
        Kind::PauseNode => pause::node(scene),
        Kind::SlowNode => pause::slow_node(scene),
        Kind::PauseClients => pause::clients(scene),
        Kind::TornWrite => disk::torn_write(scene),
        Kind::PowerLossOfFull => disk::power_loss_of_full(scene),
        Kind::ReadErrors => disk::read_errors(scene),
        Kind::ShortReads => disk::short_reads(scene),
        Kind::KillInStart => moments::kill_in_start(scene),
        Kind::KillInSnapshot => moments::kill_in_snapshot(scene),
        Kind::KillInInstall => moments::kill_in_install(scene),
        Kind::FlippedBit => damage::flipped_bit(scene),
        Kind::ZeroedSector => damage::zeroed_sector(scene),
        Kind::StaleSector => damage::stale_sector(scene),
        Kind::MisdirectedWrite => damage::misdirected_write(scene),
        Kind::WipedDisk => strangers::wiped_disk(scene),
        Kind::OldDisk => strangers::old_disk(scene),
        Kind::JoinObserver => change::join_observer(scene),
        Kind::JoinVoter => change::join_voter(scene),
        Kind::Promote => change::promote(scene),
        Kind::Demote => change::demote(scene),
        Kind::Leave => change::leave(scene),
        Kind::KillInChange => change::kill_in_change(scene),
        Kind::ExpiryOfDeposed => expiry::of_deposed(scene),
        Kind::ExpiryOfAttached => expiry::of_attached(scene),
        Kind::NeverMended => None,
    }
}

/// Starts a node's process anew, whatever it was doing. Not on a machine that was turned off for ever.
pub(super) fn restart(world: &mut World, node: u64) {
    if world.machine(node).standing.get() == Standing::Member {
        stop(world, node);
        world.start(node);
    }
}

/// Ends a node's process, if there is one.
pub(super) fn stop(world: &mut World, node: u64) {
    if !matches!(*world.machine(node).phase.borrow(), Phase::Down) {
        world.end(node, End::Kill);
    }
}
