//! The phases of a run: the cluster comes up, things go wrong, nothing goes wrong any more, all is read.

use std::time::Duration;

use anyhow::Result;
use verify::workload::Mode;

use super::Options;
use super::spells::Chaos;
use crate::bulk::Bulk;
use crate::clients::{Crowd, Plan};
use crate::faults::Stage;
use crate::net::HostId;
use crate::report::{Evidence, Phase, Report};
use crate::scenario::Scenario;
use crate::time::{self, elapsed};

/// How long each phase takes, at most or just so.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To come up and take the first writes, at most.
    pub start: Duration,
    /// Of work before anything goes wrong.
    pub warm_up: Duration,
    /// Until every client has a write answered after the last fault, at most.
    pub recovery: Duration,
    /// Of work when nothing goes wrong any more.
    pub calm: Duration,
    /// Until sessions that nobody keeps are over.
    pub rest: Duration,
    /// Until all nodes are equally far, at most.
    pub agreement: Duration,
    /// To read everything on every node, at most.
    pub reading: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(60),
            warm_up: Duration::from_secs(3),
            recovery: Duration::from_secs(30),
            calm: Duration::from_secs(3),
            rest: Duration::from_secs(8),
            agreement: Duration::from_secs(20),
            reading: Duration::from_secs(60),
        }
    }
}

/// Runs all phases. What did not come about is a violation; the checks are made in any case.
pub(super) fn run(
    scenario: &Scenario,
    options: &Options,
    chaos: Duration,
    origin: Duration,
    mut stage: Stage,
    report: &mut Report,
) -> Result<Evidence> {
    stage.world.start()?;
    let plan = Plan {
        clients: options.clients,
        rate: options.rate,
        nodes: stage.world.addresses(),
        seed: options.seed,
        origin,
    };
    let crowd = Crowd::gather(&stage.world.clients, plan)?;
    let mut phases = Phases { scenario, options, chaos, origin, stage, crowd, report };
    if let Some(missed) = phases.all()? {
        phases.report.violations.push(missed);
    }
    phases.finish()
}

struct Phases<'a> {
    scenario: &'a Scenario,
    options: &'a Options,
    chaos: Duration,
    origin: Duration,
    stage: Stage,
    crowd: Crowd,
    report: &'a mut Report,
}

