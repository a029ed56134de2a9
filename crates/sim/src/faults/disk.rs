//! Disks that are slow, stop, or fail.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use runtime::disk::sim::{Crash, Fault, FaultCounts, Latency, Rates};

use super::nemesis::restart;
use super::{Active, Roster, Scene};
use crate::world::{End, Phase, World};

/// A disk that takes its time.
struct Slow {
    node: u64,
    delays_before: u64,
    stalled: bool,
}

impl Active for Slow {
    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        let disk = world.machine(self.node).disk.borrow().clone();
        if self.stalled {
            disk.release();
        }
        disk.set_latency(world.settings().disk_latency);
        disk.counts().delays.saturating_sub(self.delays_before)
    }
}

fn delays(scene: &Scene<'_>, node: u64) -> u64 {
    scene.world.machine(node).disk.borrow().counts().delays
}

/// Stops a node's disk for as long as it lasts.
pub(super) fn stall(world: &World, node: u64) -> Box<dyn Active> {
    let disk = world.machine(node).disk.borrow().clone();
    disk.stall();
    Box::new(Slow { node, delays_before: disk.counts().delays, stalled: true })
}

pub(super) fn slow(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    let sync = [10, 50, 200].choose(scene.rng).copied().map(Duration::from_millis).unwrap_or_default();
    let latency = Latency { read: sync / 4, write: sync / 8, sync, names: sync / 4 };
    let delays_before = delays(&scene, node);
    scene.world.machine(node).disk.borrow().set_latency(latency);
    Some(Box::new(Slow { node, delays_before, stalled: false }))
}

pub(super) fn stalled(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    Some(stall(scene.world, node))
}

/// A disk that fails a call; the node must notice, and stop.
struct Failing {
    node: u64,
    failed_before: u64,
    /// When the disk has failed a sync.
    hit_at: Option<Duration>,
    has_failed: bool,
    /// The power goes after the failure, so that what the failed sync has forgotten is lost.
    then: End,
}

/// A node may take so long to stop after its disk has failed.
const NOTICED_WITHIN: Duration = Duration::from_millis(500);

/// Syncs that the disk has failed. Other failures may hit what the node can do again, such as the receipt of a snapshot.
fn failed_syncs(world: &World, node: u64) -> u64 {
    world.machine(node).disk.borrow().counts().sync_errors
}

impl Failing {
    fn begin(mut scene: Scene<'_>, plan: impl FnOnce(&mut Scene<'_>, u64)) -> Option<Failing> {
        let node = scene.leader_or_any()?;
        let failed_before = failed_syncs(scene.world, node);
        plan(&mut scene, node);
        let then = if scene.rng.random_bool(0.5) { End::Kill } else { End::PowerLoss(Crash::LoseUnsynced) };
        Some(Failing { node, failed_before, hit_at: None, has_failed: false, then })
    }
}

impl Active for Failing {
    fn watch(&mut self, world: &mut World, _rng: &mut StdRng) -> bool {
        if self.hit_at.is_none() && failed_syncs(world, self.node) > self.failed_before {
            self.hit_at = Some(world.elapsed());
        }
        if !self.has_failed && matches!(*world.machine(self.node).phase.borrow(), Phase::Failed(_)) {
            self.has_failed = true;
            world.end(self.node, self.then);
        }
        false
    }

    fn complaint(&self, world: &World) -> Option<String> {
        let late = self.hit_at.is_some_and(|hit_at| world.elapsed() > hit_at + NOTICED_WITHIN);
        let node = self.node;
        (late && !self.has_failed).then(|| format!("node {node} went on after its disk had failed a sync"))
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        // A fault that has not hit anything yet is gone with the process.
        restart(world, self.node);
        u64::from(self.has_failed)
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

fn failing_once(scene: Scene<'_>, fault: Fault) -> Option<Box<dyn Active>> {
    let failing = Failing::begin(scene, |scene, node| {
        let skip = scene.rng.random_range(0..8);
        scene.world.machine(node).disk.borrow().fail(fault, skip);
    })?;
    Some(Box::new(failing))
}

pub(super) fn sync_error(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    failing_once(scene, Fault::SyncError)
}

pub(super) fn write_error(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    failing_once(scene, Fault::WriteError)
}

pub(super) fn full(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    failing_once(scene, Fault::NoSpace)
}

/// A disk whose calls fail now and then, in a process that starts under it or that was up before.
struct Unreliable {
    node: u64,
    hits_before: u64,
    hits: fn(&FaultCounts) -> u64,
}

impl Unreliable {
    fn begin(mut scene: Scene<'_>, rates: Rates, hits: fn(&FaultCounts) -> u64) -> Option<Box<dyn Active>> {
        let node = scene.any_free()?;
        if scene.rng.random_bool(0.6) {
            scene.world.end(node, End::Kill);
            scene.world.start(node);
        }
        let disk = scene.world.machine(node).disk.borrow().clone();
        disk.set_rates(rates);
        Some(Box::new(Unreliable { node, hits_before: hits(&disk.counts()), hits }))
    }
}

impl Active for Unreliable {
    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        let disk = world.machine(self.node).disk.borrow().clone();
        disk.set_rates(Rates::default());
        if !matches!(*world.machine(self.node).phase.borrow(), Phase::Running(_)) {
            restart(world, self.node);
        }
        (self.hits)(&disk.counts()) - self.hits_before
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

fn any_rate(scene: &mut Scene<'_>) -> f64 {
    [0.02, 0.1, 0.5].choose(scene.rng).copied().unwrap_or_default()
}

pub(super) fn read_errors(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let rates = Rates { read_error: any_rate(&mut scene), ..Rates::default() };
    Unreliable::begin(scene, rates, |counts| counts.read_errors)
}

pub(super) fn short_reads(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let rates = Rates { short_read: any_rate(&mut scene), ..Rates::default() };
    Unreliable::begin(scene, rates, |counts| counts.short_reads)
}

/// A write that the disk does in part before the power goes.
pub(super) fn torn_write(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let failing = Failing::begin(scene, |scene, node| {
        let skip = scene.rng.random_range(0..8);
        scene.world.machine(node).disk.borrow().fail(Fault::WriteError, skip);
    })?;
    Some(Box::new(Failing { then: End::PowerLoss(Crash::KeepUnsynced), ..failing }))
}

/// A disk that is full, also after the power was gone.
struct Full {
    node: u64,
    off_at: Duration,
    is_off: bool,
    refused_before: u64,
}

impl Active for Full {
    fn watch(&mut self, world: &mut World, _rng: &mut StdRng) -> bool {
        let has_failed = matches!(*world.machine(self.node).phase.borrow(), Phase::Failed(_));
        if !self.is_off && (has_failed || world.elapsed() >= self.off_at) {
            self.is_off = true;
            world.end(self.node, End::PowerLoss(Crash::Random));
            world.start(self.node);
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        let disk = world.machine(self.node).disk.borrow().clone();
        disk.set_capacity(u64::MAX);
        restart(world, self.node);
        disk.counts().no_space - self.refused_before
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

pub(super) fn power_loss_of_full(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    let disk = scene.world.machine(node).disk.borrow().clone();
    let room = [0, 512, 20_000].choose(scene.rng).copied().unwrap_or_default();
    disk.set_capacity(disk.bytes() + room);
    // Something that needs room.
    scene.world.machine(node).requests.take_snapshot();
    let off_at = scene.world.elapsed() + scene.lasts / 2;
    Some(Box::new(Full { node, off_at, is_off: false, refused_before: disk.counts().no_space }))
}
