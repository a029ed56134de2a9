//! Sharing resources out between clients so that no two ever use one: the rebalancer's two protocols.
//!
//! Clients join a group; the one that joined first coordinates: it reads who is there and which resources there are, and
//! writes a map of who gets what. [`resource_barrier`] hands resources over one by one: whoever gets one waits until the
//! former owner has taken its barrier away. [`global_barrier`] stops everybody before anybody gets anything.
//!
//! The [`Registry`] they meet in is one linearizable store with sessions, such as the control plane. What the models
//! do not rely on: that a write of a coordinator is prompt. It is under way for any length of time, also beyond the end
//! of its sender's session, and what stops it is the epoch it carries. Time is left out but for one thing: a client that
//! does not hear of the store for its session's timeout stops by itself, before the store ends its session.
//!
//! Clients crash, are cut off and come back, resources are removed and added, a bounded number of times.

pub mod global_barrier;
pub mod resource_barrier;

/// Clients and resources, at most.
const MANY: usize = 3;

/// A set of clients or of resources, as bits.
type Set = u8;

fn members(set: Set) -> impl Iterator<Item = usize> {
    (0..MANY).filter(move |member| set & 1 << member != 0)
}

/// Who gets what.
type Map = [Option<u8>; MANY];

/// What all see alike.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Registry {
    /// Clients with a session, those that joined first in front.
    clients: Vec<u8>,
    resources: Set,
    /// How many coordinators there were.
    epoch: u8,
    map: Map,
    /// Clients or resources have changed since the coordinator looked.
    dirty: bool,
}

impl Registry {
    fn new(clients: usize, resources: usize) -> Self {
        let clients = (0..clients as u8).collect();
        Self { clients, resources: (1 << resources) - 1, epoch: 0, map: [None; MANY], dirty: true }
    }

    fn is_member(&self, client: usize) -> bool {
        self.clients.contains(&(client as u8))
    }

    /// What the map gives a client.
    fn granted_to(&self, client: usize) -> Set {
        granted(&self.map, client)
    }

    /// Each resource to the next client in turn, or, without that rule, all to the first.
    fn plan(&self, evenly: bool) -> Map {
        let mut map = [None; MANY];
        for (turn, resource) in members(self.resources).enumerate() {
            let place = if evenly { turn % self.clients.len().max(1) } else { 0 };
            map[resource] = self.clients.get(place).copied();
        }
        map
    }

    /// Whether a new map would move resources for nothing: each has an owner that is there and owns no other.
    fn is_fine(&self) -> bool {
        let covered = members(self.resources).all(|resource| self.map[resource].is_some());
        let exact =
            (0..MANY).all(|resource| self.map[resource].is_none() || self.resources & 1 << resource != 0);
        let owners =
            self.map.iter().flatten().all(|owner| {
                self.clients.contains(owner) && self.granted_to((*owner).into()).count_ones() == 1
            });
        covered && exact && owners
    }

    /// Whether the map gives each resource to somebody who is there, and to all about as many.
    fn is_complete(&self) -> bool {
        (0..MANY).all(|resource| match self.map[resource] {
            Some(owner) => self.clients.contains(&owner) && self.resources & 1 << resource != 0,
            None => self.resources & 1 << resource == 0,
        })
    }
}

fn granted(map: &Map, client: usize) -> Set {
    (0..MANY)
        .filter(|resource| map[*resource] == Some(client as u8))
        .fold(0, |set, resource| set | 1 << resource)
}

/// Whether no client of those that have any, or are there, has two more than another.
fn is_even(map: &Map, clients: &[u8]) -> bool {
    let counts = || clients.iter().map(|client| granted(map, usize::from(*client)).count_ones());
    counts().max().unwrap_or(0) <= counts().min().unwrap_or(0) + 1
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

/// A coordinator's write of a map, until it arrives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Write {
    epoch: u8,
    map: Map,
    /// Who was there when it was planned.
    clients: Set,
}

/// What a client is, whatever the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Link {
    crashed: bool,
    cut_off: bool,
    /// The epoch in which it coordinates; none: 0.
    coordinates: u8,
    /// Its write that is under way.
    write: Option<Write>,
}

impl Link {
    fn is_up(&self) -> bool {
        !self.crashed && !self.cut_off
    }

    /// Of a client that begins anew. What its former self sent is still under way.
    fn anew(&self) -> Self {
        Self { write: self.write, ..Self::default() }
    }

    /// Of a client that has crashed.
    fn crashed(&self) -> Self {
        Self { crashed: true, ..self.anew() }
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
