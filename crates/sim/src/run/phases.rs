//! The phases of a run: the cluster comes up, things go wrong, nothing goes wrong any more, all is read.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::cast::Cast;
use super::durable::Durable;
use super::invariants::Invariants;
use super::observe::Observer;
use super::replicas;
use super::settings::Settings;
use crate::faults::{Change, Nemesis, Plan, Roster, Tally};
use crate::report::Coverage;
use crate::seeded::{self, mix};
use crate::world::World;
use verify::check::Clocks;
use verify::history::{ClientId, History, Moment, Outcome};
use verify::workload::{Mode, Orders};

/// How long each part may take at most, in simulated time.
const START_MAX: Duration = Duration::from_secs(20);
const RECOVERY_MAX: Duration = Duration::from_secs(30);
const AGREEMENT_MAX: Duration = Duration::from_secs(15);
const READING_MAX: Duration = Duration::from_secs(60);
/// What is only counted is looked at every so many steps.
const LOOK_EVERY: u64 = 20;
/// What must always hold is looked at every so many steps.
const CHECK_EVERY: u64 = 3;
/// How long clients go on when nothing goes wrong any more.
const CALM: Duration = Duration::from_secs(2);
/// Sessions that nobody keeps are over after this: the longest timeout, a tick, an election.
const SESSIONS_END: Duration = Duration::from_secs(18);

/// A run under way.
pub(super) struct Phases {
    world: World,
    nemesis: Nemesis,
    settings: Rc<Settings>,
    history: Rc<RefCell<History>>,
    orders: Rc<Orders>,
    recovered_after: Option<Duration>,
    quorum_served_after: Option<Duration>,
    observer: Observer,
    invariants: Invariants,
    durable: Durable,
    steps: u64,
}

impl Phases {
    pub(super) fn new(settings: Settings) -> Self {
        let settings = Rc::new(settings);
        let history = Rc::new(RefCell::new(History::new(seeded::elapsed)));
        let orders = Rc::<Orders>::default();
        let mut world = World::new(settings.world.clone());
        Cast::enter(&mut world, &settings, &history, &orders);
        let roster = Roster::new(settings.world.nodes, mix(settings.seed ^ 0xfa16));
        let nemesis = Nemesis::new(roster, mix(settings.seed ^ 0xfa18));
        Self {
            world,
            nemesis,
            settings,
            history,
            orders,
            recovered_after: None,
            quorum_served_after: None,
            observer: Observer::default(),
            invariants: Invariants::default(),
            durable: Durable::default(),
            steps: 0,
        }
    }

    /// Runs to the end. An error says what did not come about.
    pub(super) fn run(&mut self) -> Result<(), String> {
        self.start()?;
        self.go_wrong()?;
        self.heal_quorum()?;
        self.recover()?;
        self.agree()?;
        self.read_all()?;
        self.agree()?;
        replicas::different(&self.world).map_or(Ok(()), Err)
    }

    pub(super) fn tally(&self) -> &Tally {
        self.nemesis.tally()
    }

    pub(super) fn complaints(&self) -> Vec<String> {
        self.nemesis.complaints().to_vec()
    }

