//! Links that are cut, lose, are slow or break.

use std::ops::Range;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::{Active, Roster, Scene};
use crate::world::{HeldConnections, Host, Traffic, Way, World};

/// What has happened on some ways so far.
fn sum(world: &World, ways: &[Way], of: fn(&Traffic) -> u64) -> u64 {
    ways.iter().map(|way| of(&world.wires().traffic(*way))).sum()
}

/// Ways that are cut for as long as it lasts.
pub(super) struct Cut {
    ways: Vec<Way>,
    dropped_before: u64,
}

impl Cut {
    /// A node and its peers do not hear each other.
    pub(super) fn from_peers(world: &mut World, node: u64) -> Option<Box<dyn Active>> {
        let ways = both(outward(node, &peers(world, node)));
        Self::begin(world, ways)
    }

    fn begin(world: &mut World, ways: Vec<Way>) -> Option<Box<dyn Active>> {
        if ways.is_empty() {
            return None;
        }
        let dropped_before = sum(world, &ways, |traffic| traffic.dropped);
        ways.iter().for_each(|way| world.cut(*way));
        Some(Box::new(Cut { ways, dropped_before }))
    }
}

impl Active for Cut {
    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        self.ways.iter().for_each(|way| world.mend(*way));
        sum(world, &self.ways, |traffic| traffic.dropped) - self.dropped_before
    }
}

fn others(world: &World, node: u64) -> Vec<Host> {
    world.hosts().into_iter().filter(|host| *host != Host::Node(node)).collect()
}

fn peers(world: &World, node: u64) -> Vec<Host> {
    others(world, node).into_iter().filter(|host| matches!(host, Host::Node(_))).collect()
}

fn outward(node: u64, to: &[Host]) -> Vec<Way> {
    to.iter().map(|to| Way { from: Host::Node(node), to: *to }).collect()
}

fn both(ways: Vec<Way>) -> Vec<Way> {
    ways.into_iter().flat_map(|way| [way, way.back()]).collect()
}

fn isolate_node(scene: Scene<'_>, node: u64) -> Option<Box<dyn Active>> {
    let from_clients_too = scene.rng.random_bool(0.5);
    let from = if from_clients_too { others(scene.world, node) } else { peers(scene.world, node) };
    Cut::begin(scene.world, both(outward(node, &from)))
}

pub(super) fn isolate(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    isolate_node(scene, node)
}

pub(super) fn isolate_leader(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let leader = scene.world.leader()?;
    isolate_node(scene, leader)
}

pub(super) fn mute(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node =
        scene.world.leader().filter(|_| scene.rng.random_bool(0.5)).unwrap_or_else(|| scene.any_node());
    let ways = outward(node, &peers(scene.world, node));
    Cut::begin(scene.world, ways)
}

pub(super) fn deaf(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node =
        scene.world.leader().filter(|_| scene.rng.random_bool(0.5)).unwrap_or_else(|| scene.any_node());
    let ways = outward(node, &peers(scene.world, node)).into_iter().map(Way::back).collect();
    Cut::begin(scene.world, ways)
}

pub(super) fn split(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let mut hosts = scene.world.hosts();
    hosts.shuffle(scene.rng);
    let (one, other) = hosts.split_at(scene.rng.random_range(1..hosts.len()));
    let ways = one.iter().flat_map(|from| other.iter().map(|to| Way { from: *from, to: *to })).collect();
    Cut::begin(scene.world, both(ways))
}

pub(super) fn cut_clients(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let is_client = |host: &Host| matches!(host, Host::Client(_));
    let mut clients: Vec<Host> = scene.world.hosts().into_iter().filter(is_client).collect();
    clients.retain(|_| scene.rng.random_bool(0.6));
    Cut::begin(scene.world, both(outward(node, &clients)))
}

/// Links that are up for a while, then down for a while.
struct Unsteady {
    ways: Vec<Way>,
    dropped_before: u64,
    is_cut: bool,
    turn_at: Duration,
    /// How long they stay up, in milliseconds.
    up: Range<u64>,
    /// How long they stay down, in milliseconds.
    down: Range<u64>,
}

impl Unsteady {
    fn begin(world: &World, ways: Vec<Way>, up: Range<u64>, down: Range<u64>) -> Box<dyn Active> {
        let dropped_before = sum(world, &ways, |traffic| traffic.dropped);
        Box::new(Self { ways, dropped_before, is_cut: false, turn_at: world.elapsed(), up, down })
    }
}

impl Active for Unsteady {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if world.elapsed() >= self.turn_at {
            self.is_cut = !self.is_cut;
            let lasts = if self.is_cut { &self.down } else { &self.up };
            self.turn_at = world.elapsed() + Duration::from_millis(rng.random_range(lasts.clone()));
            for way in &self.ways {
                if self.is_cut { world.cut(*way) } else { world.mend(*way) }
            }
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        if self.is_cut {
            self.ways.iter().for_each(|way| world.mend(*way));
        }
        sum(world, &self.ways, |traffic| traffic.dropped) - self.dropped_before
    }
}

pub(super) fn flaky(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let mut to = others(scene.world, node);
    to.retain(|_| scene.rng.random_bool(0.5));
    let ways = both(outward(node, &to));
    (!ways.is_empty()).then(|| Unsteady::begin(scene.world, ways, 1..250, 1..40))
}

pub(super) fn cut_client_host(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let host = Host::Client(scene.rng.random_range(1..=scene.world.settings().client_hosts));
    let is_node = |other: &Host| matches!(other, Host::Node(_));
    let nodes = scene.world.hosts().into_iter().filter(is_node);
    let ways = nodes.map(|node| Way { from: host, to: node }).collect();
    Cut::begin(scene.world, both(ways))
}

