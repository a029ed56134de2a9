//! How a member behaves.

use std::time::Duration;

use client::Acl;

use crate::core::{Policy, Weight};
use crate::planted::Bug;

/// How resources are handed over. All members of a group have the same; see the book for which to take.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Mode {
    /// A barrier for each resource: what stays with a member is not interrupted. Costs a write for each resource that moves,
    /// many in one request.
    #[default]
    Resource,
    /// A barrier for the whole group: all stop, then all start. Costs do not depend on how many resources there are.
    Global,
}

impl Mode {
    /// As it is written in the group's znode.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Resource => "resource",
            Mode::Global => "global",
        }
    }
}

/// How a member behaves. All of it has a sensible default.
#[derive(Clone, Debug)]
pub struct Options {
    /// How resources are handed over. The same for all members of a group: a member with another is refused.
    pub mode: Mode,
    /// How resources are shared out while this member coordinates; better the same for all.
    pub policy: Policy,
    /// How much this member wants, in proportion to others.
    pub weight: Weight,
    /// How long an allocation is left alone at least while this member coordinates: what changes meanwhile counts
    /// together. 1 s by default.
    pub interval_min: Duration,
    /// How long a member waits before it starts with what it got. None by default. More than a session's timeout covers
    /// former owners whose clocks run wrong or which were suspended for no longer than that.
    pub assignment_delay: Duration,
    /// How long [`Handler::on_start`](crate::Handler::on_start) may take. 30 s by default.
    pub start_deadline: Duration,
    /// How long [`Handler::on_stop`](crate::Handler::on_stop) may take. A member that is cut off begins to stop so long before
    /// others could get its resources, so this is at most a quarter of the session's timeout. 2 s by default.
    pub stop_deadline: Duration,
    /// Who may do what with the group's znodes. Everybody everything by default.
    pub acl: Vec<Acl>,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<Bug>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            policy: Policy::default(),
            weight: Weight::default(),
            interval_min: Duration::from_secs(1),
            assignment_delay: Duration::ZERO,
            start_deadline: Duration::from_secs(30),
            stop_deadline: Duration::from_secs(2),
            acl: Acl::open().to_vec(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }
}

impl Options {
    #[cfg(feature = "planted")]
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }

    #[cfg(not(feature = "planted"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    pub(crate) const fn has(&self, _: Bug) -> bool {
        false
    }
}
