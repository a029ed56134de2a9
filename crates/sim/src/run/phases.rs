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
use super::queues::QueueCast;
use super::replicas;
use super::settings::Settings;
use crate::faults::{Change, Nemesis, Plan, Roster, Tally};
use crate::report::Coverage;
use crate::seeded::{self, mix};
use crate::world::World;
use verify::check::Clocks;
use verify::history::{ClientId, History, Moment, Outcome};
use verify::queues::history::QueueHistory;
use verify::queues::workload::{Layout, QueueMode};
use verify::workload::{Mode, Orders};

/// How long each part may take at most, in simulated time.
const START_MAX: Duration = Duration::from_secs(20);
const RECOVERY_MAX: Duration = Duration::from_secs(30);
/// The same, where shards of queues follow changes of the membership.
const RECOVERY_WITH_QUEUES_MAX: Duration = Duration::from_secs(60);
/// Some consumers take one message a round trip, give every fifth back, and have publishers with a hundred waiting.
const DRAINING_MAX: Duration = Duration::from_secs(120);
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
    queues: Option<Rc<QueueCast>>,
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
        let nodes = world.all_machines().keys().copied().collect();
        let queues = settings.queues.clone().map(|queues| QueueCast::new(queues, settings.seed, nodes));
        let queues = queues.map(Rc::new);
        Cast::enter(&mut world, &settings, &history, &orders, queues.as_ref());
        let roster = Roster::new(settings.world.nodes, mix(settings.seed ^ 0xfa16));
        let nemesis = Nemesis::new(roster, mix(settings.seed ^ 0xfa18));
        Self {
            world,
            nemesis,
            settings,
            history,
            orders,
            queues,
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

    /// What clients saw; those of queues, if there were any.
    pub(super) fn into_histories(self) -> (History, Option<(QueueHistory, Layout)>) {
        let history = std::mem::take(&mut *self.history.borrow_mut());
        let queues = self
            .queues
            .map(|cast| (std::mem::take(&mut *cast.history.borrow_mut()), cast.queues.layout().clone()));
        (history, queues)
    }

    fn start(&mut self) -> Result<(), String> {
        let orders = Rc::clone(&self.orders);
        let laid_out = |run: &mut Self| {
            let is_declared = run.queues.as_ref().is_none_or(|queues| queues.orders.is_declared());
            (is_declared && orders.is_laid_out()).then_some(())
        };
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
        if let Some(queues) = &self.queues {
            queues.orders.set_mode(QueueMode::Work);
        }
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
        let since_time = self.world.elapsed();
        let is_served = move |run: &mut Self| {
            let is_settled = !settled || run.nemesis.roster().is_settled();
            // The quorum that was healed need not be one of the shards: their members follow later.
            let is_published = !settled || run.unconfirmed(since_time).is_empty();
            (is_settled && is_published && run.waiting(since).is_empty()).then_some(())
        };
        let limit = if self.queues.is_some() { RECOVERY_WITH_QUEUES_MAX } else { RECOVERY_MAX };
        self.until(limit, is_served, |run| {
            let (waiting, pending) = (run.waiting(since), run.nemesis.roster().pending());
            let unconfirmed = run.unconfirmed(since_time);
            format!(
                "{limit:?} after {since_when} {waiting:?} had no write answered, publishers {unconfirmed:?} no message confirmed, and {pending:?} was not made; {:?}",
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

    /// Publishers without a message confirmed since then.
    fn unconfirmed(&self, since: Duration) -> Vec<u32> {
        let Some(queues) = &self.queues else { return Vec::new() };
        let history = queues.history.borrow();
        let is_waiting = |number: &u32| {
            history.published.get(number).is_none_or(|published| published.confirmed_at <= since)
        };
        queues.queues.publishers().filter(is_waiting).collect()
    }

    /// Nothing new is published, and what was is settled by consumers; then nothing is left in the queues.
    fn drain(&mut self) -> Result<(), String> {
        let Some(queues) = self.queues.clone() else { return Ok(()) };
        queues.orders.set_mode(QueueMode::Finish);
        let settled = |_: &mut Self| {
            let is_done = queues.orders.publishers() == 0 && queues.history.borrow().unsettled().is_empty();
            is_done.then_some(())
        };
        self.until(DRAINING_MAX, settled, |run| {
            let history = queues.history.borrow();
            let unsettled = history.unsettled();
            let some: Vec<_> = unsettled.iter().take(5).collect();
            format!(
                "{DRAINING_MAX:?} after the last publish {} publishers are not done and {} confirmed messages are not settled: {some:?}; {:?}",
                queues.orders.publishers(),
                unsettled.len(),
                replicas::apart(&run.world)
            )
        })?;
        queues.orders.set_mode(QueueMode::Drain);
        let queue_count = queues.queues.layout().queues.len();
        let drained = |_: &mut Self| (queues.orders.drained() == queue_count).then_some(());
        self.until(DRAINING_MAX, drained, |_| {
            format!(
                "{DRAINING_MAX:?} after all was settled {} consumers have not left, and {} of {queue_count} queues are empty",
                queues.orders.consumers(),
                queues.orders.drained(),
            )
        })
    }

    /// Nobody asks for anything new, and all replicas come to be the same.
    fn agree(&mut self) -> Result<(), String> {
        if self.orders.mode() < Mode::Rest {
            self.orders.set_mode(Mode::Rest);
            self.drain()?;
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
