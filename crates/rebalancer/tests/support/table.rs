//! The randomised table of Rebalanser's author, its times divided by 20, with faults, in simulated time.
//!
//! Half of the steps start or stop a member, half add or remove a resource. Two claims of one resource are looked for at every
//! moment; that all is shared out evenly, after every step or after some, as the row says. Sessions last 4 s, the least that
//! servers with a tick of 2 s grant.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{AnyVersion, Client};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rebalancer::planted::Bug;
use rebalancer::{Allocation, Mode, Options, Policy, Weight};
use runtime::{Pool, Task};

use super::{GROUP, Stage, numbered};

/// A case of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) modes: &'static [Mode],
    pub(crate) members: usize,
    pub(crate) resources: usize,
    pub(crate) steps: usize,
    /// Between two steps, at most. `None`: until the group is quiet, which is looked for after every step.
    pub(crate) interval: Option<Duration>,
    /// After so many steps, members and servers are left alone until the group is quiet.
    pub(crate) quiet_every: usize,
    pub(crate) interval_min: Duration,
    pub(crate) assignment_delay: Duration,
    pub(crate) handlers_take: Duration,
}

const BOTH: &[Mode] = &[Mode::Resource, Mode::Global];

/// What the original's minutes come to: steps = minutes × 60 / interval / 20.
pub(crate) const ROWS: &[Row] = &[
    full("low", BOTH, 3, 6, 6),
    full("more members than resources", BOTH, 10, 5, 6),
    full("medium", BOTH, 10, 60, 6),
    Row { interval_min: Duration::from_secs(6), ..full("large", BOTH, 30, 200, 3) },
    full("very large", &[Mode::Global], 100, 1000, 2),
    full("few members, many resources", BOTH, 10, 200, 5),
    SHORT,
    Row { name: "short random, assignment delay", assignment_delay: Duration::from_millis(1500), ..SHORT },
    VERY_SHORT,
    Row {
        name: "very short, slow handlers",
        handlers_take: Duration::from_millis(500),
        interval_min: Duration::from_millis(200),
        ..VERY_SHORT
    },
];

const fn full(
    name: &'static str,
    modes: &'static [Mode],
    members: usize,
    resources: usize,
    steps: usize,
) -> Row {
    Row {
        name,
        modes,
        members,
        resources,
        steps,
        interval: None,
        quiet_every: 1,
        interval_min: Duration::from_millis(100),
        assignment_delay: Duration::ZERO,
        handlers_take: Duration::from_millis(20),
    }
}

const SHORT: Row = Row {
    steps: 72,
    interval: Some(Duration::from_millis(500)),
    quiet_every: 5,
    ..full("short random", BOTH, 10, 60, 0)
};

const VERY_SHORT: Row = Row {
    steps: 72,
    interval: Some(Duration::from_millis(250)),
    // The original looks for double claims only; at the end all must come to rest nevertheless.
    quiet_every: 72,
    ..full("very short", BOTH, 3, 6, 0)
};

/// How long a group may take to become quiet after all faults are over: the servers' view of a session's end (6 s), what
/// clients take to notice a connection that says nothing, to come back, and the pauses of the row.
const QUIET_WITHIN: Duration = Duration::from_secs(40);

/// A process that is suspended for no longer keeps its session: a third of its timeout, at least, is left at any time.
const SESSION_CERTAIN: Duration = Duration::from_millis(1000);

/// Within this time a client whose session was ended from outside is told, and has stopped.
const TOLD_WITHIN: Duration = Duration::from_millis(1500);

/// What came of one seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    /// What must not have happened.
    pub(crate) violations: Vec<String>,
    /// Faults by kind that met somebody.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) quiet_points: u64,
    pub(crate) rebalances: u64,
    pub(crate) claims: u64,
    pub(crate) releases: u64,
    pub(crate) took: Duration,
}

