//! A group whose members are processes that can be suspended, killed and cut off, over servers that can be, too.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "tests; every file uses a part of it")]

mod gate;
pub(crate) mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, Options as ClientOptions, Sessions};
use embedded::{Ensemble, Host};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rebalancer::monitor::Monitor;
use rebalancer::{Failure, Grant, Handler, MemberId, Options, Rebalancer, ResourceId, View, Weight};
use runtime::{Clock, Runtime, SeededEntropy};
use tokio::sync::watch;

use gate::{Gate, GatedPools};

pub(crate) const GROUP: &str = "/groups/g";

/// A group, and all that it stands on.
pub(crate) struct Stage {
    pub(crate) ensemble: Ensemble,
    pub(crate) monitor: Monitor,
    pub(crate) admin: Client,
    pub(crate) processes: BTreeMap<String, Process>,
    pub(crate) session_timeout: Duration,
    /// The longest that handlers take.
    pub(crate) handlers_take: Duration,
    random: Arc<Mutex<SmallRng>>,
}

/// A member's process.
pub(crate) struct Process {
    pub(crate) host: Host,
    gate: Arc<Gate>,
    pub(crate) sessions: Sessions,
    /// How much it wants.
    weight: Weight,
    rebalancer: Option<Rebalancer>,
    pub(crate) view: watch::Receiver<View>,
}

/// An application that tells the monitor what it uses.
struct Worker {
    name: String,
    monitor: Monitor,
    clock: Clock,
    takes: Duration,
    random: Arc<Mutex<SmallRng>>,
    used: Mutex<BTreeSet<ResourceId>>,
}

impl Worker {
    async fn take_time(&self) {
        if !self.takes.is_zero() {
            let longest = u64::try_from(self.takes.as_millis()).unwrap();
            let millis = self.random.lock().unwrap().random_range(0..=longest);
            self.clock.sleep(Duration::from_millis(millis)).await;
        }
    }
}

impl Handler for Worker {
    async fn on_start(&self, grants: Vec<Grant>) -> Result<(), Failure> {
        for grant in &grants {
            self.monitor.claim(&self.name, grant);
            self.used.lock().unwrap().insert(grant.resource.clone());
        }
        self.take_time().await;
        Ok(())
    }

    async fn on_stop(&self, resources: Vec<ResourceId>) -> Result<(), Failure> {
        self.take_time().await;
        for resource in &resources {
            // The start of some may have been given up.
            if self.used.lock().unwrap().remove(resource) {
                self.monitor.release(&self.name, resource);
            }
        }
        Ok(())
    }
}

impl Stage {
    pub(crate) async fn start(nodes: u64, seed: u64) -> Self {
        let ensemble = Ensemble::start_with(nodes, Arc::new(SeededEntropy::new(seed)));
        let host = ensemble.host();
        // It is not to expire with whatever happens to the servers.
        let options = ClientOptions { session_timeout: Duration::from_secs(40), ..ClientOptions::default() };
        let admin = Client::connect(host.runtime(), &ensemble.target(), options).await.unwrap();
        let stage = Self {
            monitor: Monitor::new(ensemble.runtime().clock.clone()),
            ensemble,
            admin,
            processes: BTreeMap::new(),
            session_timeout: Duration::from_secs(4),
            handlers_take: Duration::ZERO,
            random: Arc::new(Mutex::new(SmallRng::seed_from_u64(seed ^ 0x5eed))),
        };
        for path in ["/groups", GROUP, "/groups/g/resources"] {
            stage.create(path).await;
        }
        stage
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.ensemble.runtime().clock
    }

    pub(crate) async fn pause(&self, duration: Duration) {
        self.clock().sleep(duration).await;
    }

