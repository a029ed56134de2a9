//! Processes that are held.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::{Active, Roster, Scene};
use crate::world::{Gate, Host, World};

/// A gate that is closed for as long as it lasts.
pub(super) struct Pause {
    gate: Arc<Gate>,
    held_before: u64,
}

impl Pause {
    pub(super) fn begin(gate: &Arc<Gate>) -> Box<dyn Active> {
        gate.close();
        Box::new(Pause { gate: Arc::clone(gate), held_before: gate.held() })
    }
}

impl Active for Pause {
    fn end(self: Box<Self>, _world: &mut World, _roster: &mut Roster) -> u64 {
        self.gate.open();
        self.gate.held() - self.held_before
    }
}

pub(super) fn node(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    Some(Pause::begin(&scene.world.machine(node).gate))
}

/// A gate that is closed for moments.
struct Slow {
    gate: Arc<Gate>,
    held_before: u64,
    is_closed: bool,
    turn_at: Duration,
    longest_ms: u64,
}

impl Active for Slow {
    fn watch(&mut self, world: &mut World, rng: &mut StdRng) -> bool {
        if world.elapsed() >= self.turn_at {
            self.is_closed = !self.is_closed;
            let longest = if self.is_closed { self.longest_ms } else { 12 };
            self.turn_at = world.elapsed() + Duration::from_millis(rng.random_range(1..longest));
            if self.is_closed { self.gate.close() } else { self.gate.open() }
        }
        false
    }

    fn end(self: Box<Self>, _world: &mut World, _roster: &mut Roster) -> u64 {
        self.gate.open();
        self.gate.held() - self.held_before
    }
}

pub(super) fn slow_node(mut scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let node = scene.leader_or_any()?;
    let gate = Arc::clone(&scene.world.machine(node).gate);
    let longest_ms = [20, 60, 250][scene.rng.random_range(0..3)];
    let turn_at = scene.world.elapsed();
    Some(Box::new(Slow { held_before: gate.held(), gate, is_closed: false, turn_at, longest_ms }))
}

/// Clients that are held for longer than was planned, if that is needed for their sessions to expire.
struct PauseClients {
    pause: Box<dyn Active>,
    until: Duration,
}

/// Longer than most sessions of the run.
const OUTLASTS: Duration = Duration::from_secs(7);

impl Active for PauseClients {
    fn holds_on(&self, world: &World, _roster: &Roster) -> bool {
        world.elapsed() < self.until
    }

    fn end(self: Box<Self>, world: &mut World, roster: &mut Roster) -> u64 {
        self.pause.end(world, roster)
    }
}

pub(super) fn clients(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    let host = scene.rng.random_range(1..=scene.world.settings().client_hosts);
    let until = scene.world.elapsed() + scene.lasts.max(OUTLASTS);
    let pause = Pause::begin(scene.world.client_gate(host));
    tracing::info!(host = %Host::Client(host), "held");
    Some(Box::new(PauseClients { pause, until }))
}
