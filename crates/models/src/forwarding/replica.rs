//! One replica: applies entries, takes snapshots over.

use super::applied::{AppliedCommands, Fate};
use super::{Command, Guard, Node, Proposal};
use crate::wire;

/// What applying an entry asks of the node.
#[derive(Default)]
pub(super) struct Applied {
    /// A proposal had a gap before it: whoever leads forgets.
    pub(super) gap: bool,
}

impl Node {
    /// Applies one entry. Mirrors `StateMachineAdapter::admit`, which asks the shipped table.
    pub(super) fn apply(&mut self, me: u8, entry: &[Proposal], dropped: Option<Guard>) -> Applied {
        let mut result = Applied::default();
        for proposal in entry {
            let own = proposal.node == me && proposal.process == self.process;
            match self.admit(proposal, dropped) {
                Fate::ApplyAfter(known) => {
                    for sequence in proposal.first + known as u8..proposal.first + proposal.count {
                        let Proposal { node, process, .. } = *proposal;
                        self.effects.push(Command { node, process, sequence });
                    }
                    if own {
                        self.applied_through(self.last_of(proposal));
                    }
                }
                Fate::Gap => {
                    result.gap = true;
                    if own {
                        self.send_again();
                    }
                }
                Fate::Skip => {}
            }
        }
        self.index += 1;
        result
    }

    fn admit(&mut self, proposal: &Proposal, dropped: Option<Guard>) -> Fate {
        let Proposal { node, incarnation, first, count, .. } = *proposal;
        let mut table = AppliedCommands::from_wire(&self.table);
        let (node, incarnation) = (u64::from(node), u64::from(incarnation));
        let fate = table.admit(node, incarnation, first.into(), count.into());
        self.table = table.to_wire();
        match fate {
            Fate::Skip if dropped == Some(Guard::SkipApplied) => Fate::ApplyAfter(0),
            Fate::Gap if dropped == Some(Guard::RefuseGaps) => {
                let sequence = u64::from(first + count - 1);
                self.table.retain(|last| last.node != node);
                self.table.push(wire::Applied { node, incarnation, sequence });
                self.table.sort_unstable();
                Fate::ApplyAfter(0)
            }
            fate => fate,
        }
    }

    fn last_of(&self, proposal: &Proposal) -> u8 {
        let table = AppliedCommands::from_wire(&self.table);
        table.last_of(proposal.node.into(), proposal.incarnation.into()) as u8
    }

    /// Mirrors `Outbox::applied_through`.
    pub(super) fn applied_through(&mut self, sequence: u8) {
        self.applied = self.applied.max(sequence.min(self.pushed));
        self.sent = self.sent.max(self.applied);
    }

    /// Mirrors `Outbox::rewind`.
    pub(super) fn send_again(&mut self) {
        self.sent = self.applied;
    }

    /// The state of another replica takes the place of this one's. Mirrors `StateMachineAdapter::restore`.
    pub(super) fn install(&mut self, other: &Node, own: &Proposal, dropped: Option<Guard>) {
        self.index = other.index;
        self.effects.clone_from(&other.effects);
        self.table.clear();
        if dropped != Some(Guard::TableInSnapshots) {
            self.table.clone_from(&other.table);
        }
        if dropped != Some(Guard::RestoreTellsTheOutbox) {
            self.applied_through(self.last_of(own));
        }
    }
}
