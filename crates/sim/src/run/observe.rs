//! What happens on the way, seen from outside.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::Coverage;
use crate::world::World;

/// Looks at the world now and then.
#[derive(Default)]
pub(super) struct Observer {
    coverage: Coverage,
    leader: Option<u64>,
    snapshots: BTreeMap<(u32, u64), Option<u64>>,
    /// Files that shards' replicas have, by node and shard.
    files: BTreeMap<(u64, u32), BTreeSet<String>>,
    /// How often processes' replicas were replaced, by node and shard.
    restores: BTreeMap<(u64, u32), (u64, u64)>,
}

impl Observer {
    pub(super) fn look(&mut self, world: &World) {
        if let Some(leader) = world.leader()
            && self.leader.replace(leader) != Some(leader)
        {
            self.coverage.leader_changes += 1;
        }
        for machine in world.machines() {
            let Some(view) = machine.view() else { continue };
            for (number, group) in view.groups() {
                let index = group.status().snapshot_index;
                let known = self.snapshots.entry((number, machine.number)).or_default();
                let count = match number {
                    0 => &mut self.coverage.snapshots,
                    _ => &mut self.coverage.shard_snapshots,
                };
                *count += u64::from(index > *known);
                *known = index.max(*known);
            }
            for shard in view.shards() {
                self.look_at_shard(machine.number, machine.starts(), &shard.replica);
            }
        }
    }

    fn look_at_shard(&mut self, node: u64, start: u64, replica: &shards::Replica) {
        let place = (node, replica.shard());
        let files: BTreeSet<String> = replica.frames().manifest().files().map(|file| file.name).collect();
        let known = self.files.entry(place).or_default();
        self.coverage.segment_files += files.difference(known).count() as u64;
        *known = files;
        let restores = replica.restores();
        let (of_start, seen) = *self.restores.entry(place).or_default();
        // What a process begins with is its own.
        if of_start == start {
            self.coverage.shard_transfers += restores - seen;
        }
        self.restores.insert(place, (start, restores));
    }

    pub(super) fn coverage(&self, world: &World) -> Coverage {
        let starts = world.all_machines().values().map(|machine| machine.starts()).sum();
        Coverage { starts, ..self.coverage }
    }
}
