//! A client that does a bit of everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Layout, Mode, Orders};
use crate::client::{Step, Workload};
use crate::history::{Answer, ClientId, Kind, Op, OpRecord, Outcome, PartAnswer, SessionKey, Tag, Write};

/// How much of a client's work is about families, where there are any.
const FAMILIES: f64 = 0.06;

/// How a client works.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How many requests it sends at once, at most.
    pub burst: usize,
    /// How long it pauses between, at most.
    pub pause: Duration,
    /// How much of its work is writing, beside what the rest needs: from 0 to 1. One that hardly writes is served on by a
    /// node that has lost the others.
    pub writes: f64,
    /// How much of its reading waits for what was committed before, from 0 to 1.
    pub syncs: f64,
}

/// Reads and writes registers, appends to its list, makes and deletes znodes and ephemerals, watches, moves between
/// nodes, and now and then begins a new session.
pub struct Mixed {
    client: ClientId,
    layout: Rc<Layout>,
    orders: Rc<Orders>,
    habits: Habits,
    rng: StdRng,
    count: u32,
    /// Steps decided and not yet taken.
    queue: VecDeque<Step>,
    /// Versions of registers as last heard of, for writes that want a version.
    versions: BTreeMap<Rc<str>, i32>,
}

impl Mixed {
    /// A client whose choices `seed` decides.
    pub fn new(client: ClientId, layout: Rc<Layout>, orders: Rc<Orders>, habits: Habits, seed: u64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            client,
            layout,
            orders,
            habits,
            rng,
            count: 0,
            queue: VecDeque::new(),
            versions: BTreeMap::new(),
        }
    }

    fn plan(&mut self) {
        for _ in 0..self.rng.random_range(1..=self.habits.burst) {
            self.choose();
        }
        let micros = u64::try_from(self.habits.pause.as_micros()).unwrap_or(u64::MAX).max(1000);
        let pause = Duration::from_micros(self.rng.random_range(1000..=micros));
        self.queue.push_back(Step::Pause(pause));
    }

    fn choose(&mut self) {
        let writes = if self.orders.mode() == Mode::Prove { 1.0 } else { self.habits.writes };
        if self.rng.random_bool(writes) { self.choose_any() } else { self.choose_read() }
    }

    fn choose_read(&mut self) {
        if self.rng.random_bool(self.habits.syncs) {
            return self.synced_get();
        }
        match self.rng.random_range(0..20) {
            0..14 => self.get(),
            14..18 => self.exists(),
            _ => self.children(),
        }
    }

    fn choose_any(&mut self) {
        if self.layout.families > 0 && self.rng.random_bool(FAMILIES) {
            return self.family();
        }
        match self.rng.random_range(0..1000) {
            0..160 => self.set(false),
            160..300 => self.set(true),
            300..620 => self.choose_read(),
            620..680 => self.create_place(),
            680..740 => self.delete_place(),
            740..860 => self.append(),
            860..920 => self.multi(),
            920..955 => self.create_ephemeral(),
            955..970 => self.delete_ephemeral(),
            970..992 => self.synced_get(),
            992..996 => self.queue.push_back(Step::Move),
            996..999 => self.ask(Op::Close),
            _ => self.queue.push_back(Step::Abandon),
        }
    }

    fn ask(&mut self, op: Op) {
        self.queue.push_back(Step::Ask(op));
    }

    fn write(&mut self, write: Write) {
        self.ask(Op::Write(write));
    }

    fn tag(&mut self) -> Tag {
        self.count += 1;
        Tag { client: self.client, count: self.count }
    }

    fn watch(&mut self) -> bool {
        self.rng.random_bool(0.4)
    }

    fn set_of(&mut self, path: Rc<str>, tag: Tag, with_version: bool) -> Write {
        let version = self.versions.get(&path).copied().filter(|_| with_version);
        Write::Set { path, tag, version }
    }

    fn set(&mut self, with_version: bool) {
        let (path, tag) = (self.layout.any_register(&mut self.rng), self.tag());
        let set = self.set_of(path, tag, with_version);
        self.write(set);
    }

    fn get(&mut self) {
        let path = match self.rng.random_range(0..10) {
            0 => self.layout.any_place(&mut self.rng),
            1 => self.layout.any_ones_ephemeral(&mut self.rng),
            _ => self.layout.any_register(&mut self.rng),
        };
        let watch = self.watch();
        self.ask(Op::Get { path, watch });
    }

    fn exists(&mut self) {
        let path = match self.rng.random_range(0..3) {
            0 => self.layout.any_place(&mut self.rng),
            1 => self.layout.any_ones_ephemeral(&mut self.rng),
            _ => self.layout.any_register(&mut self.rng),
        };
        let watch = self.watch();
        self.ask(Op::Exists { path, watch });
    }

    fn children(&mut self) {
        let (path, watch) = (self.layout.any_parent(&mut self.rng), self.watch());
        self.ask(Op::Children { path, watch });
    }

    fn create_place(&mut self) {
        let (path, tag) = (self.layout.any_place(&mut self.rng), self.tag());
        self.write(Write::Create { path, tag, kind: Kind::Persistent });
    }

    fn delete_place(&mut self) {
        let path = self.layout.any_place(&mut self.rng);
        self.write(Write::Delete { path, version: None });
    }

    fn append(&mut self) {
        let (path, tag) = (self.layout.entry(self.client), self.tag());
        self.write(Write::Create { path, tag, kind: Kind::Sequential });
    }

    fn create_ephemeral(&mut self) {
        let (path, tag) = (self.layout.any_ephemeral(self.client, &mut self.rng), self.tag());
        self.write(Write::Create { path, tag, kind: Kind::Ephemeral });
    }

    fn delete_ephemeral(&mut self) {
        let path = self.layout.any_ephemeral(self.client, &mut self.rng);
        self.write(Write::Delete { path, version: None });
    }

    fn synced_get(&mut self) {
        let path = self.layout.any_register(&mut self.rng);
        self.ask(Op::Sync);
        self.ask(Op::Get { path, watch: false });
    }

    /// Writes in different places, all or none.
    fn multi(&mut self) {
        let tag = self.tag();
        let paths: BTreeSet<Rc<str>> =
            (0..self.rng.random_range(2..5)).map(|_| self.layout.any_register(&mut self.rng)).collect();
        let mut writes = Vec::new();
        for path in paths {
            match self.versions.get(&path).copied() {
                Some(version) if self.rng.random_bool(0.2) => writes.push(Write::Check { path, version }),
                _ => writes.push(self.set_of(path, tag, false)),
            }
        }
        match self.rng.random_range(0..4) {
            0 => writes.push(Write::Create {
                path: self.layout.entry(self.client),
                tag,
                kind: Kind::Sequential,
            }),
            1 => {
                let path = self.layout.any_place(&mut self.rng);
                writes.push(Write::Create { path, tag, kind: Kind::Persistent });
            }
            2 => {
                let path = self.layout.any_place(&mut self.rng);
                writes.push(Write::Delete { path, version: None });
            }
            _ => {}
        }
        self.ask(Op::Multi(writes));
    }

    /// Creates or deletes all of a family, or looks at a member.
    fn family(&mut self) {
        let mut members = self.layout.any_family(&mut self.rng);
        let (tag, watch) = (self.tag(), self.watch());
        match self.rng.random_range(0..5) {
            0 | 1 => {
                let create = |path| Write::Create { path, tag, kind: Kind::Persistent };
                self.ask(Op::Multi(members.into_iter().map(create).collect()));
            }
            2 => {
                members.reverse();
                let delete = |path| Write::Delete { path, version: None };
                self.ask(Op::DeleteFamily(members.into_iter().map(delete).collect()));
            }
            3 => self.ask(Op::Children { path: members.swap_remove(0), watch }),
            _ => {
                let path = members.swap_remove(self.rng.random_range(0..members.len()));
                let exists = self.rng.random_bool(0.5);
                self.ask(if exists { Op::Exists { path, watch } } else { Op::Get { path, watch } });
            }
        }
    }

    fn learn(&mut self, path: &Rc<str>, version: i32) {
        self.versions.insert(Rc::clone(path), version);
    }
}

impl Workload for Mixed {
    fn next_step(&mut self) -> Step {
        match self.orders.mode() {
            Mode::Work | Mode::Prove => {}
            Mode::Setup | Mode::Rest | Mode::Verify => return Step::Pause(Duration::from_millis(100)),
        }
        if self.queue.is_empty() {
            self.plan();
        }
        self.queue.pop_front().expect("a plan is never empty")
    }

    fn on_session(&mut self, _session: SessionKey) {
        self.queue.clear();
    }

    fn on_outcome(&mut self, record: &OpRecord) {
        let Outcome::Ok { answer, .. } = &record.outcome else { return };
        match (&record.op, answer) {
            (Op::Get { path, .. }, Answer::Data { seen, .. }) => self.learn(path, seen.version),
            (Op::Write(Write::Set { path, .. }), Answer::Part(PartAnswer::Set(seen))) => {
                self.learn(path, seen.version);
            }
            _ => {}
        }
    }
}