    pub(super) fn coverage(&self) -> Coverage {
        Coverage {
            membership_changes: self.nemesis.changes_made(),
            invariant_checks: self.invariants.checks(),
            ..self.observer.coverage(&self.world)
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.world.elapsed()
    }

    /// How fast the nodes' clocks ran.
    pub(super) fn clocks(&self) -> Clocks {
        let extremes = self.world.all_machines().values().map(|machine| machine.skew.extremes());
        extremes.fold(Clocks::default(), |clocks, (slowest, fastest)| Clocks {
            slowest: clocks.slowest.min(slowest),
            fastest: clocks.fastest.max(fastest),
        })
    }

    pub(super) fn quorum_served_after(&self) -> Option<Duration> {
        self.quorum_served_after
    }

    pub(super) fn recovered_after(&self) -> Option<Duration> {
        self.recovered_after
    }

    pub(super) fn into_history(self) -> History {
        std::mem::take(&mut *self.history.borrow_mut())
    }

    fn start(&mut self) -> Result<(), String> {
        let orders = Rc::clone(&self.orders);
        let laid_out = |_: &mut Self| orders.is_laid_out().then_some(());
        self.until(START_MAX, laid_out, |_| "the cluster did not start and take its first writes".into())?;
        for _ in 0..self.settings.observers {
            let roster = self.nemesis.roster();
            if let Some(spare) = roster.spare(&self.world) {
                roster.want(Change::Join(spare, false));
            }
        }
        let joined = |run: &mut Self| run.nemesis.roster().is_settled().then_some(());
        self.until(START_MAX, joined, |run| format!("not done: {:?}", run.nemesis.roster().pending()))?;
        self.orders.set_mode(Mode::Work);
        Ok(())
    }

    fn go_wrong(&mut self) -> Result<(), String> {
        let from = self.world.elapsed() + Duration::from_secs(1);
        let until = from + self.settings.chaos;
        let mut rng = StdRng::seed_from_u64(mix(self.settings.seed ^ 0xfa17));
        let plan = Plan::draw(&mut rng, self.settings.world.nodes, from, until);
        self.nemesis.plan(plan);
        while self.world.elapsed() < until {
            self.step()?;
        }
        Ok(())
    }

    /// A quorum is healed, and serves everybody.
    fn heal_quorum(&mut self) -> Result<(), String> {
        if !self.settings.heals_quorum_first {
            return Ok(());
        }
        let Some(healed) = self.nemesis.heal_quorum(&mut self.world) else { return Ok(()) };
        let healed_at = self.world.elapsed();
        self.serve(false, &format!("{healed:?} were healed"))?;
        self.quorum_served_after = Some(self.world.elapsed() - healed_at);
        self.calm()
    }

    /// Everything is healed: the membership becomes what it should be, and everybody is served.
    fn recover(&mut self) -> Result<(), String> {
        self.nemesis.heal(&mut self.world);
        let healed_at = self.world.elapsed();
        self.serve(true, "everything was healed")?;
        self.recovered_after = Some(self.world.elapsed() - healed_at);
        self.calm()
    }

    /// Every client gets a write through, and if so `settled`, all changes of the membership are made.
    fn serve(&mut self, settled: bool, since_when: &str) -> Result<(), String> {
        self.orders.set_mode(Mode::Prove);
        let since = self.history.borrow().now();
        let is_served = move |run: &mut Self| {
            let is_settled = !settled || run.nemesis.roster().is_settled();
            (is_settled && run.waiting(since).is_empty()).then_some(())
        };
        self.until(RECOVERY_MAX, is_served, |run| {
            let (waiting, pending) = (run.waiting(since), run.nemesis.roster().pending());
            format!(
                "{RECOVERY_MAX:?} after {since_when} {waiting:?} had no write answered, and {pending:?} was not made; {:?}",
                replicas::apart(&run.world)
            )
        })?;
        self.orders.set_mode(Mode::Work);
        Ok(())
    }

    fn calm(&mut self) -> Result<(), String> {
        let until = self.world.elapsed() + CALM;
        while self.world.elapsed() < until {
            self.step()?;
        }
        Ok(())
    }

    /// Clients without a write that was sent since then and answered.
    fn waiting(&self, since: Moment) -> BTreeSet<ClientId> {
        let mut waiting: BTreeSet<ClientId> = self.settings.layout.clients.iter().copied().collect();
        let history = self.history.borrow();
        for record in history.ops.iter().rev().take_while(|record| record.invoked >= since) {
            let is_write = !record.op.writes().is_empty();
            if is_write && matches!(record.outcome, Outcome::Ok { .. }) {
                waiting.remove(&record.client);
            }
        }
        waiting
    }

    /// Nobody asks for anything new, and all replicas come to be the same.
    fn agree(&mut self) -> Result<(), String> {
        if self.orders.mode() < Mode::Rest {
            self.orders.set_mode(Mode::Rest);
            let ended_by = self.world.elapsed() + SESSIONS_END;
            while self.world.elapsed() < ended_by {
                self.step()?;
            }
        }
        self.until(
            AGREEMENT_MAX,
            |run| replicas::apart(&run.world).is_none().then_some(()),
            |run| format!("no agreement within {AGREEMENT_MAX:?}: {:?}", replicas::apart(&run.world)),
        )
    }

    fn read_all(&mut self) -> Result<(), String> {
        self.orders.set_mode(Mode::Verify);
        let nodes = self.world.machines().count() as u64;
        let orders = Rc::clone(&self.orders);
        let read = |_: &mut Self| (orders.verified() == nodes).then_some(());
        self.until(READING_MAX, read, |_| "not everything could be read on every node".into())
    }

    /// Goes on until `done` says so. After `limit` it is an error, which `failure` puts into words.
    fn until(
        &mut self,
        limit: Duration,
        done: impl Fn(&mut Self) -> Option<()>,
        failure: impl Fn(&mut Self) -> String,
    ) -> Result<(), String> {
        let deadline = self.world.elapsed() + limit;
        loop {
            // Looking costs more than a step.
            for _ in 0..10 {
                self.step()?;
            }
            if done(self).is_some() {
                return Ok(());
            }
            if self.world.elapsed() >= deadline {
                return Err(failure(self));
            }
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.world.step();
        self.steps += 1;
        if self.steps.is_multiple_of(LOOK_EVERY) {
            self.observer.look(&self.world);
        }
        if self.steps.is_multiple_of(CHECK_EVERY) {
            self.invariants.look(&self.world)?;
            self.durable.look(&self.world)?;
        }
        self.nemesis.step(&mut self.world)
    }
}
