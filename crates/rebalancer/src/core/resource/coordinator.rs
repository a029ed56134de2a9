//! What the coordinator does: write an allocation when the present one is not fine.

use crate::core::{Allocation, Members, Policy, Resources, plan};

/// What a coordinator has learnt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// Who is there.
    Members(Members),
    /// What there is to share out.
    Resources(Resources),
    /// What was written is in force.
    Written,
    /// The pause after a write is over.
    Rested,
}

/// What a coordinator has to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Command {
    /// Write this allocation, provided that the epoch is still its own.
    Write(Allocation),
    /// Pause for as long as must lie between two rebalances.
    Rest,
}

/// The coordinator of one epoch. When it is refused a write, it is none any more, and is dropped.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Coordinator {
    policy: Policy,
    allocation: Allocation,
    members: Option<Members>,
    resources: Option<Resources>,
    is_writing: bool,
    is_resting: bool,
}

impl Coordinator {
    /// A coordinator that has begun an epoch and then read the allocation.
    pub fn new(policy: Policy, allocation: Allocation) -> Self {
        Self { policy, allocation, members: None, resources: None, is_writing: false, is_resting: false }
    }

    /// Takes an input; gives what is to be done now.
    pub fn step(&mut self, input: Input) -> Vec<Command> {
        let mut commands = Vec::new();
        match input {
            Input::Members(members) => self.members = Some(members),
            Input::Resources(resources) => self.resources = Some(resources),
            Input::Written => {
                (self.is_writing, self.is_resting) = (false, true);
                commands.push(Command::Rest);
            }
            Input::Rested => self.is_resting = false,
        }
        commands.extend(self.write());
        commands
    }

    /// Who is there, as far as it has seen.
    pub fn members(&self) -> Option<&Members> {
        self.members.as_ref()
    }

    fn write(&mut self) -> Option<Command> {
        if self.is_writing || self.is_resting {
            return None;
        }
        let (members, resources) = (self.members.as_ref()?, self.resources.as_ref()?);
        self.allocation = plan(self.policy, &self.allocation, members, resources)?;
        self.is_writing = true;
        Some(Command::Write(self.allocation.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Weight;

    fn members(names: &[&str]) -> Input {
        Input::Members(names.iter().map(|name| ((*name).into(), Weight::default())).collect())
    }

    fn resources(names: &[&str]) -> Input {
        Input::Resources(names.iter().map(|name| (*name).into()).collect())
    }

    fn allocation(pairs: &[(&str, &str)]) -> Allocation {
        let owners = pairs.iter().map(|(resource, owner)| ((*resource).into(), (*owner).into()));
        Allocation { owners: owners.collect(), ..Allocation::default() }
    }

    #[test]
    fn it_writes_once_it_knows_both() {
        let mut coordinator = Coordinator::new(Policy::Sticky, Allocation::default());
        assert_eq!(coordinator.step(members(&["c_1"])), []);
        let all = allocation(&[("a", "c_1"), ("b", "c_1")]);
        assert_eq!(coordinator.step(resources(&["a", "b"])), [Command::Write(all)]);
    }

    #[test]
    fn it_pauses_between_writes() {
        let mut coordinator = Coordinator::new(Policy::Sticky, Allocation::default());
        coordinator.step(members(&["c_1"]));
        coordinator.step(resources(&["a", "b"]));
        assert_eq!(coordinator.step(members(&["c_1", "c_2"])), [], "the write is under way");
        assert_eq!(coordinator.step(Input::Written), [Command::Rest]);
        assert_eq!(coordinator.step(members(&["c_1", "c_2", "c_3"])), [], "it pauses");
        let next = allocation(&[("a", "c_1"), ("b", "c_2")]);
        assert_eq!(coordinator.step(Input::Rested), [Command::Write(next)]);
    }

    #[test]
    fn it_leaves_alone_what_is_fine() {
        let mut coordinator = Coordinator::new(Policy::RoundRobin, allocation(&[("a", "c_2")]));
        coordinator.step(resources(&["a"]));
        assert_eq!(coordinator.step(members(&["c_1", "c_2"])), []);
    }
}
