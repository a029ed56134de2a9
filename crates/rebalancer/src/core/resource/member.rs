//! What a member does: hand over what it has lost, take what it has got.

use std::collections::BTreeMap;

use crate::core::{Grant, ResourceId, Resources, Token};

/// What a member has learnt.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// It has read an allocation, which gives it these.
    Share(Resources),
    /// What came of [`Command::Place`]: all of those are in one of the two.
    Placed {
        /// Its barriers now stand.
        held: Vec<Grant>,
        /// The barriers of others stand. It is told when each is gone.
        taken: Resources,
    },
    /// The barriers of others that were in the way have changed or gone.
    Freed(Resources),
    /// What [`Command::Release`] asked for is done.
    Released(Resources),
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
    /// Put up the barriers of these: all that are free.
    Place(Resources),
    /// Begin to use these.
    Start(Vec<Grant>),
    /// Stop using these. A [`Command::Start`] that is not done yet is given up.
    Stop(Resources),
    /// Take away the barriers of these, which are its own.
    Release(Resources),
    /// It has nothing any more: end the membership.
    Leave,
}

/// A member, within one session.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Member {
    /// What the newest allocation that it has read gives it.
    share: Resources,
    phases: BTreeMap<ResourceId, Phase>,
    is_cut_off: bool,
    leaving: Leaving,
}

/// Where a resource is on its way to this member or away from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Phase {
    /// Its barrier is being put up.
    Placing,
    /// Another's barrier stands.
    Blocked,
    /// The barrier is this member's. It does not use the resource.
    Held(Token),
    /// It begins to use it.
    Starting(Token),
    /// It uses it.
    Running(Token),
    /// It ceases to use it.
    Stopping(Token),
    /// The barrier is being taken away.
    Releasing,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
enum Leaving {
    #[default]
    No,
    Asked,
    Done,
}

impl Phase {
    fn is_in_use(self) -> bool {
        matches!(self, Phase::Starting(_) | Phase::Running(_))
    }
}

impl Member {
    /// A member that owns nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an input; gives what is to be done now.
    pub fn step(&mut self, input: Input) -> Vec<Command> {
        match input {
            Input::Share(share) => {
                self.share = share;
                self.forget_others();
            }
            Input::Placed { held, taken } => {
                for Grant { resource, token } in held {
                    self.phases.insert(resource, Phase::Held(token));
                }
                for resource in taken {
                    self.phases.insert(resource, Phase::Blocked);
                }
                self.forget_others();
            }
            Input::Freed(freed) => {
                self.phases.retain(|resource, phase| *phase != Phase::Blocked || !freed.contains(resource));
            }
            Input::Released(released) => self.phases.retain(|resource, _| !released.contains(resource)),
            Input::Started => self.turn(|phase| match phase {
                Phase::Starting(token) => Phase::Running(token),
                other => other,
            }),
            Input::Stopped(stopped) => {
                for resource in &stopped {
                    if let Some(phase) = self.phases.get_mut(resource)
                        && let Phase::Stopping(token) = *phase
                    {
                        *phase = Phase::Held(token);
                    }
                }
            }
            Input::CutOff => self.is_cut_off = true,
            Input::Back => self.is_cut_off = false,
            Input::Leave if self.leaving == Leaving::No => self.leaving = Leaving::Asked,
            Input::Leave => {}
        }
        self.advance()
    }

    /// What it uses, or begins or ceases to use.
    pub fn in_use(&self) -> impl Iterator<Item = &ResourceId> {
        let is_in_use = |phase: &Phase| phase.is_in_use() || matches!(phase, Phase::Stopping(_));
        self.phases.iter().filter(move |(_, phase)| is_in_use(phase)).map(|(resource, _)| resource)
    }

