//! The two protocols as pure steps: what a member and a coordinator do next, given what they have learnt.
//!
//! Nothing in here waits, reads a clock or sends anything. A step takes an input and gives commands; whoever drives it carries
//! the commands out and comes back with what came of them. The driver of this crate does so over a tree of znodes, the models
//! of `quorate-models` over every state that a small group can be in.

mod allocation;
mod election;
pub mod global;
mod ids;
mod policy;
pub mod resource;

pub use allocation::Allocation;
pub use election::{Role, role};
pub use ids::{MemberId, ResourceId, Round, Token, Weight};
pub use policy::{Members, Policy, is_fine, plan};

use std::collections::BTreeSet;

/// A resource that a member owns, and the number by which the resource can tell this ownership from older ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Grant {
    /// Which.
    pub resource: ResourceId,
    /// The ownership's number.
    pub token: Token,
}

/// Some resources.
pub type Resources = BTreeSet<ResourceId>;
