//! Where clients work.

use std::rc::Rc;

use rand::Rng;

use crate::history::ClientId;

/// The places in the tree that a run uses.
#[derive(Clone, Debug)]
pub struct Layout {
    /// How many registers there are: znodes that are always there and set by everybody.
    pub registers: u32,
    /// How many places there are where znodes come and go.
    pub places: u32,
    /// The clients that have a list each, to which they append.
    pub clients: Vec<ClientId>,
    /// How many names of ephemerals a client uses.
    pub ephemerals: u32,
    /// How many subtrees come and go as a whole, which takes Quorate's extensions: 0 for servers without.
    pub families: u32,
}

/// The folders.
const FOLDERS: [&str; 7] =
    ["/registers", "/lists", "/places", "/ephemerals", "/locks", "/guarded", "/families"];
/// What is below the root of a family, in the order of their names.
const MEMBERS: [&str; 4] = ["/a", "/a/b", "/a/c", "/d"];
/// How many locks there are.
const LOCKS: u32 = 2;

impl Layout {
    /// The folders that hold all else.
    pub fn folders(&self) -> impl Iterator<Item = Rc<str>> {
        FOLDERS.into_iter().map(Rc::from)
    }

    /// A register.
    pub fn register(&self, number: u32) -> Rc<str> {
        format!("{}/{number}", FOLDERS[0]).into()
    }

    /// Any register.
    pub fn any_register(&self, rng: &mut impl Rng) -> Rc<str> {
        self.register(rng.random_range(0..self.registers))
    }

    /// A client's list.
    pub fn list(&self, client: ClientId) -> Rc<str> {
        format!("{}/{}", FOLDERS[1], client.0).into()
    }

    /// What the names of a client's entries in its list begin with.
    pub fn entry(&self, client: ClientId) -> Rc<str> {
        format!("{}/{}/entry-", FOLDERS[1], client.0).into()
    }

    /// A place.
    pub fn any_place(&self, rng: &mut impl Rng) -> Rc<str> {
        format!("{}/{}", FOLDERS[2], rng.random_range(0..self.places)).into()
    }

    /// The members of a family, in an order in which they can be created; the first is the root.
    pub fn any_family(&self, rng: &mut impl Rng) -> Vec<Rc<str>> {
        let root: Rc<str> = format!("{}/{}", FOLDERS[6], rng.random_range(0..self.families)).into();
        let below = MEMBERS.into_iter().map(|member| format!("{root}{member}").into());
        std::iter::once(Rc::clone(&root)).chain(below).collect()
    }

    /// A name for an ephemeral of a client.
    pub fn any_ephemeral(&self, client: ClientId, rng: &mut impl Rng) -> Rc<str> {
        format!("{}/{}.{}", FOLDERS[3], client.0, rng.random_range(0..self.ephemerals)).into()
    }

    /// An ephemeral of any client.
    pub fn any_ones_ephemeral(&self, rng: &mut impl Rng) -> Rc<str> {
        let client = self.clients[rng.random_range(0..self.clients.len())];
        self.any_ephemeral(client, rng)
    }

    /// The folders of all locks, in which those who want one stand in line.
    pub fn locks(&self) -> impl Iterator<Item = Rc<str>> {
        (0..LOCKS).map(|number| format!("{}/{number}", FOLDERS[4]).into())
    }

    /// What only the holders of locks write to, in the order of the locks.
    pub fn guarded(&self) -> impl Iterator<Item = Rc<str>> {
        (0..LOCKS).map(|number| format!("{}/{number}", FOLDERS[5]).into())
    }

    /// A znode whose children come and go.
    pub fn any_parent(&self, rng: &mut impl Rng) -> Rc<str> {
        match rng.random_range(0..3) {
            0 => self.list(self.clients[rng.random_range(0..self.clients.len())]),
            1 => FOLDERS[2].into(),
            _ => FOLDERS[3].into(),
        }
    }
}
