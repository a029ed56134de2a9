//! A client that takes locks as kazoo and Curator do, and works on what they guard.

use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Layout, Mode, Orders};
use crate::client::{Step, Workload};
use crate::history::{Answer, ClientId, Kind, Op, OpRecord, Outcome, PartAnswer, SessionKey, Tag, Write};

/// Digits behind the name of a sequential znode.
const SEQUENCE_DIGITS: usize = 10;

/// Stands in line with an ephemeral sequential znode, watches the one before its own, and while its own is the first of the
/// line reads and writes what the lock guards, on condition that nobody else has meanwhile.
pub struct Locker {
    client: ClientId,
    orders: Rc<Orders>,
    /// The folder of each lock, and what it guards.
    locks: Vec<(Rc<str>, Rc<str>)>,
    rng: StdRng,
    count: u32,
    /// The lock that it is at.
    lock: usize,
    /// What the name of its own place in the line begins with.
    prefix: Option<Rc<str>>,
    stage: Stage,
    is_asking: bool,
}

/// What is to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// Pause, and choose a lock.
    Rest,
    /// Stand in line.
    Enter,
    /// See how long the line is.
    Look,
    /// Watch who stands before.
    Watch(Rc<str>),
    /// Wait for that one to go.
    Wait,
    /// It is the first: read what is guarded, and so many times more.
    Read { own: Rc<str>, rounds: u32 },
    /// Write it, if it still has this version.
    Write { own: Rc<str>, rounds: u32, version: i32 },
    /// Let go.
    Leave(Rc<str>),
}

impl Locker {
    /// A client whose choices `seed` decides.
    pub fn new(client: ClientId, layout: &Layout, orders: Rc<Orders>, seed: u64) -> Self {
        Self {
            client,
            orders,
            locks: layout.locks().zip(layout.guarded()).collect(),
            rng: StdRng::seed_from_u64(seed),
            count: 0,
            lock: 0,
            prefix: None,
            stage: Stage::Rest,
            is_asking: false,
        }
    }

    fn tag(&mut self) -> Tag {
        self.count += 1;
        Tag { client: self.client, count: self.count }
    }

    fn op(&mut self) -> Option<Op> {
        let (folder, guarded) = self.locks[self.lock].clone();
        let op = match self.stage.clone() {
            Stage::Rest | Stage::Wait => return None,
            Stage::Enter => {
                let tag = self.tag();
                let path: Rc<str> = format!("{folder}/{tag}-lock-").into();
                self.prefix = Some(Rc::clone(&path));
                Op::Write(Write::Create { path, tag, kind: Kind::EphemeralSequential })
            }
            Stage::Look => Op::Children { path: folder, watch: false },
            Stage::Watch(path) => Op::Exists { path, watch: true },
            Stage::Read { .. } => Op::Get { path: guarded, watch: false },
            Stage::Write { version, .. } => {
                Op::Write(Write::Set { path: guarded, tag: self.tag(), version: Some(version) })
            }
            Stage::Leave(path) => Op::Write(Write::Delete { path, version: None }),
        };
        Some(op)
    }

    /// What a line means for who stands in it.
    fn on_line(&mut self, names: &[Rc<str>]) -> Stage {
        let folder = &self.locks[self.lock].0;
        let mut line: Vec<(&str, Rc<str>)> = names
            .iter()
            .filter_map(|name| Some((number(name)?, format!("{folder}/{name}").into())))
            .collect();
        line.sort();
        let is_own = |path: &str| self.prefix.as_ref().is_some_and(|prefix| path.starts_with(&**prefix));
        match line.iter().position(|(_, path)| is_own(path)) {
            // The request to stand in line was never answered, and got lost.
            None => Stage::Enter,
            Some(0) => Stage::Read { own: Rc::clone(&line[0].1), rounds: self.rng.random_range(1..4) },
            Some(at) => Stage::Watch(Rc::clone(&line[at - 1].1)),
        }
    }

    fn after(&mut self, record: &OpRecord) -> Stage {
        let Outcome::Ok { answer, .. } = &record.outcome else { return self.after_none(record) };
        match (self.stage.clone(), answer) {
            (Stage::Look, Answer::Names { names, .. }) => self.on_line(names),
            (Stage::Watch(_), _) => Stage::Wait,
            (Stage::Read { own, rounds }, Answer::Data { seen, .. }) => {
                Stage::Write { own, rounds, version: seen.version }
            }
            (Stage::Write { own, rounds, .. }, Answer::Part(PartAnswer::Set(_))) if rounds > 1 => {
                Stage::Read { own, rounds: rounds - 1 }
            }
            (Stage::Write { own, .. }, _) => Stage::Leave(own),
            (Stage::Leave(_), _) => Stage::Rest,
            _ => Stage::Look,
        }
    }

    /// A request was refused, or not answered: how the line is now tells what is to be done.
    fn after_none(&self, record: &OpRecord) -> Stage {
        let refused = matches!(record.outcome, Outcome::Failed { .. });
        match &self.stage {
            Stage::Leave(_) if refused => Stage::Rest,
            Stage::Write { own, .. } if refused => Stage::Leave(Rc::clone(own)),
            _ => Stage::Look,
        }
    }
}

/// The number behind a name.
fn number(name: &str) -> Option<&str> {
    name.get(name.len().checked_sub(SEQUENCE_DIGITS)?..)
}

impl Workload for Locker {
    fn next_step(&mut self) -> Step {
        const RETRY: Duration = Duration::from_millis(300);
        if self.is_asking {
            return Step::Idle;
        }
        match self.orders.mode() {
            Mode::Work | Mode::Prove => {}
            Mode::Setup | Mode::Rest | Mode::Verify => return Step::Pause(Duration::from_millis(100)),
        }
        match self.stage {
            Stage::Rest => {
                self.lock = self.rng.random_range(0..self.locks.len());
                self.stage = Stage::Enter;
                return Step::Pause(Duration::from_millis(self.rng.random_range(5..200)));
            }
            Stage::Wait => {
                // An event that was lost with its connection does not come; and an idle client is asked again.
                self.stage = Stage::Look;
                return if self.rng.random_bool(0.5) { Step::Idle } else { Step::Pause(RETRY) };
            }
            _ => {}
        }
        self.is_asking = true;
        self.op().map_or(Step::Idle, Step::Ask)
    }

    fn on_session(&mut self, _session: SessionKey) {
        self.stage = Stage::Rest;
        self.prefix = None;
        self.is_asking = false;
    }

    fn on_event(&mut self, _path: &Rc<str>) {
        if self.stage == Stage::Wait {
            self.stage = Stage::Look;
        }
    }

    fn on_outcome(&mut self, record: &OpRecord) {
        if matches!(record.op, Op::SetWatches { .. }) {
            return;
        }
        self.is_asking = false;
        self.stage = self.after(record);
    }
}