    async fn create(&self, path: &str) {
        loop {
            match self.admin.create(path, None, &Acl::open(), CreateMode::Persistent).await {
                Ok(_) => return,
                Err(error) if error.kind == client::ErrorKind::NodeExists => return,
                Err(error) if error.is_passing() => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn add(&self, resources: impl IntoIterator<Item = String>) {
        futures::future::join_all(
            resources.into_iter().map(async |resource| self.create(&path_of(&resource)).await),
        )
        .await;
    }

    pub(crate) async fn remove(&self, resource: &str) {
        loop {
            match self.admin.delete(&path_of(resource), AnyVersion).await {
                Ok(()) => return,
                Err(error) if error.kind == client::ErrorKind::NoNode => return,
                Err(error) if error.is_passing() => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(crate) async fn resources(&self) -> BTreeSet<String> {
        loop {
            match self.admin.children("/groups/g/resources").await {
                Ok((names, _)) => return names.into_iter().collect(),
                Err(error) if error.is_passing() => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Starts a process that joins. False if no server took its session up.
    pub(crate) async fn join(&mut self, name: &str, options: Options) -> bool {
        let host = self.ensemble.host();
        let gate = Arc::new(Gate::default());
        let pools = GatedPools { gate: Arc::clone(&gate), pools: Arc::clone(&host.runtime().pools) };
        let world = Runtime { pools: Arc::new(pools), ..host.runtime().clone() };
        let asked = ClientOptions {
            session_timeout: self.session_timeout,
            connect_timeout: Duration::from_secs(1),
            patience: Duration::from_secs(5),
            ..ClientOptions::default()
        };
        let Ok(sessions) = Sessions::open(&world, &self.ensemble.target(), asked).await else { return false };
        let worker = Worker {
            name: name.to_owned(),
            monitor: self.monitor.clone(),
            clock: world.clock.clone(),
            takes: self.handlers_take,
            random: Arc::clone(&self.random),
            used: Mutex::default(),
        };
        let weight = options.weight;
        let rebalancer = Rebalancer::join(&sessions, GROUP, worker, options).unwrap();
        let view = rebalancer.view();
        let process = Process { host, gate, sessions, weight, rebalancer: Some(rebalancer), view };
        self.processes.insert(name.to_owned(), process);
        true
    }

    pub(crate) async fn leave(&mut self, name: &str) {
        let mut process = self.processes.remove(name).unwrap();
        process.rebalancer.take().unwrap().leave().await.unwrap();
        let _ = process.sessions.close().await;
    }

    /// As `kill -9` and the loss of the machine: connections do not even end.
    pub(crate) fn kill(&mut self, name: &str) {
        let process = self.processes.remove(name).unwrap();
        process.gate.kill();
        process.host.take_down();
        self.monitor.died(name);
    }

    pub(crate) fn suspend(&self, name: &str) {
        self.monitor.suspend(name);
        self.processes[name].gate.suspend();
    }

    pub(crate) fn resume(&self, name: &str) {
        self.processes[name].gate.resume();
        self.monitor.resume(name);
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.processes.keys().cloned().collect()
    }

    /// The name of the process that coordinates.
    pub(crate) fn coordinator(&self) -> Option<String> {
        let coordinates = |process: &Process| process.view.borrow().coordinates;
        self.processes.iter().find(|(_, process)| coordinates(process)).map(|(name, _)| name.clone())
    }

    pub(crate) fn member(&self, name: &str) -> Option<MemberId> {
        self.processes[name].view.borrow().member.clone()
    }

    /// How many resources each process uses.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts: BTreeMap<String, usize> = self.names().into_iter().map(|name| (name, 0)).collect();
        for owner in self.monitor.owners().into_values() {
            *counts.entry(owner).or_default() += 1;
        }
        counts
    }

    /// Waits until every resource is used, by as many as can be, evenly, with nothing left to do.
    ///
    /// # Errors
    /// With what is wrong, when that takes longer than `within`.
    pub(crate) async fn quiet(&self, within: Duration) -> Result<(), String> {
        let deadline = self.clock().now() + within;
        loop {
            let wrong = self.what_is_missing().await;
            if wrong.is_empty() {
                return Ok(());
            }
            if self.clock().now() >= deadline {
                return Err(format!("not quiet after {within:?}: {wrong}"));
            }
            self.pause(Duration::from_millis(50)).await;
        }
    }

    async fn what_is_missing(&self) -> String {
        let owners = self.monitor.owners();
        let owned: BTreeSet<String> = owners.keys().map(ToString::to_string).collect();
        let resources = self.resources().await;
        let counts = self.counts();
        let mut missing = Vec::new();
        if !self.processes.is_empty() && owned != resources {
            let ownerless: Vec<_> = resources.difference(&owned).take(5).collect();
            let gone: Vec<_> = owned.difference(&resources).take(5).collect();
            missing.push(format!("without owner: {ownerless:?}, used though removed: {gone:?}"));
        }
        let uneven = self.uneven(&counts, resources.len());
        if !uneven.is_empty() {
            missing.push(format!("not its part: {uneven:?} of {counts:?}"));
        }
        let unsettled = self.processes.iter().filter(|(_, process)| !process.view.borrow().is_settled);
        let unsettled: Vec<_> =
            unsettled.map(|(name, process)| format!("{name}: {:?}", *process.view.borrow())).collect();
        if !unsettled.is_empty() {
            missing.push(format!("not settled: {unsettled:?}"));
        }
        let superseded = self.monitor.superseded();
        if superseded > 0 {
            missing.push(format!(
                "{superseded} resources are still used by those who lost them while suspended"
            ));
        }
        missing.join("; ")
    }

    /// Who has more or less than its part by weight, rounded down or up.
    fn uneven(&self, counts: &BTreeMap<String, usize>, resources: usize) -> Vec<String> {
        let weight_of = |name: &String| u64::from(self.processes[name].weight.get());
        let weights: u64 = counts.keys().map(weight_of).sum();
        let has_its_part = |(name, count): &(&String, &usize)| {
            let wanted = resources as u64 * weight_of(name);
            let count = **count as u64;
            (wanted / weights..=wanted.div_ceil(weights)).contains(&count)
        };
        counts.iter().filter(|each| !has_its_part(each)).map(|(name, _)| name.clone()).collect()
    }

    #[track_caller]
    pub(crate) fn assert_exclusive(&self) {
        let violations = self.monitor.violations();
        let shown: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(violations.is_empty(), "{}", shown.join("\n"));
    }
}

pub(crate) fn path_of(resource: &str) -> String {
    format!("{GROUP}/resources/{resource}")
}

pub(crate) fn numbered(many: usize) -> impl Iterator<Item = String> {
    (0..many).map(|number| format!("r{number:04}"))
}
