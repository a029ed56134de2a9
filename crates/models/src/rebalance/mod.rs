//! Sharing resources out between members so that no two ever use one: the rebalancer's two protocols, as shipped.
//!
//! What members and coordinators do, `rebalancer::core` says: the models call its steps, as the driver does, and carry out the
//! commands in every order. What is modelled here is the rest of the world: one linearizable store with sessions, such as the
//! control plane, watches that tell later of what changed, and clients that crash, are cut off and come back; resources are
//! removed and added. All of it a bounded number of times.
//!
//! What the models do not rely on: that a write of a coordinator is prompt. It is under way for any length of time, also beyond
//! the end of its sender's session, and what stops it is the epoch it carries. Time is left out but for one thing: a client that
//! does not hear of the store stops by itself, before the store ends its session.
//!
//! How the driver's parts appear here: a command is carried out in one step, together with the input that comes of it; answers
//! that are lost, which the driver finds out about by reading again, are commands that are carried out later. The pauses between
//! rebalances last any time. Members leave only by crashing or with their session. Tokens are left out: all are alike.

pub mod global_barrier;
pub mod resource_barrier;

use rebalancer::core::{Allocation, Grant, MemberId, Members, ResourceId, Resources, Weight, is_fine};

/// Clients and resources, at most.
const MANY: usize = 3;

/// A set of resources, as bits.
type Set = u8;

const RESOURCES: [&str; MANY] = ["a", "b", "c"];

fn resource(number: usize) -> ResourceId {
    RESOURCES[number].into()
}

/// The name of who joined as the number-th.
fn member(number: u8) -> MemberId {
    const NAMES: [&str; 10] = ["c_0", "c_1", "c_2", "c_3", "c_4", "c_5", "c_6", "c_7", "c_8", "c_9"];
    NAMES[usize::from(number)].into()
}

fn numbers(set: Set) -> impl Iterator<Item = usize> {
    (0..MANY).filter(move |number| set & 1 << number != 0)
}

fn names(set: Set) -> Resources {
    numbers(set).map(resource).collect()
}

fn set<'a>(resources: impl IntoIterator<Item = &'a ResourceId>) -> Set {
    let number = |resource: &ResourceId| RESOURCES.iter().position(|name| *name == resource.as_str());
    resources.into_iter().filter_map(number).fold(0, |set, number| set | 1 << number)
}

fn granted(grants: &[Grant]) -> Set {
    set(grants.iter().map(|grant| &grant.resource))
}

/// What all see alike.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Registry {
    /// Members with a session, by number, those that joined first in front.
    members: Vec<u8>,
    /// How many have joined.
    joined: u8,
    resources: Set,
    /// How many coordinators there were.
    epoch: u8,
    allocation: Allocation,
    /// Members have changed since the coordinator looked.
    members_changed: bool,
    /// Resources have changed since the coordinator looked.
    resources_changed: bool,
}

impl Registry {
    fn new(clients: usize, resources: usize) -> Self {
        Self {
            members: (0..clients as u8).collect(),
            joined: clients as u8,
            resources: (1 << resources) - 1,
            epoch: 0,
            allocation: Allocation::default(),
            members_changed: true,
            resources_changed: true,
        }
    }

    /// A client joins; gives its number.
    fn join(&mut self) -> u8 {
        let number = self.joined;
        self.joined += 1;
        self.members.push(number);
        number
    }

    fn names(&self) -> Members {
        self.members.iter().map(|number| (member(*number), Weight::default())).collect()
    }

    fn share(&self, number: u8) -> Resources {
        self.allocation.share(&member(number))
    }

    /// Whether a new allocation would move resources for nothing.
    fn is_fine(&self) -> bool {
        is_fine(&self.allocation, &self.names(), &names(self.resources))
    }
}

/// What the environment may still do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Left {
    /// Clients that crash.
    pub crashes: u8,
    /// Clients that are cut off, and come back.
    pub isolations: u8,
    /// Resources that are removed or added.
    pub resource_changes: u8,
}

/// How a client stands to the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Link {
    crashed: bool,
    cut_off: bool,
    /// It is no longer certain of its session.
    gave_up: bool,
}

impl Link {
    fn is_up(self) -> bool {
        !self.crashed && !self.cut_off
    }
}

/// Whether no resource is in two of the sets.
fn are_disjoint(sets: impl Iterator<Item = Set>) -> bool {
    let mut used = 0;
    sets.into_iter().all(|set| {
        let is_free = used & set == 0;
        used |= set;
        is_free
    })
}

/// Whether none of the members gets two more than another.
fn is_even(allocation: &Allocation, members: &Members) -> bool {
    let counts = allocation.counts();
    let count = || members.keys().map(|member| counts.get(member).copied().unwrap_or(0));
    count().max().unwrap_or(0) <= count().min().unwrap_or(0) + 1
}

/// What the coordinator would do that shares out nothing: the first gets all.
fn all_to_the_first(allocation: &mut Allocation, members: &Members) {
    if let Some(first) = members.keys().next() {
        allocation.owners.values_mut().for_each(|owner| owner.clone_from(first));
    }
}
