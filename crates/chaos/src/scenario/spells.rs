//! What goes wrong next, scenario by scenario: by the number of the round, and by chance.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::Spell;
use crate::disk::Target;
use crate::disk::rot::Damage;
use crate::faults::{
    Change, ChangeMembers, Corruption, CutPower, Disturbance, DriftClock, FailDisk, Flapping, How, JumpClock,
    Kill, Partition, Pause, Repair, Repeat, Rolling, Rot, Shape, Weather, Where, Who,
};

pub(super) fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

pub(super) fn alternate(round: u32) -> Who {
    if round.is_multiple_of(2) { Who::Leader } else { Who::Follower }
}

pub(super) fn damage(round: u32) -> Damage {
    [Damage::Bit, Damage::Sector, Damage::Truncated][round as usize % 3]
}

pub(super) fn kill_leader(_: u32, rng: &mut StdRng) -> Spell {
    Spell::of(Kill::new(Who::Leader), rng.random_range(300..2500), rng.random_range(1000..3000))
}

pub(super) fn kill_follower(_: u32, rng: &mut StdRng) -> Spell {
    Spell::of(Kill::new(Who::Follower), rng.random_range(300..2500), rng.random_range(500..2000))
}

pub(super) fn kill_all(round: u32, rng: &mut StdRng) -> Spell {
    let who = if round.is_multiple_of(3) { Who::Majority } else { Who::All };
    Spell::of(Kill::new(who), rng.random_range(0..1500), rng.random_range(2500..4000))
}

pub(super) fn pause(round: u32, rng: &mut StdRng) -> Spell {
    let who = [Who::Leader, Who::Follower, Who::Leader, Who::Majority, Who::All][round as usize % 5];
    Spell::of(Pause::new(who), rng.random_range(300..4000), rng.random_range(1000..3000))
}

pub(super) fn partitions(round: u32, rng: &mut StdRng) -> Spell {
    let shapes = [
        Shape::Isolate(Who::Leader),
        Shape::Split,
        Shape::Ring,
        Shape::Bridge,
        Shape::Deaf(Who::Leader),
        Shape::Mute(Who::Leader),
        Shape::IsolateFromAll(Who::Leader),
        Shape::Isolate(Who::Follower),
        Shape::Deaf(Who::Follower),
        Shape::Mute(Who::Follower),
        Shape::Scattered,
    ];
    let shape = shapes[round as usize % shapes.len()];
    Spell::of(Partition::new(shape), rng.random_range(1500..5000), rng.random_range(1000..2500))
}

pub(super) fn flapping(round: u32, rng: &mut StdRng) -> Spell {
    Spell::of(Flapping::new(alternate(round)), rng.random_range(4000..8000), rng.random_range(1000..2000))
}

/// Weather of each kind in turn, as bad as a cluster in one region should bear.
pub(super) fn weather(round: u32, rng: &mut StdRng) -> Spell {
    let place = pick(rng, &[Where::Nodes, Where::Everywhere, Where::Around(Who::Leader)]);
    let ms = |ms| Duration::from_millis(ms);
    let weather = match round % 6 {
        0 => Weather::latency(place, ms(pick(rng, &[5, 20, 40]))),
        1 => Weather::jitter(place, ms(pick(rng, &[10, 40]))),
        2 => Weather::loss(place, pick(rng, &[0.01, 0.05, 0.2])),
        3 => Weather::duplication(place, pick(rng, &[0.05, 0.3])),
        4 => Weather::reordering(place, pick(rng, &[0.05, 0.3])),
        _ => Weather::narrow(place, pick(rng, &[50_000, 200_000])),
    };
    Spell::of(weather, rng.random_range(5000..8000), rng.random_range(1000..2000))
}

pub(super) fn corruption(round: u32, rng: &mut StdRng) -> Spell {
    let place = [Where::Everywhere, Where::Nodes, Where::Around(Who::Leader)][round as usize % 3];
    let fault = Corruption::new(place, pick(rng, &[0.02, 0.1, 0.3]));
    Spell::of(fault, rng.random_range(4000..7000), rng.random_range(1000..2000))
}

