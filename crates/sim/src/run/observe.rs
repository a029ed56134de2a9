//! What happens on the way, seen from outside.

use std::collections::BTreeMap;

use crate::report::Coverage;
use crate::world::World;

/// Looks at the world now and then.
#[derive(Default)]
pub(super) struct Observer {
    coverage: Coverage,
    leader: Option<u64>,
    snapshots: BTreeMap<u64, Option<u64>>,
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
            let index = view.group.status().snapshot_index;
            let known = self.snapshots.entry(machine.number).or_default();
            self.coverage.snapshots += u64::from(index > *known);
            *known = index.max(*known);
        }
    }

    pub(super) fn coverage(&self, world: &World) -> Coverage {
        let starts = world.all_machines().values().map(|machine| machine.starts()).sum();
        Coverage { starts, ..self.coverage }
    }
}
