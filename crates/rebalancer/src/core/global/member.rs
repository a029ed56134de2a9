//! What a member does: stop when it is told to, say so, and use what it is given then.

use super::Status;
use crate::core::{Grant, ResourceId, Resources, Round, Token};

/// What a member has learnt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// What the group is told.
    Status(Status),
    /// What [`Command::Announce`] asked for is done.
    Announced(Round),
    /// It has read an allocation, which is of this round and gives it these.
    Share {
        /// The round of the allocation.
        round: Round,
        /// The number of the write.
        token: Token,
        /// Its own.
        resources: Resources,
    },
    /// What [`Command::Withdraw`] asked for is done.
    Withdrawn(Round),
    /// It uses what [`Command::Start`] named.
    Started,
    /// It does not use these any more.
    Stopped(Resources),
    /// It can't be certain any more that its session lives, or will not be soon.
    CutOff,
    /// It is certain again that its session, the same one, lives.
    Back,
    /// It is to leave.
    Leave,
}

/// What a member has to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Command {
    /// Say that it has stopped for this round.
    Announce(Round),
    /// Read the allocation.
    Read,
    /// Begin to use these.
    Start(Vec<Grant>),
    /// Stop using these. A [`Command::Start`] that is not done yet is given up.
    Stop(Resources),
    /// Say that it goes on: it uses what it got in this round.
    Withdraw(Round),
    /// It has nothing any more: end the membership.
    Leave,
}

/// A member, within one session.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Member {
    status: Status,
    /// For which round it last said that it has stopped.
    announced: Option<Round>,
    /// A request of its own is under way; one at a time.
    is_asking: bool,
    granted: Option<Granted>,
    activity: Activity,
    is_cut_off: bool,
    leaving: Leaving,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Granted {
    round: Round,
    token: Token,
    resources: Resources,
    is_withdrawn: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Activity {
    #[default]
    Idle,
    Starting,
    Running,
    Stopping,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Leaving {
    #[default]
    No,
    Asked,
    Done,
}

impl Member {
    /// A member that owns nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an input; gives what is to be done now.
    pub fn step(&mut self, input: Input) -> Vec<Command> {
        match input {
            Input::Status(status) => self.status = status,
            Input::Announced(round) => {
                self.is_asking = false;
                self.announced = Some(round);
            }
            Input::Share { round, token, resources } => {
                self.is_asking = false;
                // The round's own allocation, or none: another is for those who have stopped for another round.
                if self.announced == Some(round) {
                    self.granted = Some(Granted { round, token, resources, is_withdrawn: false });
                }
            }
            Input::Withdrawn(round) => {
                self.is_asking = false;
                if let Some(granted) = self.granted.as_mut().filter(|granted| granted.round == round) {
                    granted.is_withdrawn = true;
                }
            }
            Input::Started if self.activity == Activity::Starting => self.activity = Activity::Running,
            Input::Stopped(_) if self.activity == Activity::Stopping => self.activity = Activity::Idle,
            Input::Started | Input::Stopped(_) => {}
            Input::CutOff => self.is_cut_off = true,
            Input::Back => self.is_cut_off = false,
            Input::Leave if self.leaving == Leaving::No => self.leaving = Leaving::Asked,
            Input::Leave => {}
        }
        self.advance().into_iter().collect()
    }

    /// What it uses, or begins or ceases to use.
    pub fn in_use(&self) -> impl Iterator<Item = &ResourceId> {
        let is_in_use = self.activity != Activity::Idle;
        let granted = self.granted.as_ref().filter(|_| is_in_use);
        granted.into_iter().flat_map(|granted| &granted.resources)
    }

    /// Whether it uses all that it was given in the round that the group is in, and has nothing to do.
    pub fn is_settled(&self) -> bool {
        let Status::Granted(round) = self.status else { return false };
        let is_used = |granted: &Granted| {
            granted.is_withdrawn && (self.activity == Activity::Running || granted.resources.is_empty())
        };
        match &self.granted {
            Some(granted) if granted.round == round => is_used(granted),
            _ => self.activity == Activity::Idle,
        }
    }

    fn advance(&mut self) -> Option<Command> {
        let must_stop = self.is_cut_off || self.leaving != Leaving::No || !self.may_run();
        match self.activity {
            // What begins is given up only when there is no time; otherwise it is stopped after it.
            Activity::Starting if !self.is_cut_off => return None,
            Activity::Starting | Activity::Running if must_stop => {
                self.activity = Activity::Stopping;
                return Some(Command::Stop(self.granted.as_ref()?.resources.clone()));
            }
            Activity::Stopping => return None,
            Activity::Idle | Activity::Starting | Activity::Running => {}
        }
        if self.is_cut_off || self.is_asking {
            return None;
        }
        match self.leaving {
            Leaving::No => {}
            Leaving::Asked => {
                self.leaving = Leaving::Done;
                return Some(Command::Leave);
            }
            Leaving::Done => return None,
        }
        match self.status {
            Status::Stop(round) => self.announce(round),
            Status::Granted(round) => self.take(round),
        }
    }

    /// Whether what it was given last is of the round that the group is in.
    fn may_run(&self) -> bool {
        let round = self.granted.as_ref().map(|granted| granted.round);
        matches!(self.status, Status::Granted(current) if Some(current) == round)
    }

    fn announce(&mut self, round: Round) -> Option<Command> {
        if self.announced >= Some(round) {
            return None;
        }
        self.is_asking = true;
        self.granted = None;
        Some(Command::Announce(round))
    }

    fn take(&mut self, round: Round) -> Option<Command> {
        if self.announced != Some(round) {
            // It was not there when the round was called.
            return None;
        }
        let Some(granted) = self.granted.as_ref() else {
            self.is_asking = true;
            return Some(Command::Read);
        };
        if self.activity == Activity::Idle && !granted.resources.is_empty() {
            let token = granted.token;
            let grants = granted.resources.iter().map(|resource| Grant { resource: resource.clone(), token });
            self.activity = Activity::Starting;
            return Some(Command::Start(grants.collect()));
        }
        if granted.is_withdrawn {
            return None;
        }
        self.is_asking = true;
        Some(Command::Withdraw(round))
    }
}

#[cfg(test)]
#[path = "member_tests.rs"]
mod tests;
