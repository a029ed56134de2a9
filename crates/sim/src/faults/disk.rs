//! Disks that are slow, stop, or fail.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use runtime::disk::sim::{Crash, Fault, Latency};

use super::nemesis::restart;
use super::{Active, Scene};
use crate::world::{End, Phase, World};

/// A disk that takes its time.
struct Slow {
    node: u64,
    delays_before: u64,
    stalled: bool,
}

impl Active for Slow {
    fn end(self: Box<Self>, world: &mut World) -> u64 {
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
    let delays_before = delays(&scene, node);
    scene.world.machine(node).disk.borrow().stall();
    Some(Box::new(Slow { node, delays_before, stalled: true }))
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
    fn begin(mut scene: Scene<'_>, plan: impl FnOnce(&mut Scene<'_>, u64)) -> Option<Box<dyn Active>> {
        let node = scene.leader_or_any()?;
        let failed_before = failed_syncs(scene.world, node);
        plan(&mut scene, node);
        let then = if scene.rng.random_bool(0.5) { End::Kill } else { End::PowerLoss(Crash::LoseUnsynced) };
        Some(Box::new(Failing { node, failed_before, hit_at: None, has_failed: false, then }))
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

    fn end(self: Box<Self>, world: &mut World) -> u64 {
        // A fault that has not hit anything yet is gone with the process.
        restart(world, self.node);
        u64::from(self.has_failed)
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

fn failing_once(scene: Scene<'_>, fault: Fault) -> Option<Box<dyn Active>> {
    Failing::begin(scene, |scene, node| {
        let skip = scene.rng.random_range(0..8);
        scene.world.machine(node).disk.borrow().fail(fault, skip);
    })
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
