//! The leader ends a session at the moment at which its client comes back.
//!
//! Clients are held for so long that their sessions end. Either the leader is cut off when it has decided on the first of
//! them, before the others hear of it, and clients that were silent are heard by its successor; or replication becomes slow
//! shortly before a decision, and the clients come back within that time, so that the leader decides on sessions that are
//! being attached again.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tree::SessionId;

use super::network::{Cut, Slow};
use super::{Active, Roster, Scene};
use crate::world::{Host, World};

/// Clients that are held, and what is done to the leader that gives them up.
struct Expiry {
    client_host: u64,
    way: Way,
    stage: Stage,
    bites: u64,
}

/// How the leader's decision is met by its client.
#[derive(Clone, Copy)]
enum Way {
    /// The leader is deposed before it is carried out.
    Deposed,
    /// The client comes back so long before the next one.
    Attached(Duration),
}

enum Stage {
    /// Clients are held. What counts is the first end that is decided `from` then on; this leader has decided so many.
    Held { from: Duration, by: Duration, leader: u64, decided: u64 },
    /// Clients are held until the leader is about to decide, which shows in how little this session has left.
    Waiting { from: Duration, by: Duration, next: Option<Next> },
    /// The leader is cut off, or slow, until then; clients go on at that time.
    Met { leader: u64, until: Duration, release_at: Duration, fault: Box<dyn Active> },
    /// It is over.
    Over,
}

/// What a leader will decide next.
#[derive(Clone, Copy)]
struct Next {
    leader: u64,
    session: SessionId,
    left: Duration,
}

/// The shortest timeout of sessions, less what the leader may not have heard yet when clients are held. What it ends before is
/// the session of somebody who was gone already.
const DECIDES_AFTER: Duration = Duration::from_secs(3);
/// The longest timeout of most sessions, and what the leader adds to it.
const DECIDES_WITHIN: Duration = Duration::from_secs(9);
/// The leader looks at its sessions this often.
const DECIDES_EVERY: Duration = Duration::from_secs(1);
/// The end of a session whose client was silent for long is excused for its timeout; most are shorter than this.
const CUT_OFF_FOR: Duration = Duration::from_secs(5);
/// So that a write takes long enough to be overtaken, and followers still hear their leader often enough.
const SLOW: Duration = Duration::from_millis(250);

impl Expiry {
    fn meet(&mut self, world: &mut World, leader: u64) -> Option<Stage> {
        let now = world.elapsed();
        tracing::info!(leader, "has decided that a session is over");
        Some(match self.way {
            Way::Deposed => Stage::Met {
                leader,
                until: now + CUT_OFF_FOR,
                release_at: now,
                fault: Cut::from_peers(world, leader)?,
            },
            Way::Attached(before) => Stage::Met {
                leader,
                until: now + DECIDES_EVERY + SLOW * 2,
                release_at: now + DECIDES_EVERY - before,
                fault: Slow::to_peers(world, leader, SLOW),
            },
        })
    }

    /// Whether a leader has just looked at its sessions, without ending the one that it will end when it next looks.
    fn is_about_to_decide(now: Next, before: Next) -> bool {
        let same = (now.leader, now.session) == (before.leader, before.session);
        same && now.left < before.left && (Duration::from_millis(1)..=DECIDES_EVERY).contains(&now.left)
    }

    fn is_over(&mut self, world: &mut World, roster: &mut Roster) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Held { from, by, leader, decided } => {
                let is_now = decided_by(world, leader) > decided && world.elapsed() >= from;
                if is_now && world.leader() == Some(leader) {
                    self.stage = self.meet(world, leader).unwrap_or(Stage::Over);
                } else if world.elapsed() < by {
                    let leader = world.leader().unwrap_or(leader);
                    self.stage = Stage::Held { from, by, leader, decided: decided_by(world, leader) };
                }
            }
            Stage::Waiting { from, by, next: before } => {
                let next = next_of(world);
                let elapsed = world.elapsed();
                if let (Some(now), Some(before)) = (next, before)
                    && Self::is_about_to_decide(now, before)
                    && elapsed + DECIDES_EVERY >= from
                {
                    self.stage = self.meet(world, now.leader).unwrap_or(Stage::Over);
                } else if elapsed < by {
                    self.stage = Stage::Waiting { from, by, next };
                }
            }
            Stage::Met { leader, until, release_at, fault } => {
                let now = world.elapsed();
                if now >= release_at {
                    world.client_gate(self.client_host).open();
                }
                if now < until {
                    self.stage = Stage::Met { leader, until, release_at, fault };
                } else {
                    self.bites += fault.end(world, roster);
                }
            }
            Stage::Over => {}
        }
        matches!(self.stage, Stage::Over)
    }
}

/// How many ends of sessions a node has decided as the leader.
fn decided_by(world: &World, node: u64) -> u64 {
    let expired = |view: crate::world::View| {
        view.control.metrics().sessions_expired.load(std::sync::atomic::Ordering::Relaxed)
    };
    world.machine(node).view().map_or(0, expired)
}

/// The session that the leader will end first if it hears nothing more.
fn next_of(world: &World) -> Option<Next> {
    let leader = world.leader()?;
    let deadlines = world.machine(leader).view()?.control.session_deadlines(Duration::from_millis(1))?;
    let (left_ms, sessions) = deadlines.first_key_value()?;
    Some(Next { leader, session: *sessions.first()?, left: Duration::from_millis(*left_ms) })
}

impl Active for Expiry {
    fn watch_with(&mut self, world: &mut World, roster: &mut Roster, _rng: &mut StdRng) -> bool {
        self.is_over(world, roster)
    }

    fn holds_on(&self, _world: &World, _roster: &Roster) -> bool {
        true
    }

    fn end(self: Box<Self>, world: &mut World, roster: &mut Roster) -> u64 {
        world.client_gate(self.client_host).open();
        match self.stage {
            Stage::Met { fault, .. } => self.bites + fault.end(world, roster),
            Stage::Held { .. } | Stage::Waiting { .. } | Stage::Over => self.bites,
        }
    }

    /// A leader whose process ends forgets what it has decided.
    fn nodes(&self) -> Vec<u64> {
        match self.stage {
            Stage::Met { leader, .. } => vec![leader],
            Stage::Held { .. } | Stage::Waiting { .. } | Stage::Over => Vec::new(),
        }
    }
}

fn begin(scene: Scene<'_>, way: Way) -> Option<Box<dyn Active>> {
    let leader = scene.world.leader()?;
    let client_host = scene.rng.random_range(1..=scene.world.settings().client_hosts);
    let gate = scene.world.client_gate(client_host);
    if gate.is_closed() {
        return None;
    }
    gate.close();
    tracing::info!(host = %Host::Client(client_host), "held");
    let now = scene.world.elapsed();
    let (from, by) = (now + DECIDES_AFTER, now + DECIDES_WITHIN);
    let stage = match way {
        Way::Deposed => Stage::Held { from, by, leader, decided: decided_by(scene.world, leader) },
        Way::Attached(_) => Stage::Waiting { from, by, next: None },
    };
    Some(Box::new(Expiry { client_host, way, stage, bites: 0 }))
}

pub(super) fn of_deposed(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    begin(scene, Way::Deposed)
}

pub(super) fn of_attached(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    const BEFORE_MS: std::ops::Range<u64> = 20..250;
    let before = Duration::from_millis(scene.rng.random_range(BEFORE_MS));
    begin(scene, Way::Attached(before))
}