impl Phases<'_> {
    /// `Some` says what did not come about.
    fn all(&mut self) -> Result<Option<String>> {
        let limits = self.options.limits;
        let Some(()) = self.until(limits.start, |run| run.crowd.has_laid_out().then_some(()))? else {
            let words: Vec<String> = self.stage.world.nodes().map(|node| node.last_words()).collect();
            return Ok(Some(format!(
                "the cluster did not start and take its first writes:\n{}",
                words.join("\n")
            )));
        };
        self.mark("start");
        self.crowd.order(Mode::Work);
        time::pause(limits.warm_up)?;
        self.mark("warm-up");
        self.go_wrong()?;
        self.mark("faults");
        if let Some(missed) = self.recover()? {
            return Ok(Some(missed));
        }
        self.mark("recovery");
        if let Some(missed) = self.agree()? {
            return Ok(Some(missed));
        }
        self.mark("agreement");
        let missed = self.read_all()?;
        self.mark("reading");
        Ok(missed)
    }

    fn go_wrong(&mut self) -> Result<()> {
        let addresses: Vec<String> =
            self.stage.world.addresses().into_iter().map(|(_, address)| address).collect();
        let mut bulk = self.scenario.bulk.then(|| Bulk::new(&self.options.quorate, &addresses));
        let mut chaos = Chaos {
            stage: &mut self.stage,
            bulk: bulk.as_mut(),
            origin: self.origin,
            marks: &mut self.report.marks,
        };
        let began = elapsed();
        chaos.go_on(self.scenario.next, began + self.chaos, self.options.spells)?;
        self.report.chaos_ms = (elapsed() - began).as_millis();
        self.stage.heal()
    }

    /// Every client gets a write through.
    fn recover(&mut self) -> Result<Option<String>> {
        let healed_at = elapsed();
        self.crowd.order(Mode::Prove);
        let limit = self.options.limits.recovery;
        if self.until(limit, |run| run.crowd.waiting().is_empty().then_some(()))?.is_none() {
            let waiting = self.crowd.waiting();
            return Ok(Some(format!(
                "{limit:?} after the last fault clients {waiting:?} had no write answered; {}",
                self.states()
            )));
        }
        self.report.recovered_after_ms = Some((elapsed() - healed_at).as_millis());
        self.crowd.order(Mode::Work);
        time::pause(self.options.limits.calm)?;
        Ok(None)
    }

    /// Nobody asks for anything new, and all nodes come to be equally far.
    fn agree(&mut self) -> Result<Option<String>> {
        self.crowd.order(Mode::Rest);
        time::pause(self.options.limits.rest)?;
        let limit = self.options.limits.agreement;
        let members = self.stage.members();
        let agreed = self.until(limit, |run| run.are_equal(&members).then_some(()))?;
        Ok(agreed.is_none().then(|| format!("no agreement within {limit:?}: {}", self.states())))
    }

    fn read_all(&mut self) -> Result<Option<String>> {
        let members = self.stage.members();
        let count = members.len() as u64;
        self.crowd.order_verification(members);
        let limit = self.options.limits.reading;
        let read = self.until(limit, |run| (run.crowd.verified() == count).then_some(()))?;
        Ok(read.is_none().then(|| {
            format!("within {limit:?} everything was read on {} of {count} nodes", self.crowd.verified())
        }))
    }

    /// The checks, and what they are about.
    fn finish(self) -> Result<Evidence> {
        let Self { stage, crowd, report, .. } = self;
        let findings = crowd.dismiss()?;
        report.violations.extend(findings.violations);
        report.violations.extend(stage.complaints);
        report.totals = findings.totals;
        report.series = findings.series;
        report.frames = stage.world.switch.total();
        let read = |node: &crate::node::Node| {
            (
                node.host.0,
                String::from_utf8_lossy(&std::fs::read(node.log()).unwrap_or_default()).into_owned(),
            )
        };
        Ok(Evidence { history: findings.history, logs: stage.world.nodes().map(read).collect() })
    }

    fn are_equal(&self, members: &[HostId]) -> bool {
        let nodes = self.stage.world.nodes().filter(|node| members.contains(&node.host));
        let states: Vec<_> = nodes.map(|node| node.srvr()).collect();
        let leaders =
            states.iter().flatten().filter(|state| state.mode == "leader" || state.mode == "standalone");
        leaders.count() == 1
            && states
                .iter()
                .all(|state| state.as_ref().map(|it| it.zxid) == states[0].as_ref().map(|it| it.zxid))
    }

    fn states(&self) -> String {
        let state = |node: &crate::node::Node| match (node.is_up(), node.srvr()) {
            (false, _) => format!("node {} is down", node.host.0),
            (true, None) => format!("node {} does not serve", node.host.0),
            (true, Some(srvr)) => format!("node {} is {} at {:#x}", node.host.0, srvr.mode, srvr.zxid),
        };
        self.stage.world.nodes().map(state).collect::<Vec<_>>().join(", ")
    }

    fn until(&mut self, limit: Duration, done: impl Fn(&Self) -> Option<()>) -> Result<Option<()>> {
        time::wait_for(limit, || {
            self.stage.look_after_nodes()?;
            anyhow::ensure!(self.crowd.is_alive(), "a client panicked");
            Ok(done(self))
        })
    }

    fn mark(&mut self, name: &'static str) {
        let until_ms = (elapsed() - self.origin).as_millis();
        let from_ms = self.report.phases.last().map_or(0, |last| last.until_ms);
        eprintln!("  {:7.1} s  {name} is over", until_ms as f64 / 1000.0);
        self.report.phases.push(Phase { name: name.into(), from_ms, until_ms });
    }
}
