//! Nodes that come and go for good.

use std::time::Duration;

use anyhow::Result;

use super::trouble::Trouble;
use super::{Bite, Fault, Kill, Partition, Pause, Shape, Stage, Who, operator};
use crate::net::HostId;
use crate::node::Request;
use crate::time;

/// What becomes of the members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A new node joins as a voter.
    Grow,
    /// A new node joins as an observer, and is then let vote.
    GrowByObserver,
    /// A voter observes, and votes again.
    Demote,
    /// A node is taken out while it runs.
    Shrink,
    /// A node is lost with its disk, and another joins in its place: half of the time before the lost one is taken out.
    Replace,
}

/// What happens in the middle of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// kill -9 of the leader.
    KillLeader,
    /// kill -9 of the node that the change is about.
    KillSubject,
    /// The leader is cut off from the other nodes.
    IsolateLeader,
    /// The node that the change is about is cut off from the other nodes.
    IsolateSubject,
    /// SIGSTOP of the leader.
    PauseLeader,
}

impl Disturbance {
    fn fault(self, subject: HostId) -> Option<Box<dyn Fault>> {
        Some(match self {
            Disturbance::None => return None,
            Disturbance::KillLeader => Box::new(Kill::new(Who::Leader)),
            Disturbance::KillSubject => Box::new(Kill::new(Who::Host(subject))),
            Disturbance::IsolateLeader => Box::new(Partition::new(Shape::Isolate(Who::Leader))),
            Disturbance::IsolateSubject => Box::new(Partition::new(Shape::Isolate(Who::Host(subject)))),
            Disturbance::PauseLeader => Box::new(Pause::new(Who::Leader)),
        })
    }
}

/// Members change, and something goes wrong in the middle of that. The change must come about nevertheless.
pub struct ChangeMembers {
    change: Change,
    disturbance: Disturbance,
    /// What was done, or why not.
    told: Vec<String>,
    is_done: bool,
}

/// The fewest voters that a cluster is left with.
const VOTERS_MIN: usize = 3;
/// How long a node that was taken out may go on answering: some reports of its sessions have to fail.
const WATCHED: Duration = Duration::from_secs(6);
/// About how long a node takes to join, and a member to change, when nothing is in the way.
const JOIN: Duration = Duration::from_millis(400);
const CHANGE: Duration = Duration::from_millis(60);

impl ChangeMembers {
    /// This change, with this in the middle of it.
    pub fn new(change: Change, disturbance: Disturbance) -> Self {
        Self { change, disturbance, told: Vec::new(), is_done: false }
    }

    fn trouble(&self, stage: &mut Stage, subject: HostId, soon: Duration) -> Trouble {
        Trouble::new(self.disturbance.fault(subject), soon, &mut stage.rng)
    }

    fn ask(&mut self, stage: &mut Stage, request: Request, mut trouble: Trouble) -> Result<()> {
        let answer = operator::ask(stage, request, &mut trouble)?;
        self.note(stage, answer.map(|()| format!("{request:?}, {}", trouble.told())));
        Ok(())
    }

    fn note(&mut self, stage: &mut Stage, answer: Result<String, String>) {
        match answer {
            Ok(told) => {
                self.is_done = true;
                self.told.push(told);
            }
            Err(why) => stage.complaints.push(why),
        }
    }

    fn grow(&mut self, stage: &mut Stage, votes: bool) -> Result<()> {
        let Some(host) = stage.world.spare() else {
            self.told.push("no host is left".into());
            return Ok(());
        };
        let mut trouble = self.trouble(stage, host, JOIN);
        let number = operator::let_in(stage, host, votes, &mut trouble)?;
        let told = |number: &u8| format!("node {number} joined, {}", trouble.told());
        self.note(stage, number.as_ref().map(told).map_err(Clone::clone));
        if let (Ok(number), false) = (number, votes) {
            let trouble = self.trouble(stage, host, CHANGE);
            self.ask(stage, Request::Promote(number), trouble)?;
        }
        Ok(())
    }

    fn demote(&mut self, stage: &mut Stage, host: HostId) -> Result<()> {
        let number = stage.world.node(host).number();
        let trouble = self.trouble(stage, host, CHANGE);
        self.ask(stage, Request::Demote(number), trouble)?;
        let trouble = self.trouble(stage, host, CHANGE);
        self.ask(stage, Request::Promote(number), trouble)
    }

    fn shrink(&mut self, stage: &mut Stage, host: HostId) -> Result<()> {
        if stage.members().len() <= VOTERS_MIN {
            self.told.push(format!("{VOTERS_MIN} nodes are left"));
            return Ok(());
        }
        stage.excused.insert(host);
        let number = stage.world.node(host).number();
        let trouble = self.trouble(stage, host, CHANGE);
        self.ask(stage, Request::Remove(number), trouble)?;
        let node = stage.world.node(host);
        let gone = || Ok(node.srvr().is_none().then_some(()));
        let since = time::elapsed();
        let serves_no_more = time::wait_for(WATCHED, gone)?.is_some();
        let after = time::elapsed() - since;
        if serves_no_more {
            self.told.push(format!("node {number} answered nobody after {after:.1?}"));
        } else {
            stage
                .complaints
                .push(format!("node {number} was taken out and still answered after {after:.1?}"));
        }
        node.retire()?;
        stage.excused.remove(&host);
        Ok(())
    }

    fn replace(&mut self, stage: &mut Stage, host: HostId) -> Result<()> {
        let lost = stage.world.node(host).number();
        stage.world.node(host).retire()?;
        if stage.flip() {
            self.grow(stage, true)?;
            let trouble = self.trouble(stage, host, CHANGE);
            self.ask(stage, Request::Remove(lost), trouble)
        } else {
            let trouble = self.trouble(stage, host, CHANGE);
            self.ask(stage, Request::Remove(lost), trouble)?;
            self.grow(stage, true)
        }
    }
}

impl Fault for ChangeMembers {
    fn name(&self) -> String {
        match self.change {
            Change::Grow => "a node joins",
            Change::GrowByObserver => "an observer joins and is promoted",
            Change::Demote => "a voter is demoted and promoted",
            Change::Shrink => "a node is taken out",
            Change::Replace => "a lost node is replaced",
        }
        .into()
    }

    fn detail(&self) -> String {
        self.told.join("; ")
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        if !stage.settle()? {
            return Ok(());
        }
        // Chosen by chance, so that now and then it is the leader.
        let subject = stage.choose(Who::Any)?.first().copied();
        match (self.change, subject) {
            (Change::Grow, _) => self.grow(stage, true),
            (Change::GrowByObserver, _) => self.grow(stage, false),
            (Change::Demote, Some(host)) => self.demote(stage, host),
            (Change::Shrink, Some(host)) => self.shrink(stage, host),
            (Change::Replace, Some(host)) => self.replace(stage, host),
            (_, None) => Ok(()),
        }
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let members = stage.members().len();
        Ok(Bite::when(self.is_done, format!("all members saw it; {members} nodes now")))
    }
}
