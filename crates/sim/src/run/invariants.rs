//! What must hold at every moment, seen from outside: the names are those of the Raft paper.

use std::collections::BTreeMap;
use std::time::Duration;

use consensus::{EntryId, Group, Watermarks};

use crate::world::World;

/// Looks at all replicas of all groups again and again, and remembers what they said.
#[derive(Default)]
pub(super) struct Invariants {
    groups: BTreeMap<u32, GroupInvariants>,
    digested_at: Duration,
}

/// What replicas of one group said.
#[derive(Default)]
struct GroupInvariants {
    /// Who led in each term.
    leaders: BTreeMap<u64, u64>,
    /// The term of each committed entry that a replica was seen to have as its last.
    terms: BTreeMap<u64, (u64, u64)>,
    /// How far each process was when it was last looked at.
    processes: BTreeMap<u64, Process>,
    /// The state after an entry, as a replica had it.
    digests: BTreeMap<u64, (u64, u64)>,
    checks: u64,
}

/// A process, by its number on its machine.
#[derive(Clone, Copy)]
struct Process {
    start: u64,
    marks: Watermarks,
    /// Of the control plane; 0 in shards.
    zxid: i64,
}

/// Digests cost time with the size of the tree.
const DIGEST_EVERY: Duration = Duration::from_millis(250);
/// What is remembered of entries, at most.
const REMEMBERED: usize = 20_000;

impl Invariants {
    /// Comparisons made so far.
    pub(super) fn checks(&self) -> u64 {
        self.groups.values().map(|group| group.checks).sum()
    }

    /// An error says what does not hold.
    pub(super) fn look(&mut self, world: &World) -> Result<(), String> {
        let digests = world.elapsed() >= self.digested_at + DIGEST_EVERY;
        if digests {
            self.digested_at = world.elapsed();
        }
        for machine in world.machines() {
            let Some(view) = machine.view() else { continue };
            let (node, start) = (machine.number, machine.starts());
            for (number, group) in view.groups() {
                let zxid = if number == 0 { view.control.zxid().0 } else { 0 };
                let invariants = self.groups.entry(number).or_default();
                let of_group = |why: String| format!("group {number}: {why}");
                invariants.look(node, start, zxid, &group).map_err(of_group)?;
            }
            if !digests {
                continue;
            }
            let (next_index, digest) = (view.group.applied_next_index(), view.control.digest());
            self.groups.entry(0).or_default().state_machine_safety(node, next_index, digest)?;
            for shard in view.shards() {
                let number = shard.replica.shard();
                let digest = shard.replica.read(|state| {
                    state.check_invariants();
                    state.digest()
                });
                let invariants = self.groups.entry(number).or_default();
                let next_index = shard.group.applied_next_index();
                let checked = invariants.state_machine_safety(node, next_index, digest);
                checked.map_err(|why| format!("group {number}: {why}"))?;
            }
        }
        Ok(())
    }
}

impl GroupInvariants {
    fn look(&mut self, node: u64, start: u64, zxid: i64, group: &Group) -> Result<(), String> {
        let marks = group.watermarks();
        self.goes_forward(node, Process { start, marks, zxid })?;
        let leadership = *group.leadership().borrow();
        if leadership.is_self {
            self.election_safety(node, leadership.term)?;
        }
        for entry in [marks.committed, marks.applied].into_iter().flatten() {
            self.log_matching(node, entry)?;
        }
        Ok(())
    }

    /// A process that has come so far never goes back.
    fn goes_forward(&mut self, node: u64, now: Process) -> Result<(), String> {
        self.checks += 1;
        let Some(before) = self.processes.insert(node, now).filter(|before| before.start == now.start) else {
            return Ok(());
        };
        let back = [
            ("term", before.marks.term > now.marks.term),
            ("last committed entry", before.marks.committed > now.marks.committed),
            ("last applied entry", before.marks.applied > now.marks.applied),
            ("zxid", before.zxid > now.zxid),
        ];
        let Some((what, _)) = back.into_iter().find(|(_, is_back)| *is_back) else { return Ok(()) };
        Err(format!(
            "monotonic {what}: node {node} went back from {:?} at {:#x} to {:?} at {:#x}",
            before.marks, before.zxid, now.marks, now.zxid
        ))
    }

    /// At most one node leads in a term.
    fn election_safety(&mut self, node: u64, term: u64) -> Result<(), String> {
        self.checks += 1;
        match self.leaders.insert(term, node) {
            Some(other) if other != node => {
                Err(format!("election safety: nodes {other} and {node} both lead in term {term}"))
            }
            _ => Ok(()),
        }
    }

    /// A committed entry is the same on every replica, for ever.
    fn log_matching(&mut self, node: u64, entry: EntryId) -> Result<(), String> {
        self.checks += 1;
        forget_oldest(&mut self.terms);
        let (term, first) = *self.terms.entry(entry.index).or_insert((entry.term, node));
        if term == entry.term {
            return Ok(());
        }
        Err(format!(
            "committed entries never change: entry {} is of term {term} on node {first} and of term {} on node {node}",
            entry.index, entry.term
        ))
    }

    /// Replicas that have applied the same are the same.
    fn state_machine_safety(&mut self, node: u64, next_index: u64, digest: u64) -> Result<(), String> {
        self.checks += 1;
        forget_oldest(&mut self.digests);
        let (known, first) = *self.digests.entry(next_index).or_insert((digest, node));
        if known == digest {
            return Ok(());
        }
        Err(format!(
            "state machine safety: nodes {first} and {node} have applied all entries before {next_index} and differ: {known:x} and {digest:x}"
        ))
    }
}

fn forget_oldest<T>(map: &mut BTreeMap<u64, T>) {
    while map.len() > REMEMBERED {
        map.pop_first();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64, index: u64) -> EntryId {
        EntryId { term, index }
    }

    #[test]
    fn two_leaders_of_a_term_are_found() {
        let mut invariants = GroupInvariants::default();
        invariants.election_safety(1, 7).expect("one leader is right");
        invariants.election_safety(1, 7).expect("it may lead on");
        invariants.election_safety(2, 8).expect("another term, another leader");
        assert!(invariants.election_safety(2, 7).expect_err("two leaders").contains("term 7"));
    }

    #[test]
    fn a_committed_entry_that_changes_is_found() {
        let mut invariants = GroupInvariants::default();
        invariants.log_matching(1, entry(3, 10)).expect("it is the first");
        invariants.log_matching(2, entry(3, 10)).expect("it is the same");
        invariants.log_matching(2, entry(4, 10)).expect_err("it is another");
    }

    #[test]
    fn replicas_that_differ_are_found() {
        let mut invariants = GroupInvariants::default();
        invariants.state_machine_safety(1, 10, 5).expect("it is the first");
        invariants.state_machine_safety(2, 11, 6).expect("it is further");
        invariants.state_machine_safety(2, 10, 6).expect_err("it is another");
    }

    #[test]
    fn a_process_that_goes_back_is_found_and_a_new_one_may() {
        let at = |start, index, zxid| {
            let applied = Some(entry(1, index));
            Process { start, marks: Watermarks { term: 1, applied, ..Watermarks::default() }, zxid }
        };
        let mut invariants = GroupInvariants::default();
        invariants.goes_forward(1, at(1, 10, 5)).expect("it is the first look");
        invariants.goes_forward(1, at(1, 10, 5)).expect("it stands");
        invariants.goes_forward(1, at(2, 3, 1)).expect("it is another process");
        invariants.goes_forward(1, at(2, 2, 1)).expect_err("its log went back");
        invariants.goes_forward(1, at(2, 4, 0)).expect_err("its state went back");
    }
}
