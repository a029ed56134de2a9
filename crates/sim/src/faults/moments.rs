//! Processes that are killed at a certain moment of their work.

use std::path::Path;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use runtime::disk::sim::{Crash, Latency};

use super::nemesis::restart;
use super::{Active, Roster, Scene};
use crate::world::{End, Phase, World};

/// A process that is killed again and again while it starts.
struct KillInStart {
    node: u64,
    next_at: Duration,
    kills_left: u32,
    bites: u64,
}

impl Active for KillInStart {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if self.kills_left > 0 && world.elapsed() >= self.next_at {
            self.kills_left -= 1;
            self.bites += u64::from(!is_serving(world, self.node));
            let end = if rng.random_bool(0.3) { End::PowerLoss(Crash::Random) } else { End::Kill };
            world.end(self.node, end);
            world.start(self.node);
            self.next_at = world.elapsed() + Duration::from_millis(rng.random_range(0..40));
        }
        false
    }

    fn end(self: Box<Self>, _world: &mut World, _roster: &mut Roster) -> u64 {
        self.bites
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

/// Whether a process has come so far as to have heard of a leader.
fn is_serving(world: &World, node: u64) -> bool {
    world.machine(node).view().is_some_and(|view| view.group.leadership().borrow().leader.is_some())
}

pub(super) fn kill_in_start(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_free()?;
    scene.world.end(node, End::Kill);
    scene.world.start(node);
    let kills_left = scene.rng.random_range(2..6);
    let next_at = scene.world.elapsed() + Duration::from_millis(scene.rng.random_range(0..40));
    Some(Box::new(KillInStart { node, next_at, kills_left, bites: 0 }))
}

/// A process that is killed when a file is there that is not finished.
struct KillAtFile {
    node: u64,
    is_it: fn(&Path) -> bool,
    end: End,
    /// Asks for what makes the file, again and again.
    poke: fn(&World, u64),
    poke_at: Duration,
    killed: bool,
}

impl Active for KillAtFile {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if self.killed {
            return false;
        }
        let disk = world.machine(self.node).disk.borrow().clone();
        if disk.files().iter().any(|(path, _)| (self.is_it)(path)) && rng.random_bool(0.3) {
            self.killed = true;
            world.end(self.node, self.end);
            world.machine(self.node).disk.borrow().set_latency(world.settings().disk_latency);
        } else if world.elapsed() >= self.poke_at {
            self.poke_at = world.elapsed() + Duration::from_millis(100);
            (self.poke)(world, self.node);
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        world.machine(self.node).disk.borrow().set_latency(world.settings().disk_latency);
        restart(world, self.node);
        u64::from(self.killed)
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

/// A disk on which snapshots take long enough for something to happen meanwhile.
const SLOW: Latency = Latency {
    read: Duration::from_millis(2),
    write: Duration::from_millis(5),
    sync: Duration::from_millis(10),
    names: Duration::from_millis(5),
};

fn end(rng: &mut StdRng) -> End {
    if rng.random_bool(0.5) { End::Kill } else { End::PowerLoss(Crash::Random) }
}

fn is_incoming(path: &Path) -> bool {
    path.to_string_lossy().ends_with("-incoming.partial")
}

fn is_own(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "partial") && !is_incoming(path)
}

pub(super) fn kill_in_snapshot(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    scene.world.machine(node).disk.borrow().set_latency(SLOW);
    let end = end(scene.rng);
    let poke_at = scene.world.elapsed();
    let poke = |world: &World, node| world.machine(node).requests.take_snapshot();
    Some(Box::new(KillAtFile { node, is_it: is_own, end, poke, poke_at, killed: false }))
}

/// A node that is away until the others have forgotten the entries that it lacks, and then is sent a snapshot.
struct Away {
    node: u64,
    poke_at: Duration,
    back_at: Duration,
    then: Option<Box<KillAtFile>>,
}

impl Active for Away {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if world.elapsed() < self.back_at {
            if world.elapsed() >= self.poke_at {
                self.poke_at = world.elapsed() + Duration::from_millis(200);
                poke_others(world, self.node);
            }
            return false;
        }
        if matches!(*world.machine(self.node).phase.borrow(), Phase::Down) && !self.was_killed() {
            world.machine(self.node).disk.borrow().set_latency(SLOW);
            world.start(self.node);
        }
        self.then.as_mut().is_some_and(|then| then.watch(world, rng))
    }

    fn holds_on(&self, world: &World, _roster: &Roster) -> bool {
        world.elapsed() < self.back_at + INSTALL_MAX && !self.was_killed()
    }

    fn end(mut self: Box<Self>, world: &mut World, roster: &mut Roster) -> u64 {
        self.then.take().map_or(0, |then| then.end(world, roster))
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

impl Away {
    fn was_killed(&self) -> bool {
        self.then.as_ref().is_some_and(|then| then.killed)
    }
}

/// A leader that is not asked for anything forgets nothing.
const AWAY_MIN: Duration = Duration::from_secs(2);
/// A node that is not sent a snapshot within this time needs none.
const INSTALL_MAX: Duration = Duration::from_secs(3);

/// Makes the others forget entries.
fn poke_others(world: &World, away: u64) {
    let others = world.machines().filter(|machine| machine.number != away);
    others.for_each(|machine| machine.requests.take_snapshot());
}

pub(super) fn kill_in_install(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_free()?;
    scene.world.end(node, End::Kill);
    let end = end(scene.rng);
    let back_at = scene.world.elapsed() + (scene.lasts / 2).max(AWAY_MIN);
    let then = KillAtFile { node, is_it: is_incoming, end, poke: |_, _| {}, poke_at: back_at, killed: false };
    Some(Box::new(Away { node, poke_at: Duration::ZERO, back_at, then: Some(Box::new(then)) }))
}