pub(super) fn clocks(round: u32, rng: &mut StdRng) -> Spell {
    const YEAR: i64 = 365 * 86_400;
    let seconds = pick(rng, &[-5, 5, 3600, -3600, YEAR, -YEAR]);
    let who = [Who::Leader, Who::Follower, Who::All][round as usize % 3];
    Spell::of(JumpClock::new(who, seconds), rng.random_range(2000..5000), rng.random_range(500..2000))
}

pub(super) fn drift(round: u32, rng: &mut StdRng) -> Spell {
    let (who, rates) = match round % 4 {
        0 => (Who::Leader, vec![pick(rng, &[1.25, 1.1])]),
        1 => (Who::Leader, vec![pick(rng, &[0.8, 0.9])]),
        2 => (Who::Follower, vec![pick(rng, &[0.8, 1.25])]),
        _ => (Who::All, vec![0.8, 1.25, 1.0]),
    };
    let mut spell = Spell::of(DriftClock::new(who, rates), rng.random_range(6000..9000), 2000);
    // Leases and timeouts are put to the test by leaders that fail.
    match round / 4 % 3 {
        0 => spell.faults.push(Box::new(Repeat::new(|| Kill::new(Who::Leader)))),
        1 => spell.faults.push(Box::new(Repeat::new(|| Partition::new(Shape::Isolate(Who::Leader))))),
        _ => spell.faults.push(Box::new(Repeat::new(|| Pause::new(Who::Leader)))),
    }
    spell
}

/// Each change in turn, with each disturbance in turn.
pub(super) fn members(round: u32, rng: &mut StdRng) -> Spell {
    let changes = [
        Change::Grow,
        Change::GrowByObserver,
        Change::Replace,
        Change::Demote,
        Change::Shrink,
        Change::Replace,
        Change::Shrink,
    ];
    let disturbances = [
        Disturbance::None,
        Disturbance::KillLeader,
        Disturbance::IsolateSubject,
        Disturbance::KillSubject,
        Disturbance::IsolateLeader,
        Disturbance::PauseLeader,
    ];
    let change = changes[round as usize % changes.len()];
    let disturbance = disturbances[round as usize % disturbances.len()];
    Spell::of(ChangeMembers::new(change, disturbance), 0, rng.random_range(300..1500))
}

pub(super) fn upgrade(round: u32, _: &mut StdRng) -> Spell {
    let how = if round.is_multiple_of(2) { How::Upgrade } else { How::Downgrade };
    Spell::of(Rolling::new(how), 0, 2000)
}

/// Every kind of damage to every kind of file; what takes time to come about is last.
pub(super) fn every_damage(round: u32, rng: &mut StdRng) -> Spell {
    let targets =
        [Target::LastSegment, Target::SegmentHeader, Target::OldSegment, Target::Snapshot, Target::Lock];
    let kinds = [Damage::Bit, Damage::Sector, Damage::Truncated];
    let (target, kind) = (targets[round as usize % 5], kinds[round as usize % 3]);
    Spell::of(Rot::new(kind, target, Repair::Rejoin), 0, rng.random_range(500..1500))
}

/// Cuts of one, some and all nodes.
pub(super) fn power(round: u32, rng: &mut StdRng) -> Spell {
    let who = [Who::All, Who::Leader, Who::Majority, Who::Follower][round as usize % 4];
    Spell::of(CutPower::new(who), rng.random_range(0..1000), rng.random_range(1500..3000))
}

pub(super) fn disk_errors(round: u32, rng: &mut StdRng) -> Spell {
    let who = alternate(round / 2);
    let quiet = rng.random_range(2000..4000);
    if round.is_multiple_of(2) {
        Spell::of(FailDisk::lost(who), 2000, quiet)
    } else {
        Spell::of(FailDisk::broken(who), 5000, quiet)
    }
}

pub(super) fn rot(round: u32, _: &mut StdRng) -> Spell {
    Spell::of(Rot::new(damage(round), Target::Any, Repair::BringBack), 0, 1000)
}
