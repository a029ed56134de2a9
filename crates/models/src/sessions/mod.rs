//! Session expiry across changes of leader: the shipped tree and the shipped tracker in a model of what is around them.
//!
//! | here | in the product |
//! |---|---|
//! | [`shipped::View::of`]: sessions, generations, epochs, ephemerals | calls `tree::Tree::apply` and `begin_epoch` |
//! | [`shipped::Shipped::expires`]: when a silent session expires | calls `control::SessionTracker` |
//! | [`Node::follow`], [`Action::Report`], [`Action::Tick`] | mirrors `control::liveness` (`follow_leadership`, `on_report`, `keep_sessions`) |
//! | [`Action::Apply`] | mirrors `control::apply` (`follow_session`, `end_session`) |
//!
//! Time is counted in half ticks, in which every node steps its clocks once, and goes on alike everywhere. What "kept
//! alive in time" means is said by what time waits for: a client gives a sign of life in every half tick; a node that can
//! reach a leader reports within it; a client whose connection was closed attaches elsewhere within it, if there is a
//! leader; a leader applies what is committed within it. Time does not wait for a node that is cut off, for an election,
//! nor for an expiry on its way: that arrives at any time, also under another leader, or is lost.
//!
//! Among the rest a leader may be elected before the one that was cut off notices, by up to a half tick. If that one took
//! its own reports until then, a client would lose a part of the third of its timeout that it has to find a better node:
//! with a timeout of six half ticks, which is the small configuration, nothing would be left of it.
//!
//! One session; a node that is cut off from the rest and, if it led, goes on believing that it leads for a while; the
//! rest is a quorum. A client that dies is never heard of again; one that is paused may come back, too late or not.

mod shipped;
mod spec;

pub use spec::{Action, Sessions};

use crate::model::guards;

guards! {
    CheckGeneration = "an expiry is without effect on a session that was attached since",
    CheckEpoch = "an expiry is without effect if another leader has come since",
    ClocksRestart = "a leader whose replica comes to another epoch starts its clocks anew",
    FullTimeoutAfterElection = "under a new leader every session has its full timeout",
    ConfirmReports = "a report counts only if a quorum confirms that the node that took it leads",
    OnlyLeadersTakeReports = "a report counts only if a leader has taken it",
    CloseIsolated = "a node that reaches no leader closes its connections before their sessions are in danger",
    TrackAttached = "a leader starts the clock of a session anew when it is attached",
    AskAgain = "an expiry whose command was lost is asked for again",
}

/// What the log can say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Entry {
    /// The first entry of a leader.
    Epoch,
    Attach {
        node: u8,
    },
    Expire {
        generation: u64,
        epoch: u32,
    },
}

/// What a node has while it believes that it leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Leading {
    term: u8,
    epoch: u32,
    /// The session that it watches.
    watched: Option<Watched>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Watched {
    generation: u64,
    /// For how long it was silent.
    silent: u8,
    /// It expired, and its clock does not go on: only without [`Guard::AskAgain`].
    is_done: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Node {
    /// Entries of the log that its replica has applied.
    applied: u8,
    leading: Option<Leading>,
    /// A leader without a quorum has been so for a half tick.
    doubts: bool,
    /// How long ago the report began that a leader took last.
    age: u8,
    /// It has heard of the session since.
    is_active: bool,
    /// Nothing is left to report in this half tick.
    reported: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Client {
    At(u8),
    /// It has no connection, and wants one: it keeps its session alive if it can.
    Seeking,
    /// It was paused: its session may expire, or it comes back.
    Away,
    Gone,
}

/// Everything.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    log: Vec<Entry>,
    nodes: Vec<Node>,
    /// The one that a quorum follows.
    leader: Option<u8>,
    term: u8,
    cut_off: Option<u8>,
    client: Client,
    /// Commands on their way into the log.
    proposed: Vec<Entry>,
    left: Left,
}

/// What the environment may still do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Left {
    /// Elections without need, cut off nodes, moves and pauses of the client, lost expiries, together.
    pub troubles: u8,
}
