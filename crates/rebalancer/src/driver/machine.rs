//! A member of either protocol.

use client::OneShot;

use crate::core::{Grant, ResourceId, Resources, Round, global, resource};
use crate::options::Mode;

pub(super) enum Machine {
    Resource(resource::Member),
    Global(global::Member),
}

/// What a member has learnt.
pub(super) enum Learnt {
    Resource(resource::Input),
    Global(global::Input),
    Started,
    Stopped(Resources),
    CutOff,
    Back,
    Leave,
}

/// What a member has to do.
pub(super) enum Task {
    Start(Vec<Grant>),
    Stop(Resources),
    Place(Resources),
    Release(Resources),
    Announce(Round),
    Read,
    Withdraw(Round),
    Leave,
}

/// What came of something that was under way.
pub(super) enum Done {
    /// The allocation, and what tells of the next one.
    Share(Resources, OneShot),
    /// Barriers that were put up, and the watches on those that others have.
    Placed(Vec<Grant>, Vec<(ResourceId, OneShot)>),
    Freed(ResourceId),
    Released(Resources),
    /// The status, and what tells of the next one.
    Status(global::Status, OneShot),
    Global(global::Input),
    Left,
}

impl Machine {
    pub(super) fn new(mode: Mode) -> Self {
        match mode {
            Mode::Resource => Machine::Resource(resource::Member::new()),
            Mode::Global => Machine::Global(global::Member::new()),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        match self {
            Machine::Resource(member) => member.is_settled(),
            Machine::Global(member) => member.is_settled(),
        }
    }

    pub(super) fn step(&mut self, learnt: Learnt) -> Vec<Task> {
        match self {
            Machine::Resource(member) => {
                let input = match learnt {
                    Learnt::Resource(input) => input,
                    Learnt::Started => resource::Input::Started,
                    Learnt::Stopped(stopped) => resource::Input::Stopped(stopped),
                    Learnt::CutOff => resource::Input::CutOff,
                    Learnt::Back => resource::Input::Back,
                    Learnt::Leave => resource::Input::Leave,
                    Learnt::Global(_) => return Vec::new(),
                };
                member.step(input).into_iter().map(Task::from).collect()
            }
            Machine::Global(member) => {
                let input = match learnt {
                    Learnt::Global(input) => input,
                    Learnt::Started => global::Input::Started,
                    Learnt::Stopped(stopped) => global::Input::Stopped(stopped),
                    Learnt::CutOff => global::Input::CutOff,
                    Learnt::Back => global::Input::Back,
                    Learnt::Leave => global::Input::Leave,
                    Learnt::Resource(_) => return Vec::new(),
                };
                member.step(input).into_iter().map(Task::from).collect()
            }
        }
    }
}

impl From<resource::Command> for Task {
    fn from(command: resource::Command) -> Self {
        match command {
            resource::Command::Place(resources) => Task::Place(resources),
            resource::Command::Start(grants) => Task::Start(grants),
            resource::Command::Stop(resources) => Task::Stop(resources),
            resource::Command::Release(resources) => Task::Release(resources),
            resource::Command::Leave => Task::Leave,
        }
    }
}

impl From<global::Command> for Task {
    fn from(command: global::Command) -> Self {
        match command {
            global::Command::Announce(round) => Task::Announce(round),
            global::Command::Read => Task::Read,
            global::Command::Start(grants) => Task::Start(grants),
            global::Command::Stop(resources) => Task::Stop(resources),
            global::Command::Withdraw(round) => Task::Withdraw(round),
            global::Command::Leave => Task::Leave,
        }
    }
}