/// Cuts for ever what a node says to its peers, what they say to it, or both.
pub(super) fn cut_off(scene: Scene<'_>, node: u64) -> Option<Box<dyn Active>> {
    let peers = peers(scene.world, node);
    let ways = outward(node, &peers);
    let ways = match scene.rng.random_range(0..4) {
        0 => ways,
        1 => ways.into_iter().map(Way::back).collect(),
        2 => both(ways),
        _ => both(outward(node, &others(scene.world, node))),
    };
    Cut::begin(scene.world, ways)
}

pub(super) fn flapping(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let peer = peers(scene.world, node).choose(scene.rng).copied()?;
    let one = Way { from: Host::Node(node), to: peer };
    let ways = if scene.rng.random_bool(0.5) { both(vec![one]) } else { vec![one] };
    Some(Unsteady::begin(scene.world, ways, 100..1500, 100..1500))
}

/// A connection that is held for as long as it lasts: the peer's other lanes to the node work.
struct StuckLane {
    held: HeldConnections,
    withheld_before: u64,
}

impl Active for StuckLane {
    fn end(self: Box<Self>, _world: &mut World, _roster: &mut Roster) -> u64 {
        self.held.withheld() - self.withheld_before
    }
}

pub(super) fn stuck_lane(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let from = peers(scene.world, node).choose(scene.rng).copied()?;
    let way = Way { from, to: Host::Node(node) };
    let lanes = scene.world.wires().connections(way);
    let chosen = scene.rng.random_range(0..lanes.max(1));
    let mut at = 0;
    let held = scene.world.wires().hold(way, &mut || {
        at += 1;
        at == chosen + 1
    });
    let withheld_before = held.withheld();
    (!held.is_empty()).then(|| Box::new(StuckLane { held, withheld_before }) as Box<dyn Active>)
}

/// Links on which messages take long.
pub(super) struct Slow {
    ways: Vec<Way>,
    delayed_before: u64,
}

impl Slow {
    /// All between a node and its peers takes up to `latency`.
    pub(super) fn to_peers(world: &mut World, node: u64, latency: Duration) -> Box<dyn Active> {
        let ways = outward(node, &peers(world, node));
        Self::begin(world, ways, Some(latency))
    }

    fn begin(world: &mut World, ways: Vec<Way>, latency: Option<Duration>) -> Box<dyn Active> {
        let delayed_before = sum(world, &both(ways.clone()), |traffic| traffic.delayed);
        ways.iter().for_each(|way| world.slow(*way, latency));
        Box::new(Slow { ways, delayed_before })
    }
}

impl Active for Slow {
    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        self.ways.iter().for_each(|way| world.slow(*way, None));
        sum(world, &both(self.ways), |traffic| traffic.delayed) - self.delayed_before
    }
}

pub(super) fn slow_links(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let mut to = others(scene.world, node);
    to.retain(|_| scene.rng.random_bool(0.7));
    let ways = outward(node, &to);
    let latency = [50, 200, 1000, 3000].choose(scene.rng).copied().map(Duration::from_millis);
    (!ways.is_empty()).then(|| Slow::begin(scene.world, ways, latency))
}

/// Links whose connections break now and then.
struct Resets {
    ways: Vec<Way>,
    resets_before: u64,
    next_at: Duration,
}

impl Active for Resets {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if world.elapsed() >= self.next_at {
            self.next_at = world.elapsed() + Duration::from_millis(rng.random_range(20..600));
            if let Some(way) = self.ways.choose(rng) {
                world.reset(*way);
            }
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        sum(world, &both(self.ways), |traffic| traffic.resets) - self.resets_before
    }
}

pub(super) fn resets(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let ways = outward(node, &others(scene.world, node));
    let resets_before = sum(scene.world, &both(ways.clone()), |traffic| traffic.resets);
    let next_at = scene.world.elapsed();
    Some(Box::new(Resets { ways, resets_before, next_at }))
}

/// Connections that are held for moments, each time others.
struct Stuck {
    ways: Vec<Way>,
    held: Vec<HeldConnections>,
    sent_before: u64,
    turn_at: Duration,
    bites: u64,
}

impl Stuck {
    /// Lets all connections go on, and counts what was sent meanwhile.
    fn release(&mut self, world: &World) {
        if !self.held.iter().all(HeldConnections::is_empty) {
            self.bites += sum(world, &self.ways, |traffic| traffic.sent) - self.sent_before;
        }
        self.held.clear();
    }

    fn hold(&mut self, world: &World, rng: &mut StdRng) {
        self.sent_before = sum(world, &self.ways, |traffic| traffic.sent);
        self.held =
            self.ways.iter().map(|way| world.wires().hold(*way, &mut || rng.random_bool(0.4))).collect();
    }
}

impl Active for Stuck {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if world.elapsed() >= self.turn_at {
            let longest = if self.held.is_empty() { 1500 } else { 150 };
            self.turn_at = world.elapsed() + Duration::from_millis(rng.random_range(20..longest));
            if self.held.is_empty() {
                self.hold(world, rng);
            } else {
                self.release(world);
            }
        }
        false
    }

    fn end(mut self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        self.release(world);
        self.bites
    }
}

pub(super) fn stuck_connections(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let inward: Vec<Way> = outward(node, &others(scene.world, node)).into_iter().map(Way::back).collect();
    let turn_at = scene.world.elapsed();
    Some(Box::new(Stuck { ways: inward, held: Vec::new(), sent_before: 0, turn_at, bites: 0 }))
}