    /// Whether it uses all that it should and nothing else, and has nothing to do.
    pub fn is_settled(&self) -> bool {
        self.phases.len() == self.share.len()
            && self
                .phases
                .iter()
                .all(|(resource, phase)| matches!(phase, Phase::Running(_)) && self.share.contains(resource))
    }

    fn advance(&mut self) -> Vec<Command> {
        if self.is_cut_off {
            // Nobody else has a right to them yet: the session lives on for a while without this member knowing.
            return self.stop(|_, phase| phase.is_in_use()).into_iter().collect();
        }
        let mut commands = Vec::new();
        commands.extend(self.use_handlers());
        commands.extend(self.release());
        commands.extend(self.place());
        if self.leaving == Leaving::Asked {
            self.phases.retain(|_, phase| *phase != Phase::Blocked);
            if self.phases.is_empty() {
                self.leaving = Leaving::Done;
                commands.push(Command::Leave);
            }
        }
        commands
    }

    /// What others hold is of interest only as long as it is to be had.
    fn forget_others(&mut self) {
        let share = &self.share;
        self.phases.retain(|resource, phase| *phase != Phase::Blocked || share.contains(resource));
    }

    fn wants(&self, resource: &ResourceId) -> bool {
        self.leaving == Leaving::No && self.share.contains(resource)
    }

    /// Starts and stops, one after the other; stops first.
    fn use_handlers(&mut self) -> Option<Command> {
        let is_busy = |phase: &Phase| matches!(phase, Phase::Starting(_) | Phase::Stopping(_));
        if self.phases.values().any(is_busy) {
            return None;
        }
        let wanted: Resources = self.phases.keys().filter(|resource| self.wants(resource)).cloned().collect();
        if let Some(stop) = self.stop(|resource, phase| phase.is_in_use() && !wanted.contains(resource)) {
            return Some(stop);
        }
        let mut grants = Vec::new();
        for (resource, phase) in &mut self.phases {
            if let Phase::Held(token) = *phase
                && wanted.contains(resource)
            {
                *phase = Phase::Starting(token);
                grants.push(Grant { resource: resource.clone(), token });
            }
        }
        (!grants.is_empty()).then_some(Command::Start(grants))
    }

    fn stop(&mut self, is_meant: impl Fn(&ResourceId, Phase) -> bool) -> Option<Command> {
        let mut stopped = Resources::new();
        for (resource, phase) in &mut self.phases {
            if let Phase::Starting(token) | Phase::Running(token) = *phase
                && is_meant(resource, *phase)
            {
                *phase = Phase::Stopping(token);
                stopped.insert(resource.clone());
            }
        }
        (!stopped.is_empty()).then_some(Command::Stop(stopped))
    }

    fn release(&mut self) -> Option<Command> {
        let is_held = |phase: &Phase| matches!(phase, Phase::Held(_));
        let unwanted = self.phases.iter().filter(|(resource, phase)| is_held(phase) && !self.wants(resource));
        let unwanted: Resources = unwanted.map(|(resource, _)| resource.clone()).collect();
        for resource in &unwanted {
            self.phases.insert(resource.clone(), Phase::Releasing);
        }
        (!unwanted.is_empty()).then_some(Command::Release(unwanted))
    }

    /// One request at a time: what gets free meanwhile goes into the next, together.
    fn place(&mut self) -> Option<Command> {
        if self.leaving != Leaving::No || self.phases.values().any(|phase| *phase == Phase::Placing) {
            return None;
        }
        let missing = self.share.iter().filter(|resource| !self.phases.contains_key(*resource));
        let missing: Resources = missing.cloned().collect();
        for resource in &missing {
            self.phases.insert(resource.clone(), Phase::Placing);
        }
        (!missing.is_empty()).then_some(Command::Place(missing))
    }

    fn turn(&mut self, into: impl Fn(Phase) -> Phase) {
        self.phases.values_mut().for_each(|phase| *phase = into(*phase));
    }
}

#[cfg(test)]
#[path = "member_tests.rs"]
mod tests;
