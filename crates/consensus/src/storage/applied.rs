//! Exactly once: which commands of which node were applied.

use std::collections::BTreeMap;

use crate::wire;

/// The last command applied, per node. Part of the replicated state, so that every replica skips the same ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AppliedCommands {
    nodes: BTreeMap<u64, Last>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    incarnation: u64,
    sequence: u64,
}

/// What to do with the commands of one proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Apply them, leaving out this many at the front, which were applied before.
    ApplyAfter(usize),
    /// All were applied before, or they come from a process that is no more.
    Skip,
    /// Earlier commands of that node are missing: they were lost on the way, and it will send all of them again.
    Gap,
}

impl AppliedCommands {
    /// Decides on `count` commands that `node` numbered from `first`, and takes note of those that are to be applied.
    pub(crate) fn admit(&mut self, node: u64, incarnation: u64, first: u64, count: usize) -> Fate {
        let last = self.nodes.get(&node).copied().unwrap_or(Last { incarnation: 0, sequence: 0 });
        if incarnation < last.incarnation || count == 0 || first == 0 {
            return Fate::Skip;
        }
        let applied = if incarnation == last.incarnation { last.sequence } else { 0 };
        if first > applied + 1 {
            return Fate::Gap;
        }
        let Some(end) = first.checked_add(count as u64) else { return Fate::Skip };
        if end <= applied + 1 {
            return Fate::Skip;
        }
        self.nodes.insert(node, Last { incarnation, sequence: end - 1 });
        Fate::ApplyAfter((applied + 1 - first) as usize)
    }

    /// The last command of `node` that was applied, if it is still in `incarnation`.
    pub(crate) fn last_of(&self, node: u64, incarnation: u64) -> u64 {
        self.nodes.get(&node).filter(|last| last.incarnation == incarnation).map_or(0, |last| last.sequence)
    }

    pub(crate) fn to_wire(&self) -> Vec<wire::Applied> {
        let encode = |(node, last): (&u64, &Last)| wire::Applied {
            node: *node,
            incarnation: last.incarnation,
            sequence: last.sequence,
        };
        self.nodes.iter().map(encode).collect()
    }

    pub(crate) fn from_wire(applied: &[wire::Applied]) -> Self {
        let decode =
            |one: &wire::Applied| (one.node, Last { incarnation: one.incarnation, sequence: one.sequence });
        Self { nodes: applied.iter().map(decode).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_apply_once_in_order_and_gaps_are_refused() {
        let mut applied = AppliedCommands::default();
        assert_eq!(applied.admit(1, 1, 1, 3), Fate::ApplyAfter(0));
        assert_eq!(applied.admit(1, 1, 1, 3), Fate::Skip, "sent again whole");
        assert_eq!(applied.admit(1, 1, 2, 4), Fate::ApplyAfter(2), "sent again with more behind");
        assert_eq!(applied.admit(1, 1, 7, 1), Fate::Gap, "6 is missing");
        assert_eq!(applied.admit(1, 1, 6, 2), Fate::ApplyAfter(0));
        assert_eq!(applied.last_of(1, 1), 7);
    }

    #[test]
    fn a_restarted_node_counts_from_one_and_its_past_is_over() {
        let mut applied = AppliedCommands::default();
        assert_eq!(applied.admit(1, 1, 1, 3), Fate::ApplyAfter(0));
        assert_eq!(applied.admit(1, 2, 2, 1), Fate::Gap);
        assert_eq!(applied.admit(1, 2, 1, 1), Fate::ApplyAfter(0));
        assert_eq!(applied.admit(1, 1, 4, 1), Fate::Skip);
        assert_eq!(applied.last_of(1, 1), 0);
    }

    #[test]
    fn nodes_count_apart() {
        let mut applied = AppliedCommands::default();
        assert_eq!(applied.admit(1, 1, 1, 1), Fate::ApplyAfter(0));
        assert_eq!(applied.admit(2, 1, 1, 1), Fate::ApplyAfter(0));
        assert_eq!(AppliedCommands::from_wire(&applied.to_wire()), applied);
    }

    #[test]
    fn hostile_numbers_do_not_overflow() {
        let mut applied = AppliedCommands::default();
        assert_eq!(applied.admit(1, 1, 0, 1), Fate::Skip);
        assert_eq!(applied.admit(1, u64::MAX, u64::MAX, 2), Fate::Gap);
        assert_eq!(applied.admit(1, 1, 1, 0), Fate::Skip);
    }
}
