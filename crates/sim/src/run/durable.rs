//! What nodes promise must be on their disks when they come back: the term that they have voted in, and the committed
//! entries that their leader counted them for. Raft's safety rests on nothing else, so a promise that was forgotten is found
//! here long before, by bad luck, it does harm.

use std::collections::BTreeMap;

use consensus::Group;

use crate::world::{Machine, World};

/// Remembers what each node has promised in each group.
#[derive(Default)]
pub(super) struct Durable {
    nodes: BTreeMap<(u32, u64), Promised>,
}

#[derive(Default)]
struct Promised {
    /// The newest term that a process was in. openraft tells of a term when the vote is on disk.
    term: u64,
    /// The last committed entry that a leader has heard to be on its disk.
    index: Option<u64>,
    /// The process that was looked at last, by its number on its machine.
    start: u64,
}

impl Durable {
    /// An error says what was forgotten. To be called so often that a process is seen before others have told it again what it
    /// forgot.
    pub(super) fn look(&mut self, world: &World) -> Result<(), String> {
        for machine in world.machines() {
            let Some(view) = machine.view() else { continue };
            for (number, group) in view.groups() {
                // A disk that was exchanged has promised nothing; its node is never let in again.
                if machine.disks() == 0 {
                    self.keeps(machine, number, &group)?;
                }
                if group.leadership().borrow().is_self {
                    self.note(number, &group);
                }
            }
        }
        Ok(())
    }

    fn keeps(&mut self, machine: &Machine, number: u32, group: &Group) -> Result<(), String> {
        let (node, start) = (machine.number, machine.starts());
        let promised = self.nodes.entry((number, node)).or_default();
        let term = group.watermarks().term;
        if promised.start != start {
            promised.start = start;
            if term < promised.term {
                return Err(format!(
                    "a node keeps its vote: node {node} was in group {number} in term {} and came back in term {term}",
                    promised.term
                ));
            }
            let last = group.status().last_index;
            if last < promised.index {
                return Err(format!(
                    "a node keeps what it acknowledged: node {node} had in group {number} entry {:?}, which is committed, and came back with a log to {last:?}",
                    promised.index
                ));
            }
        }
        promised.term = term;
        Ok(())
    }

    /// What a leader knows of the others. (Its own entries count once they are on its disk, and nobody shows that.)
    fn note(&mut self, number: u32, leader: &Group) {
        let status = leader.status();
        let own = status.leadership.leader;
        for replica in status.replicas.iter().filter(|replica| Some(replica.node) != own) {
            let promised = self.nodes.entry((number, replica.node.0)).or_default();
            promised.index = promised.index.max(replica.matched_index.min(status.committed_index));
        }
    }
}