/// Runs a row by a seed.
pub(crate) fn run(row: &Row, mode: Mode, seed: u64, bug: Option<Bug>) -> Outcome {
    embedded::run(async {
        let mut play = Play::start(row, mode, seed, bug).await;
        let outcome = play.all().await;
        if let Err(wrong) = outcome {
            play.violations.lock().unwrap().push(wrong);
        }
        play.outcome().await
    })
}

/// What a fault did, to be undone.
#[derive(Clone, Debug)]
enum Wound {
    Suspended(String, runtime::Instant),
    CutOff(String),
    /// Its session was ended from outside.
    Expired(String),
    NodeDown(u64),
    NodeHeld(u64),
    AllDown,
}

impl Wound {
    fn is_of_servers(&self) -> bool {
        matches!(self, Wound::NodeDown(_) | Wound::NodeHeld(_) | Wound::AllDown)
    }
}

struct Play {
    row: Row,
    options: Options,
    stage: Stage,
    random: SmallRng,
    started: usize,
    /// With the time at which each is healed.
    wounds: Vec<(runtime::Instant, Wound)>,
    faults: BTreeMap<&'static str, u64>,
    violations: Arc<Mutex<Vec<String>>>,
    quiet_points: u64,
    _epochs: Task,
}

const NODES: u64 = 3;

