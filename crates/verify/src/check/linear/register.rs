//! The register as the checker knows it.

use porcupine_rs::Model;

use crate::history::Tag;

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    pub(super) version: i32,
    /// The mark of its data; `None` where nobody read them.
    pub(super) tag: Option<Tag>,
}

impl State {
    /// There is no such znode yet.
    pub(super) const ABSENT: Self = Self { version: -1, tag: None };
}

/// What was asked and answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// What was there when the history, or the piece of it, began.
    Begin(State),
    /// Created.
    Created(Tag),
    /// Set, which made the version. Without a mark it was some unanswered write whose data nobody read.
    Set { tag: Option<Tag>, wanted: Option<i32>, made: i32 },
    /// Set, if it came to that and the version was the wanted one.
    MaySet { tag: Tag, wanted: Option<i32> },
    /// Read.
    Read { tag: Option<Tag>, version: i32 },
    /// Found to have the version.
    Checked(i32),
    /// Refused for not having the version.
    OtherThan(i32),
}

impl Event {
    /// The version that it made or saw.
    pub(super) fn version(self) -> Option<i32> {
        match self {
            Event::Created(_) => Some(0),
            Event::Set { made, .. } => Some(made),
            Event::Read { version, .. } | Event::Checked(version) => Some(version),
            Event::Begin(_) | Event::MaySet { .. } | Event::OtherThan(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Register;

impl Model for Register {
    type State = State;
    type Op = Event;
    type Metadata = ();

    fn init() -> State {
        State::ABSENT
    }

    fn step(state: &State, event: &Event) -> (bool, State) {
        match *event {
            Event::Begin(found) => (true, found),
            Event::Created(tag) => (*state == State::ABSENT, State { version: 0, tag: Some(tag) }),
            Event::Set { tag, wanted, made } => {
                let is_wanted = wanted.is_none_or(|wanted| wanted + 1 == made);
                (state.version + 1 == made && is_wanted, State { version: made, tag })
            }
            // All of them are pinned down before the search, or left out.
            Event::MaySet { .. } => (true, *state),
            Event::Read { tag, version } => (*state == State { version, tag }, *state),
            Event::Checked(wanted) => (state.version == wanted, *state),
            Event::OtherThan(wanted) => (state.version != wanted, *state),
        }
    }
}
