//! Processes that end and come back.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use runtime::disk::sim::{Crash, FaultCounts, Latency};

use super::nemesis::restart;
use super::{Active, Roster, Scene};
use crate::world::{End, Phase, World};

/// Nodes that are down until it is over.
struct Down {
    nodes: Vec<u64>,
    bites: u64,
}

impl Active for Down {
    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        self.nodes.iter().for_each(|node| restart(world, *node));
        self.bites
    }

    fn nodes(&self) -> Vec<u64> {
        self.nodes.clone()
    }
}

/// Keeps a node down for as long as it lasts.
pub(super) fn keep_down(world: &mut World, node: u64, end: End) -> Box<dyn Active> {
    world.end(node, end);
    Box::new(Down { nodes: vec![node], bites: 1 })
}

fn kill_node(scene: Scene<'_>, node: u64) -> Option<Box<dyn Active>> {
    Some(keep_down(scene.world, node, End::Kill))
}

pub(super) fn kill(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_free()?;
    kill_node(scene, node)
}

pub(super) fn kill_leader(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.free_leader()?;
    kill_node(scene, node)
}

/// What the disks keep when the power goes. For a moment before, syncs do not finish, so that there is something to lose.
struct PowerLoss {
    nodes: Vec<u64>,
    off_at: Duration,
    crash: Crash,
    is_off: bool,
    bites: u64,
}

impl PowerLoss {
    fn begin(scene: Scene<'_>, nodes: Vec<u64>) -> Box<dyn Active> {
        let crash = [Crash::Random, Crash::Random, Crash::LoseUnsynced].choose(scene.rng).copied();
        let crash = crash.expect("there are several");
        let wait = scene.lasts.min(Duration::from_millis(scene.rng.random_range(0..60)));
        let endless = Latency { sync: Duration::from_secs(3600), ..scene.world.settings().disk_latency };
        for node in &nodes {
            scene.world.machine(*node).disk.borrow().set_latency(endless);
        }
        Box::new(PowerLoss { nodes, off_at: scene.world.elapsed() + wait, crash, is_off: false, bites: 0 })
    }

    fn turn_off(&mut self, world: &mut World) {
        if !self.is_off {
            self.is_off = true;
            for node in &self.nodes {
                self.bites += losses(world.end(*node, End::PowerLoss(self.crash)));
                world.machine(*node).disk.borrow().set_latency(world.settings().disk_latency);
            }
        }
    }
}

/// How much a crash took.
fn losses(counts: FaultCounts) -> u64 {
    counts.sectors_dropped + counts.sectors_torn + counts.lengths_lost + counts.names_lost
}

impl Active for PowerLoss {
    fn watch(&mut self, world: &mut World, _rng: &mut StdRng) -> bool {
        if world.elapsed() >= self.off_at {
            self.turn_off(world);
        }
        false
    }

    fn end(mut self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        self.turn_off(world);
        self.nodes.iter().for_each(|node| restart(world, *node));
        self.bites
    }

    fn nodes(&self) -> Vec<u64> {
        self.nodes.clone()
    }
}

pub(super) fn power_loss(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_free()?;
    Some(PowerLoss::begin(scene, vec![node]))
}

pub(super) fn power_loss_leader(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.free_leader()?;
    Some(PowerLoss::begin(scene, vec![node]))
}

/// Nodes that another fault has in its hands stay in them: they are down or about to be.
pub(super) fn power_loss_of_all(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let nodes = scene.free_nodes();
    (!nodes.is_empty()).then(|| PowerLoss::begin(scene, nodes))
}

/// A node that is asked to stop.
struct Stop {
    node: u64,
    stopped: bool,
}

impl Active for Stop {
    fn watch(&mut self, world: &mut World, _rng: &mut StdRng) -> bool {
        if !self.stopped && matches!(*world.machine(self.node).phase.borrow(), Phase::Stopped) {
            self.stopped = true;
            // The process is gone: its connections end.
            world.end(self.node, End::Kill);
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        restart(world, self.node);
        u64::from(self.stopped)
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

pub(super) fn stop(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    scene.world.machine(node).ask_to_stop();
    Some(Box::new(Stop { node, stopped: false }))
}

/// The leader is down; another node follows while there is no new one.
struct KillInElection {
    nodes: Vec<u64>,
    second: Option<u64>,
    then: Then,
    end: End,
    bites: u64,
}

/// When the second node is ended.
enum Then {
    /// At some time.
    At(Duration),
    /// As soon as it is in a newer term than this one: it has just voted.
    Voted(u64),
}

impl Then {
    fn is_now(&self, world: &World, node: u64) -> bool {
        match self {
            Then::At(time) => world.elapsed() >= *time,
            Then::Voted(term) => {
                world.machine(node).view().is_some_and(|view| view.group.watermarks().term > *term)
            }
        }
    }
}

impl Active for KillInElection {
    fn watch(&mut self, world: &mut World, _rng: &mut StdRng) -> bool {
        if let Some(second) = self.second
            && self.then.is_now(world, second)
            && matches!(*world.machine(second).phase.borrow(), Phase::Running(_))
        {
            self.second = None;
            self.bites = u64::from(world.leader().is_none());
            world.end(second, self.end);
            self.nodes.push(second);
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        self.nodes.iter().for_each(|node| restart(world, *node));
        self.bites
    }

    fn nodes(&self) -> Vec<u64> {
        self.nodes.iter().copied().chain(self.second).collect()
    }
}

pub(super) fn kill_in_election(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let leader = scene.free_leader()?;
    let others: Vec<u64> = scene.free_nodes().into_iter().filter(|node| *node != leader).collect();
    let second = others.choose(scene.rng).copied()?;
    let term = scene.world.machine(second).view()?.group.watermarks().term;
    scene.world.end(leader, End::Kill);
    let then = if scene.rng.random_bool(0.5) {
        let wait = Duration::from_millis(scene.rng.random_range(50..900)).min(scene.lasts / 2);
        Then::At(scene.world.elapsed() + wait)
    } else {
        Then::Voted(term)
    };
    let end = if scene.rng.random_bool(0.5) { End::Kill } else { End::PowerLoss(Crash::LoseUnsynced) };
    Some(Box::new(KillInElection { nodes: vec![leader], second: Some(second), then, end, bites: 0 }))
}
