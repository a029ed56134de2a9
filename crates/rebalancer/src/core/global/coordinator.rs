//! What the coordinator does: call a round when the allocation is not fine, and end it when all have stopped.

use std::collections::BTreeSet;

use super::Status;
use crate::core::{Allocation, MemberId, Members, Policy, Resources, Round, is_fine, plan};

/// What a coordinator has learnt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// Who is there.
    Members(Members),
    /// What there is to share out.
    Resources(Resources),
    /// Who says that it has stopped, and for which round.
    Stopped(BTreeSet<(MemberId, Round)>),
    /// What [`Command::Call`] asked for is done.
    Called,
    /// What [`Command::Grant`] asked for is done.
    Granted,
    /// The pause after a round is over.
    Rested,
}

/// What a coordinator has to do. Both writes are made provided that the epoch is still its own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Command {
    /// Tell all to stop for this round.
    Call(Round),
    /// Write this allocation, and that it is there, in one step.
    Grant(Allocation),
    /// Pause for as long as must lie between two rebalances.
    Rest,
}

/// The coordinator of one epoch. When it is refused a write, it is none any more, and is dropped.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator {
    policy: Policy,
    allocation: Allocation,
    status: Status,
    members: Option<Members>,
    resources: Option<Resources>,
    stopped: BTreeSet<(MemberId, Round)>,
    is_writing: bool,
    is_resting: bool,
}

impl Coordinator {
    /// A coordinator that has begun an epoch and then read the allocation and the status. It ends a round that another called.
    pub fn new(policy: Policy, allocation: Allocation, status: Status) -> Self {
        Self {
            policy,
            allocation,
            status,
            members: None,
            resources: None,
            stopped: BTreeSet::new(),
            is_writing: false,
            is_resting: false,
        }
    }

    /// Takes an input; gives what is to be done now.
    pub fn step(&mut self, input: Input) -> Vec<Command> {
        let mut commands = Vec::new();
        match input {
            Input::Members(members) => self.members = Some(members),
            Input::Resources(resources) => self.resources = Some(resources),
            Input::Stopped(stopped) => self.stopped = stopped,
            Input::Called => self.is_writing = false,
            Input::Granted => {
                (self.is_writing, self.is_resting) = (false, true);
                commands.push(Command::Rest);
            }
            Input::Rested => self.is_resting = false,
        }
        commands.extend(self.write());
        commands
    }

    /// Whether all that were granted something have said that they use it.
    pub fn is_complete(&self) -> bool {
        matches!(self.status, Status::Granted(_)) && !self.is_writing && self.stopped.is_empty()
    }

    fn write(&mut self) -> Option<Command> {
        let (members, resources) = (self.members.as_ref()?, self.resources.as_ref()?);
        if self.is_writing || members.is_empty() {
            return None;
        }
        let command = match self.status {
            Status::Granted(round) => {
                if self.is_resting || is_fine(&self.allocation, members, resources) {
                    return None;
                }
                self.status = Status::Stop(round.next());
                Command::Call(round.next())
            }
            Status::Stop(round) => {
                let has_stopped = |member: &MemberId| self.stopped.contains(&(member.clone(), round));
                if !members.keys().all(has_stopped) {
                    return None;
                }
                if let Some(planned) = plan(self.policy, &self.allocation, members, resources) {
                    self.allocation = planned;
                }
                self.allocation.round = round;
                self.status = Status::Granted(round);
                Command::Grant(self.allocation.clone())
            }
        };
        self.is_writing = true;
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Weight;

    fn members(names: &[&str]) -> Input {
        Input::Members(names.iter().map(|name| ((*name).into(), Weight::default())).collect())
    }

    fn stopped(names: &[&str], round: u64) -> Input {
        Input::Stopped(names.iter().map(|name| ((*name).into(), Round(round))).collect())
    }

    fn allocation(round: u64, pairs: &[(&str, &str)]) -> Allocation {
        let owners = pairs.iter().map(|(resource, owner)| ((*resource).into(), (*owner).into()));
        Allocation { round: Round(round), owners: owners.collect() }
    }

    fn coordinator(status: Status) -> Coordinator {
        let mut coordinator = Coordinator::new(Policy::Sticky, Allocation::default(), status);
        coordinator.step(Input::Resources(["a".into(), "b".into()].into()));
        coordinator
    }

    #[test]
    fn it_grants_when_all_have_stopped_for_this_round() {
        let mut coordinator = coordinator(Status::Granted(Round(4)));
        assert_eq!(coordinator.step(members(&["c_1", "c_2"])), [Command::Call(Round(5))]);
        assert_eq!(coordinator.step(Input::Called), []);
        assert_eq!(coordinator.step(stopped(&["c_1", "c_2"], 4)), [], "that was another round");
        assert_eq!(coordinator.step(stopped(&["c_1"], 5)), []);
        let granted = allocation(5, &[("a", "c_1"), ("b", "c_2")]);
        assert_eq!(coordinator.step(stopped(&["c_1", "c_2"], 5)), [Command::Grant(granted)]);
        assert_eq!(coordinator.step(Input::Granted), [Command::Rest]);
        assert!(!coordinator.is_complete());
        coordinator.step(stopped(&[], 0));
        assert!(coordinator.is_complete());
    }

    #[test]
    fn who_is_gone_is_not_awaited_and_who_came_is() {
        let mut coordinator = coordinator(Status::Stop(Round(5)));
        coordinator.step(stopped(&["c_1"], 5));
        assert_eq!(coordinator.step(members(&["c_1", "c_3"])), []);
        let granted = allocation(5, &[("a", "c_1"), ("b", "c_1")]);
        assert_eq!(coordinator.step(members(&["c_1"])), [Command::Grant(granted)]);
    }

    #[test]
    fn a_change_during_the_pause_waits() {
        let mut coordinator = coordinator(Status::Stop(Round(1)));
        coordinator.step(stopped(&["c_1"], 1));
        coordinator.step(members(&["c_1"]));
        coordinator.step(Input::Granted);
        assert_eq!(coordinator.step(members(&["c_1", "c_2"])), []);
        assert_eq!(coordinator.step(Input::Rested), [Command::Call(Round(2))]);
    }

    #[test]
    fn it_leaves_alone_what_is_fine() {
        let former = allocation(3, &[("a", "c_1"), ("b", "c_2")]);
        let mut coordinator = Coordinator::new(Policy::Sticky, former, Status::Granted(Round(3)));
        coordinator.step(Input::Resources(["a".into(), "b".into()].into()));
        assert_eq!(coordinator.step(members(&["c_1", "c_2", "c_9"])), []);
    }
}
