//! The scenarios.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::{Scenario, Spell, mixed};
use crate::disk::FileSystem;
use crate::disk::rot::Damage;
use crate::faults::{
    BreakDevice, CutPower, FillDisk, Flapping, Kill, LoseDisk, Partition, Pause, RollingRestart, Rot,
    RotTail, Shape, SkewClock, SlowDisk, StickDisk, Weather, Where, Who,
};

const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    nodes: 3,
    seconds: 40,
    disks: None,
    devices_fail: false,
    clocks: false,
    throttles: false,
    bulk: false,
    any_server: true,
    next: |_, _| Spell { faults: Vec::new(), lasts: Duration::from_secs(1), quiet: Duration::ZERO },
};

/// All of them.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "calm", about: "nothing goes wrong: what the others are compared with", ..PLAIN },
    Scenario {
        name: "kill-leader",
        about: "kill -9 of the leader, again and again",
        next: kill_leader,
        ..PLAIN
    },
    Scenario {
        name: "kill-follower",
        about: "kill -9 of one that does not lead",
        next: kill_follower,
        ..PLAIN
    },
    Scenario {
        name: "kill-all",
        about: "kill -9 of all nodes at once, or of a majority",
        next: kill_all,
        ..PLAIN
    },
    Scenario { name: "pause", about: "SIGSTOP and SIGCONT of leaders and others", next: pause, ..PLAIN },
    Scenario {
        name: "rolling-restart",
        about: "SIGTERM and a new start of one node after another",
        next: |_, _| Spell::of(RollingRestart::default(), 0, 3000),
        ..PLAIN
    },
    Scenario {
        name: "partitions",
        about: "partitions of every shape",
        nodes: 5,
        seconds: 60,
        next: partitions,
        ..PLAIN
    },
    Scenario { name: "flapping", about: "links that come and go", next: flapping, ..PLAIN },
    Scenario {
        name: "slow-network",
        about: "latency, jitter, loss, duplication, reordering, narrow links",
        seconds: 60,
        next: weather,
        ..PLAIN
    },
    Scenario {
        name: "clock-skew",
        about: "wall clocks that jump by seconds, hours, years",
        clocks: true,
        next: clocks,
        ..PLAIN
    },
    Scenario {
        name: "power-cut-ext4",
        about: "true power cuts: what ext4 had not written is lost",
        disks: Some(FileSystem::Ext4),
        next: power,
        ..PLAIN
    },
    Scenario {
        name: "power-cut-xfs",
        about: "true power cuts: what XFS had not written is lost",
        disks: Some(FileSystem::Xfs),
        next: power,
        ..PLAIN
    },
    Scenario {
        name: "disk-full",
        about: "a disk runs full; the node ends, and comes back when there is space",
        disks: Some(FileSystem::Ext4),
        bulk: true,
        next: |round, _| Spell::of(FillDisk::new(alternate(round)), 10_000, 4000),
        ..PLAIN
    },
    Scenario {
        name: "fsync-error",
        about: "writes and syncs fail; the node ends, and comes back on a disk that works",
        disks: Some(FileSystem::Ext4),
        devices_fail: true,
        next: disk_errors,
        ..PLAIN
    },
    Scenario {
        name: "fsync-error-xfs",
        about: "the same on XFS",
        disks: Some(FileSystem::Xfs),
        devices_fail: true,
        next: disk_errors,
        ..PLAIN
    },
    Scenario {
        name: "slow-disk",
        about: "a disk takes few writes a second",
        disks: Some(FileSystem::Ext4),
        throttles: true,
        next: |round, rng| Spell::of(SlowDisk::new(alternate(round), pick(rng, &[5, 20, 50])), 6000, 3000),
        ..PLAIN
    },
    Scenario {
        name: "stuck-disk",
        about: "a disk answers nothing for seconds",
        disks: Some(FileSystem::Ext4),
        next: |round, rng| Spell::of(StickDisk::new(alternate(round)), pick(rng, &[500, 2000, 6000]), 3000),
        ..PLAIN
    },
    Scenario {
        name: "bit-rot",
        about: "damage to files of a node that is down: it must refuse or come to no harm",
        any_server: false,
        bulk: true,
        seconds: 60,
        next: rot,
        ..PLAIN
    },
    Scenario {
        name: "rot-tail",
        about: "one bit of what a follower wrote last, when its leader is down and the third node is behind",
        any_server: false,
        next: |_, _| Spell::of(RotTail::default(), 2000, 3000),
        ..PLAIN
    },
    Scenario {
        name: "replace",
        about: "a node refuses its damaged files and another joins in its place",
        any_server: false,
        nodes: 5,
        next: |round, rng| Spell::of(Rot::new(damage(round), true), 500, rng.random_range(1000..3000)),
        ..PLAIN
    },
    Scenario {
        name: "mixed",
        about: "mixes of faults of processes and network that change every 10 to 30 s",
        nodes: 5,
        seconds: 120,
        next: mixed::processes_and_network,
        ..PLAIN
    },
    Scenario {
        name: "mixed-disk",
        about: "mixes of faults of disks and network that change every 10 to 30 s",
        nodes: 5,
        seconds: 120,
        disks: Some(FileSystem::Ext4),
        bulk: true,
        next: mixed::disks_and_network,
        ..PLAIN
    },
];

