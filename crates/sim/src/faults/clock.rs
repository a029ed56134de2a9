//! Clocks that jump, and clocks that run too fast or too slow.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::{Active, Roster, Scene};
use crate::world::World;

/// A wall clock that is off for as long as it lasts, and jumps the other way in the middle.
struct Jump {
    node: u64,
    second: Option<i64>,
    second_at: Duration,
    back_to: i64,
    bites: u64,
}

impl Active for Jump {
    fn watch(&mut self, world: &mut World, _rng: &mut StdRng) -> bool {
        if world.elapsed() >= self.second_at
            && let Some(offset) = self.second.take()
        {
            world.machine(self.node).skew.set_offset(offset);
            self.bites += 1;
        }
        false
    }

    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        world.machine(self.node).skew.set_offset(self.back_to);
        self.bites
    }
}

/// Up to so many milliseconds either way.
const FARTHEST_MS: [i64; 3] = [500, 60_000, 400 * 24 * 3600 * 1000];

pub(super) fn jump(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.any_node();
    let farthest = FARTHEST_MS[scene.rng.random_range(0..FARTHEST_MS.len())];
    let skew = &scene.world.machine(node).skew;
    let back_to = skew.offset();
    let first = scene.rng.random_range(-farthest..farthest);
    let second = Some(-first.signum() * scene.rng.random_range(0..farthest));
    skew.set_offset(first);
    let second_at = scene.world.elapsed() + scene.lasts / 2;
    Some(Box::new(Jump { node, second, second_at, back_to, bites: 1 }))
}

/// Clocks at another speed.
struct Drift {
    node: u64,
    from: Duration,
    permille: u64,
}

/// The true speed, and how far from it clocks get, in parts of a thousand: broken ones, and bad ones.
const RIGHT: u64 = 1000;
const BROKEN: std::ops::RangeInclusive<u64> = 800..=1250;
const BAD: std::ops::RangeInclusive<u64> = 980..=1020;

impl Active for Drift {
    /// The milliseconds that the clock has come to be off by.
    fn end(self: Box<Self>, world: &mut World, _roster: &mut Roster) -> u64 {
        world.machine(self.node).skew.set_speed(RIGHT);
        let lasted = (world.elapsed() - self.from).as_millis();
        u64::try_from(lasted).unwrap_or(u64::MAX) * self.permille.abs_diff(RIGHT) / RIGHT
    }
}

pub(super) fn drift(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let leader = scene.world.leader().filter(|_| scene.rng.random_bool(0.5));
    let node = leader.unwrap_or_else(|| scene.any_node());
    let permille =
        if scene.rng.random_bool(0.5) { scene.rng.random_range(BROKEN) } else { scene.rng.random_range(BAD) };
    scene.world.machine(node).skew.set_speed(permille);
    Some(Box::new(Drift { node, from: scene.world.elapsed(), permille }))
}
