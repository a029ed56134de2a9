//! The scenarios.

use std::time::Duration;

use super::{Clocks, Scenario, Spell, mixed, spells};
use crate::disk::FileSystem;
use crate::faults::{FailDisk, How, Rolling, RotTail, SlowDisk, StickDisk};

const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    nodes: 3,
    spares: 0,
    seconds: 40,
    disks: None,
    devices_fail: false,
    clocks: Clocks::Real,
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
        next: spells::kill_leader,
        ..PLAIN
    },
    Scenario {
        name: "kill-follower",
        about: "kill -9 of one that does not lead",
        next: spells::kill_follower,
        ..PLAIN
    },
    Scenario {
        name: "kill-all",
        about: "kill -9 of all nodes at once, or of a majority",
        next: spells::kill_all,
        ..PLAIN
    },
    Scenario {
        name: "pause",
        about: "SIGSTOP and SIGCONT of leaders and others",
        next: spells::pause,
        ..PLAIN
    },
    Scenario {
        name: "rolling-restart",
        about: "SIGTERM and a new start of one node after another",
        next: |_, _| Spell::of(Rolling::new(How::Stop), 0, 3000),
        ..PLAIN
    },
    Scenario {
        name: "rolling-kill",
        about: "kill -9 and a new start of one node after another",
        next: |_, _| Spell::of(Rolling::new(How::Kill), 0, 3000),
        ..PLAIN
    },
    Scenario {
        name: "rolling-upgrade",
        about: "one node after another goes on with another binary, and back",
        any_server: false,
        seconds: 60,
        next: spells::upgrade,
        ..PLAIN
    },
    Scenario {
        name: "membership",
        about: "nodes join, are promoted, demoted, taken out and replaced, from 3 to 5 and back; kills and partitions in the middle",
        any_server: false,
        spares: 2,
        seconds: 90,
        next: spells::members,
        ..PLAIN
    },
    Scenario {
        name: "partitions",
        about: "partitions of every shape",
        nodes: 5,
        seconds: 60,
        next: spells::partitions,
        ..PLAIN
    },
    Scenario { name: "flapping", about: "links that come and go", next: spells::flapping, ..PLAIN },
    Scenario {
        name: "slow-network",
        about: "latency, jitter, loss, duplication, reordering, narrow links",
        seconds: 60,
        next: spells::weather,
        ..PLAIN
    },
    Scenario {
        name: "corruption",
        about: "bits flip on the wire: TCP's checksum finds them, and all is sent again",
        next: spells::corruption,
        ..PLAIN
    },
    Scenario {
        name: "clock-skew",
        about: "wall clocks that jump by seconds, hours, years",
        clocks: Clocks::Wall,
        next: spells::clocks,
        ..PLAIN
    },
    Scenario {
        name: "clock-drift",
        about: "all clocks of nodes run fast or slow, also those that only measure",
        clocks: Clocks::All,
        seconds: 60,
        next: spells::drift,
        ..PLAIN
    },
    Scenario {
        name: "power-cut-ext4",
        about: "true power cuts: what ext4 had not written is lost",
        disks: Some(FileSystem::Ext4),
        next: spells::power,
        ..PLAIN
    },
    Scenario {
        name: "power-cut-xfs",
        about: "true power cuts: what XFS had not written is lost",
        disks: Some(FileSystem::Xfs),
        next: spells::power,
        ..PLAIN
    },
    Scenario {
        name: "disk-full",
        about: "a disk runs full; the node ends, and comes back when there is space",
        disks: Some(FileSystem::Ext4),
        bulk: true,
        next: |round, _| Spell::of(FailDisk::full(spells::alternate(round)), 10_000, 4000),
        ..PLAIN
    },
    Scenario {
        name: "fsync-error",
        about: "writes and syncs fail; the node ends, and comes back on a disk that works",
        disks: Some(FileSystem::Ext4),
        devices_fail: true,
        next: spells::disk_errors,
        ..PLAIN
    },
    Scenario {
        name: "fsync-error-xfs",
        about: "the same on XFS",
        disks: Some(FileSystem::Xfs),
        devices_fail: true,
        next: spells::disk_errors,
        ..PLAIN
    },
    Scenario {
        name: "slow-disk",
        about: "a disk takes few writes a second",
        disks: Some(FileSystem::Ext4),
        throttles: true,
        next: |round, rng| {
            Spell::of(SlowDisk::new(spells::alternate(round), spells::pick(rng, &[5, 20, 50])), 6000, 3000)
        },
        ..PLAIN
    },
    Scenario {
        name: "stuck-disk",
        about: "a disk answers nothing for seconds",
        disks: Some(FileSystem::Ext4),
        next: |round, rng| {
            Spell::of(StickDisk::new(spells::alternate(round)), spells::pick(rng, &[500, 2000, 6000]), 3000)
        },
        ..PLAIN
    },
    Scenario {
        name: "bit-rot",
        about: "damage to files of a node that is down: it must refuse or come to no harm",
        any_server: false,
        bulk: true,
        seconds: 60,
        next: spells::rot,
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
        name: "damage",
        about: "every kind of damage to every kind of file; who refuses is taken out and joins again with nothing",
        any_server: false,
        bulk: true,
        seconds: 120,
        next: spells::every_damage,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

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