impl Play {
    async fn start(row: &Row, mode: Mode, seed: u64, bug: Option<Bug>) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut stage = Stage::start(NODES, seed).await;
        stage.handlers_take = row.handlers_take;
        let options = Options {
            mode,
            policy: *[Policy::Sticky, Policy::RoundRobin].choose(&mut random).unwrap(),
            interval_min: row.interval_min,
            assignment_delay: row.assignment_delay,
            stop_deadline: Duration::from_secs(1),
            planted: bug,
            ..Options::default()
        };
        assert_eq!(options.weight, Weight::default(), "evenness is looked for");
        stage.add(numbered(row.resources)).await;
        let violations = Arc::default();
        let epochs = watch_epochs(stage.admin.clone(), Arc::clone(&violations));
        let epochs = stage.ensemble.runtime().spawn(Pool::Clients, epochs);
        let mut play = Self {
            row: *row,
            options,
            stage,
            random,
            started: 0,
            wounds: Vec::new(),
            faults: BTreeMap::new(),
            violations,
            quiet_points: 0,
            _epochs: epochs,
        };
        for _ in 0..row.members {
            play.join().await;
        }
        play
    }

    async fn all(&mut self) -> Result<(), String> {
        self.quiet().await?;
        for step in 1..=self.row.steps {
            if self.random.random_bool(0.5) {
                self.hurt().await;
            }
            self.change().await;
            if self.random.random_bool(0.3) {
                self.hurt().await;
            }
            let longest = self.row.interval.unwrap_or(Duration::from_secs(1));
            let longest = u64::try_from(longest.as_millis()).unwrap();
            let time = Duration::from_millis(self.random.random_range(0..=longest));
            self.wait(time).await;
            if step % self.row.quiet_every == 0 {
                self.quiet().await?;
            }
        }
        self.quiet().await?;
        self.end().await
    }

    /// A step of the table.
    async fn change(&mut self) {
        let running = self.running();
        if self.random.random_bool(0.5) {
            let is_start = running.len() < 2 || self.random.random_bool(0.5);
            if is_start && self.stage.processes.len() < self.row.members {
                self.join().await;
            } else if let Some(name) = running.choose(&mut self.random).filter(|_| running.len() > 1) {
                // With servers down it waits for them.
                self.heal_servers();
                self.stage.leave(name).await;
            }
            return;
        }
        self.heal_servers();
        let present = self.stage.resources().await;
        let all: Vec<String> = numbered(self.row.resources + 3).collect();
        let name = all.choose(&mut self.random).unwrap();
        match present.contains(name) {
            // Removed and added again at once is what the original's model found a mistake by.
            true if self.random.random_bool(0.3) => {
                self.stage.remove(name).await;
                self.stage.add([name.clone()]).await;
            }
            true => self.stage.remove(name).await,
            false => self.stage.add([name.clone()]).await,
        }
    }

    async fn join(&mut self) {
        self.started += 1;
        self.heal_servers();
        let name = format!("p{}", self.started);
        self.stage.join(&name, self.options.clone()).await;
    }

    /// Processes that nothing is the matter with.
    fn running(&self) -> Vec<String> {
        let hurt: BTreeSet<&str> = self
            .wounds
            .iter()
            .filter_map(|(_, wound)| match wound {
                Wound::Suspended(name, _) | Wound::CutOff(name) | Wound::Expired(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        self.stage.names().into_iter().filter(|name| !hurt.contains(name.as_str())).collect()
    }

    async fn hurt(&mut self) {
        let running = self.running();
        // The coordinator is the most interesting one.
        let coordinator = self.stage.coordinator().filter(|name| running.contains(name));
        let victim = match coordinator {
            Some(coordinator) if self.random.random_bool(0.3) => Some(coordinator),
            _ => running.choose(&mut self.random).cloned(),
        };
        let Some(victim) = victim.filter(|victim| self.stage.member(victim).is_some()) else { return };
        let node = self.random.random_range(1..=NODES);
        let process = &self.stage.processes[&victim];
        let long = Duration::from_millis(self.random.random_range(100..9000));
        let short = Duration::from_millis(self.random.random_range(50..1500));
        let (kind, wound) = match self.random.random_range(0..10) {
            0 | 1 => {
                self.stage.suspend(&victim);
                ("suspended", Some((long, Wound::Suspended(victim, self.stage.clock().now()))))
            }
            2 if running.len() > 1 => {
                self.stage.kill(&victim);
                ("killed", None)
            }
            3 => {
                process.host.cut();
                ("connections cut", None)
            }
            4 => {
                process.host.take_down();
                ("cut off", Some((long, Wound::CutOff(victim))))
            }
            5 => {
                process.host.lose_answers();
                ("answers lost", None)
            }
            6 => {
                let client = process.sessions.client();
                let Ok(Ok(client)) = self.stage.clock().timeout(short, client).await else { return };
                // No client can know before it is told, so for this moment only its tokens protect.
                self.stage.monitor.suspend(&victim);
                if !self.stage.ensemble.expire(client.session()) {
                    self.stage.monitor.resume(&victim);
                    return;
                }
                ("session expired", Some((TOLD_WITHIN, Wound::Expired(victim))))
            }
            7 if !self.are_servers_hurt() => {
                self.stage.ensemble.take_down_node(node);
                ("node down", Some((short * 2, Wound::NodeDown(node))))
            }
            8 if !self.are_servers_hurt() => {
                self.stage.ensemble.log().hold(node);
                ("node behind", Some((short, Wound::NodeHeld(node))))
            }
            9 if !self.are_servers_hurt() && self.random.random_bool(0.5) => {
                self.stage.ensemble.take_down();
                ("all nodes down", Some((short * 3, Wound::AllDown)))
            }
            9 => {
                self.heal_servers();
                let path = format!("{GROUP}/epoch");
                let _ = self.stage.admin.set(&path, Some(b"another"), AnyVersion).await;
                ("epoch taken", None)
            }
            _ => return,
        };
        *self.faults.entry(kind).or_default() += 1;
        if let Some((time, wound)) = wound {
            self.wounds.push((self.stage.clock().now() + time, wound));
        }
    }

    fn are_servers_hurt(&self) -> bool {
        self.wounds.iter().any(|(_, wound)| wound.is_of_servers())
    }

    async fn wait(&mut self, time: Duration) {
        let end = self.stage.clock().now() + time;
        while let Some((due, _)) = self.wounds.iter().min_by_key(|(due, _)| *due)
            && *due <= end
        {
            let due = *due;
            self.stage.clock().sleep_until(due).await;
            self.heal(|healed, _| healed <= due);
        }
        self.stage.clock().sleep_until(end).await;
    }

    fn heal_servers(&mut self) {
        self.heal(|_, wound| wound.is_of_servers());
    }

    fn heal(&mut self, is_meant: impl Fn(runtime::Instant, &Wound) -> bool) {
        let wounds = std::mem::take(&mut self.wounds);
        let (healed, left) = wounds.into_iter().partition(|(due, wound)| is_meant(*due, wound));
        self.wounds = left;
        let healed: Vec<_> = healed;
        for (_, wound) in healed {
            match wound {
                Wound::Suspended(name, since) if self.stage.processes.contains_key(&name) => {
                    self.stage.resume(&name);
                    let now = self.stage.clock().now();
                    if now.saturating_since(since) > SESSION_CERTAIN {
                        // It has to find out first.
                        self.stage.monitor.suspend(&name);
                        self.wounds.push((now + TOLD_WITHIN, Wound::Expired(name)));
                    }
                }
                Wound::Expired(name) => self.stage.monitor.resume(&name),
                Wound::CutOff(name) => {
                    if let Some(process) = self.stage.processes.get(&name) {
                        process.host.bring_up();
                    }
                }
                Wound::NodeDown(node) => self.stage.ensemble.bring_up_node(node),
                Wound::NodeHeld(node) => self.stage.ensemble.log().release(node),
                Wound::AllDown => self.stage.ensemble.bring_up(),
                Wound::Suspended(..) => {}
            }
        }
    }

    async fn quiet(&mut self) -> Result<(), String> {
        self.heal(|_, wound| !matches!(wound, Wound::Expired(_)));
        if !self.wounds.is_empty() {
            self.wait(TOLD_WITHIN).await;
        }
        self.quiet_points += 1;
        self.stage.quiet(QUIET_WITHIN).await
    }

    /// All leave, and nothing may be left behind.
    async fn end(&mut self) -> Result<(), String> {
        for name in self.stage.names() {
            self.stage.leave(&name).await;
        }
        let owners = self.stage.monitor.owners();
        if !owners.is_empty() {
            return Err(format!("all have left, and still used are {owners:?}"));
        }
        // What was killed is gone by then.
        self.stage.pause(Duration::from_secs(10)).await;
        for place in ["clients", "barriers", "stopped"] {
            let listed = self.stage.admin.children(&format!("{GROUP}/{place}")).await;
            let left = listed.map(|(names, _)| names).unwrap_or_default();
            if !left.is_empty() {
                return Err(format!("all have left, and in {place} there is still {left:?}"));
            }
        }
        Ok(())
    }

    async fn outcome(self) -> Outcome {
        let version = self.stage.admin.exists(&format!("{GROUP}/resources")).await.ok().flatten();
        let mut violations = self.violations.lock().unwrap().clone();
        violations.extend(self.stage.monitor.violations().iter().map(ToString::to_string));
        let (claims, releases) = self.stage.monitor.counts();
        Outcome {
            violations,
            faults: self.faults,
            quiet_points: self.quiet_points,
            rebalances: version.map_or(0, |stat| u64::try_from(stat.version).unwrap()),
            claims,
            releases,
            took: self.stage.clock().now().since_origin(),
        }
    }
}

/// Looks at every allocation: none may be written by a coordinator whose epoch is over.
async fn watch_epochs(admin: Client, violations: Arc<Mutex<Vec<String>>>) {
    loop {
        let Ok((node, changed)) = admin.get_and_watch(&format!("{GROUP}/resources")).await else { continue };
        // Read after it: what is newer than the allocation says nothing about it.
        if let Ok(epoch) = admin.get(&format!("{GROUP}/epoch")).await {
            let written = Allocation::epoch_of(node.data.as_deref().unwrap_or_default());
            if epoch.stat.mzxid < node.stat.mzxid && written != Some(epoch.stat.version) {
                let what = format!("in epoch {}, epoch {written:?} wrote", epoch.stat.version);
                violations.lock().unwrap().push(what);
            }
        }
        changed.fired().await;
    }
}
