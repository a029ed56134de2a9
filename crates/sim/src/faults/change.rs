//! Nodes that come, go, and get or lose their vote while everything else goes wrong.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::nemesis::restart;
use super::{Active, Change, Roster, Scene};
use crate::world::{End, Phase, World};

/// A change that the roster is making. It goes on until it is made; a run that ends before says so.
struct Changing {
    made_before: u64,
}

impl Changing {
    fn begin(scene: Scene<'_>, change: Change) -> Option<Box<dyn Active>> {
        scene.roster.may_change().then(|| {
            scene.roster.want(change);
            Box::new(Changing { made_before: scene.roster.made() }) as Box<dyn Active>
        })
    }
}

impl Active for Changing {
    fn holds_on(&self, _world: &World, roster: &Roster) -> bool {
        roster.made() == self.made_before
    }

    fn end(self: Box<Self>, _world: &mut World, roster: &mut Roster) -> u64 {
        u64::from(roster.made() > self.made_before)
    }
}

fn join(scene: Scene<'_>, votes: bool) -> Option<Box<dyn Active>> {
    let spare = scene.roster.spare(scene.world)?;
    Changing::begin(scene, Change::Join(spare, votes))
}

pub(super) fn join_observer(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    join(scene, false)
}

pub(super) fn join_voter(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    join(scene, true)
}

fn any_of(scene: &mut Scene<'_>, nodes: impl IntoIterator<Item = u64>) -> Option<u64> {
    let nodes: Vec<u64> = nodes.into_iter().collect();
    nodes.choose(scene.rng).copied()
}

pub(super) fn promote(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let observers = scene.roster.observers();
    let node = any_of(&mut scene, observers)?;
    Changing::begin(scene, Change::Promote(node))
}

/// Never fewer voters than these: what comes back late must find a cluster.
const VOTERS_MIN: usize = 2;

pub(super) fn demote(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let voters = scene.roster.voters();
    let node = any_of(&mut scene, voters.iter().copied())?;
    if voters.len() <= VOTERS_MIN { None } else { Changing::begin(scene, Change::Demote(node)) }
}

pub(super) fn leave(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let voters = scene.roster.voters();
    let observers = scene.roster.observers();
    let node = any_of(&mut scene, voters.iter().chain(&observers).copied())?;
    let may = observers.contains(&node) || voters.len() > VOTERS_MIN;
    // The fault that holds it would bring it back.
    let is_free = !scene.held.contains(&node);
    if may && is_free { Changing::begin(scene, Change::Remove(node)) } else { None }
}

/// A change in which a process is killed.
struct KillInChange {
    change: Change,
    made_before: u64,
    kill_at: Duration,
    killed: Option<u64>,
    bites: u64,
}

impl Active for KillInChange {
    fn watch_with(&mut self, world: &mut World, roster: &mut Roster, rng: &mut StdRng) -> bool {
        if self.killed.is_none() && world.elapsed() >= self.kill_at {
            let leader = world.leader();
            let about = Some(self.change.node());
            let victim = if rng.random_bool(0.6) { leader } else { about };
            let runs = |node: &u64| matches!(*world.machine(*node).phase.borrow(), Phase::Running(_));
            if let Some(node) = victim.filter(runs) {
                self.bites += u64::from(roster.made() == self.made_before);
                world.end(node, End::Kill);
                self.killed = Some(node);
            }
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        if let Some(node) = self.killed {
            restart(world, node);
        }
        self.bites
    }

    fn nodes(&self) -> Vec<u64> {
        self.killed.into_iter().collect()
    }
}

/// Changes take so long without faults, in milliseconds.
const CHANGE_MS: u64 = 60;

pub(super) fn kill_in_change(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    if !scene.roster.may_change() {
        return None;
    }
    let mut changes = Vec::new();
    let voters = scene.roster.voters();
    if let Some(spare) = scene.roster.spare(scene.world) {
        changes.push(Change::Join(spare, scene.rng.random_bool(0.7)));
    }
    let observers = scene.roster.observers();
    changes.extend(any_of(&mut scene, observers).map(Change::Promote));
    if voters.len() > VOTERS_MIN {
        changes.extend(any_of(&mut scene, voters).map(Change::Demote));
    }
    let change = changes.choose(scene.rng).copied()?;
    let made_before = scene.roster.made();
    scene.roster.want(change);
    let kill_at = scene.world.elapsed() + Duration::from_millis(scene.rng.random_range(1..CHANGE_MS));
    Some(Box::new(KillInChange { change, made_before, kill_at, killed: None, bites: 0 }))
}