/// A scenario.
pub fn by_name(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

pub(super) fn pick<T: Copy>(rng: &mut StdRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

fn alternate(round: u32) -> Who {
    if round.is_multiple_of(2) { Who::Leader } else { Who::Follower }
}

fn damage(round: u32) -> Damage {
    [Damage::Bit, Damage::Sector, Damage::Truncated][round as usize % 3]
}

fn kill_leader(_: u32, rng: &mut StdRng) -> Spell {
    Spell::of(Kill::new(Who::Leader), rng.random_range(300..2500), rng.random_range(1000..3000))
}

fn kill_follower(_: u32, rng: &mut StdRng) -> Spell {
    Spell::of(Kill::new(Who::Follower), rng.random_range(300..2500), rng.random_range(500..2000))
}

fn kill_all(round: u32, rng: &mut StdRng) -> Spell {
    let who = if round.is_multiple_of(3) { Who::Majority } else { Who::All };
    Spell::of(Kill::new(who), rng.random_range(0..1500), rng.random_range(2500..4000))
}

fn pause(round: u32, rng: &mut StdRng) -> Spell {
    let who = [Who::Leader, Who::Follower, Who::Leader, Who::Majority, Who::All][round as usize % 5];
    Spell::of(Pause::new(who), rng.random_range(300..4000), rng.random_range(1000..3000))
}

fn partitions(round: u32, rng: &mut StdRng) -> Spell {
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

fn flapping(round: u32, rng: &mut StdRng) -> Spell {
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

fn clocks(round: u32, rng: &mut StdRng) -> Spell {
    const YEAR: i64 = 365 * 86_400;
    let seconds = pick(rng, &[-5, 5, 3600, -3600, YEAR, -YEAR]);
    let who = [Who::Leader, Who::Follower, Who::All][round as usize % 3];
    Spell::of(SkewClock::new(who, seconds), rng.random_range(2000..5000), rng.random_range(500..2000))
}

/// Cuts of one, some and all nodes.
pub(crate) fn power(round: u32, rng: &mut StdRng) -> Spell {
    let who = [Who::All, Who::Leader, Who::Majority, Who::Follower][round as usize % 4];
    Spell::of(CutPower::new(who), rng.random_range(0..1000), rng.random_range(1500..3000))
}

fn disk_errors(round: u32, rng: &mut StdRng) -> Spell {
    let who = alternate(round / 2);
    let quiet = rng.random_range(2000..4000);
    if round.is_multiple_of(2) {
        Spell::of(LoseDisk::new(who), 2000, quiet)
    } else {
        Spell::of(BreakDevice::new(who), 5000, quiet)
    }
}

fn rot(round: u32, _: &mut StdRng) -> Spell {
    Spell::of(Rot::new(damage(round), false), 0, 1000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        assert!(SCENARIOS.iter().all(|scenario| by_name(scenario.name).is_some()));
    }

    #[test]
    fn every_scenario_but_one_lets_something_go_wrong() {
        for scenario in SCENARIOS.iter().filter(|scenario| scenario.name != "calm") {
            let mut rng = StdRng::seed_from_u64(1);
            let faults: usize = (0..12).map(|round| (scenario.next)(round, &mut rng).faults.len()).sum();
            assert!(faults >= 12, "{}", scenario.name);
        }
    }

    #[test]
    fn a_seed_decides_what_goes_wrong() {
        let names = |seed| {
            let mut rng = StdRng::seed_from_u64(seed);
            let spells = (0..20).map(|round| mixed::processes_and_network(round, &mut rng));
            spells
                .map(|spell| (spell.lasts, spell.faults.iter().map(|fault| fault.name()).collect()))
                .collect()
        };
        let first: Vec<(Duration, Vec<String>)> = names(1);
        assert_eq!(first, names(1));
        assert_ne!(first, names(2));
    }
}
