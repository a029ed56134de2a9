//! Wall clocks that jump.

use rand::Rng;
use rand::rngs::StdRng;

use super::{Active, Scene};
use crate::world::World;

/// A clock that is off for as long as it lasts.
struct Jump {
    node: u64,
    back_to: i64,
}

impl Active for Jump {
    fn watch(&mut self, _world: &mut World, _rng: &mut StdRng) -> bool {
        false
    }

    fn end(self: Box<Self>, world: &mut World) -> u64 {
        world.machine(self.node).wall.set(self.back_to);
        1
    }
}

/// Up to so many milliseconds either way.
const FARTHEST_MS: [i64; 3] = [500, 60_000, 400 * 24 * 3600 * 1000];

pub(super) fn jump(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.rng.random_range(1..=scene.world.settings().nodes);
    let farthest = FARTHEST_MS[scene.rng.random_range(0..FARTHEST_MS.len())];
    let wall = &scene.world.machine(node).wall;
    let back_to = wall.get();
    wall.set(scene.rng.random_range(-farthest..farthest));
    Some(Box::new(Jump { node, back_to }))
}
