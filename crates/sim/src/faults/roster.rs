//! Who is to belong to the cluster: the operator, who asks for one change after another until it is made.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use consensus::{Group, MemberChange, NodeId};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tracing::info;

use crate::world::{Host, Machine, PEER_PORT, Phase, Standing, Ticket, World};

/// A change of who belongs to the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A spare machine's node comes in, as a voter or an observer.
    Join(u64, bool),
    /// An observer votes from now on.
    Promote(u64),
    /// A voter observes from now on.
    Demote(u64),
    /// A node goes, and its machine is turned off.
    Remove(u64),
}

impl Change {
    /// The node that it is about.
    pub fn node(self) -> u64 {
        match self {
            Change::Join(node, _) | Change::Promote(node) | Change::Demote(node) | Change::Remove(node) => {
                node
            }
        }
    }

    /// Whether the node is to vote; `None` if it is to go.
    fn votes(self) -> Option<bool> {
        match self {
            Change::Join(_, votes) => Some(votes),
            Change::Promote(_) => Some(true),
            Change::Demote(_) => Some(false),
            Change::Remove(_) => None,
        }
    }
}

/// The operator.
pub struct Roster {
    /// Who belongs to the cluster, and whether they vote, once the changes before those that wait were made.
    members: BTreeMap<u64, bool>,
    waiting: VecDeque<Change>,
    asked: Option<Asked>,
    /// A node that is being lost for ever, or may be.
    losing: Option<u64>,
    /// Nothing is looked at before that.
    look_at: Duration,
    /// Nothing is asked before that.
    next_at: Duration,
    made: u64,
    rng: StdRng,
}

/// A question under way.
struct Asked {
    ticket: Ticket,
    node: u64,
    start: u64,
}

/// How often it is looked at whether a change is made.
const LOOK: Duration = Duration::from_millis(10);
/// A node that comes in is started again when it is not in after so long.
const JOINING_MAX: Duration = Duration::from_secs(8);

impl Roster {
    /// Of a cluster that nodes 1 to `founders` have founded.
    pub fn new(founders: u64, seed: u64) -> Self {
        Self {
            members: (1..=founders).map(|node| (node, true)).collect(),
            waiting: VecDeque::new(),
            asked: None,
            losing: None,
            look_at: Duration::ZERO,
            next_at: Duration::ZERO,
            made: 0,
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Changes made so far.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Whether everybody belongs who should.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether a change can be asked for that is not needed.
    pub fn may_change(&self) -> bool {
        self.is_settled() && self.losing.is_none()
    }

    /// What is being changed.
    pub fn pending(&self) -> Option<Change> {
        self.waiting.front().copied()
    }

    /// Asks for a change.
    pub fn want(&mut self, change: Change) {
        info!(?change, "wanted");
        self.waiting.push_back(change);
    }

    /// Nodes that vote, once everything asked for so far but not yet begun is left out.
    pub fn voters(&self) -> BTreeSet<u64> {
        self.of(true)
    }

    /// Nodes that observe.
    pub fn observers(&self) -> BTreeSet<u64> {
        self.of(false)
    }

    fn of(&self, votes: bool) -> BTreeSet<u64> {
        self.members.iter().filter(|(_, is)| **is == votes).map(|(node, _)| *node).collect()
    }

    /// The sets of voters of which each may have a say now: the settled ones, and those after the change under way.
    pub fn configurations(&self) -> Vec<BTreeSet<u64>> {
        let before = self.voters();
        let mut after = before.clone();
        match self.pending() {
            Some(change) if change.votes() == Some(true) => drop(after.insert(change.node())),
            Some(change) => drop(after.remove(&change.node())),
            None => {}
        }
        vec![before, after]
    }

    /// A machine for a node that the cluster has never seen.
    pub fn spare(&self, world: &World) -> Option<u64> {
        let wanted = |node: &u64| self.waiting.iter().any(|change| change.node() == *node);
        let is_spare = |machine: &&Rc<Machine>| machine.standing.get() == Standing::Spare;
        let spares = world.all_machines().values().filter(is_spare).map(|machine| machine.number);
        spares.filter(|node| !wanted(node)).min()
    }

    /// Turns a member's machine off for ever, and brings another node in for it if there is a spare machine.
    pub fn replace(&mut self, world: &mut World, node: u64) {
        let votes = self.members.get(&node).copied().unwrap_or(true);
        world.turn_off(node, Standing::Lost);
        self.want(Change::Remove(node));
        if let Some(spare) = self.spare(world) {
            self.want(Change::Join(spare, votes));
        }
    }

    /// Whether one voter can be lost for ever: the others are enough, and nothing else is changing.
    pub fn can_lose(&self, world: &World, node: u64) -> bool {
        const VOTERS_MIN: usize = 3;
        let enough = self.voters().len() >= VOTERS_MIN || self.members.get(&node) == Some(&false);
        let is_only_one = self.losing.is_none_or(|losing| losing == node);
        self.is_settled() && enough && is_only_one && self.is_agreed(world)
    }

    /// One node is about to be lost: until [`Roster::end_loss`] no other can be.
    pub fn begin_loss(&mut self, node: u64) {
        self.losing = Some(node);
    }

    /// The node was replaced, or was not lost after all.
    pub fn end_loss(&mut self) {
        self.losing = None;
    }

    /// Whether the cluster's leader sees the members that it should have, and they are committed.
    fn is_agreed(&self, world: &World) -> bool {
        every_group(world, |leader| {
            let members = leader.status().members;
            members.len() == self.members.len()
                && members.iter().all(|member| self.members.get(&member.node.0) == Some(&member.voter))
        })
    }

    /// To be called after every step of the world.
    pub fn step(&mut self, world: &mut World) {
        let Some(change) = self.pending() else { return };
        if world.elapsed() < self.look_at {
            return;
        }
        self.look_at = world.elapsed() + LOOK;
        if is_made(world, change) {
            self.on_made(world, change);
            return;
        }
        match change {
            Change::Join(node, votes) => self.bring_in(world, node, votes),
            _ => self.ask(world, change),
        }
    }

    fn on_made(&mut self, world: &mut World, change: Change) {
        info!(?change, "made");
        self.waiting.pop_front();
        self.asked = None;
        self.next_at = world.elapsed();
        self.made += 1;
        let node = change.node();
        match change.votes() {
            Some(votes) => {
                self.members.insert(node, votes);
                // As its configuration is to say when it is started again.
                world.machine(node).votes.set(votes);
            }
            None => {
                self.members.remove(&node);
                world.turn_off(node, Standing::Retired);
            }
        }
    }

    /// Starts the node; again, through another member, if it does not come in.
    fn bring_in(&mut self, world: &mut World, node: u64, votes: bool) {
        if world.elapsed() < self.next_at {
            return;
        }
        let is_new = world.machine(node).standing.get() == Standing::Spare;
        let is_up = matches!(*world.machine(node).phase.borrow(), Phase::Starting | Phase::Running(_));
        if !is_new && !is_up {
            // Whoever ended it starts it again.
            return;
        }
        let others: Vec<u64> =
            self.members.keys().copied().filter(|member| is_running(world, *member)).collect();
        let Some(contact) = others.choose(&mut self.rng).copied() else { return };
        if !is_new {
            super::nemesis::stop(world, node);
        }
        world.join(node, votes, contact);
        self.next_at = world.elapsed() + JOINING_MAX;
    }

    fn ask(&mut self, world: &World, change: Change) {
        const PAUSE_MS: std::ops::Range<u64> = 20..400;
        if let Some(asked) = &self.asked {
            let machine = world.machine(asked.node);
            let is_alive = machine.starts() == asked.start && is_running(world, asked.node);
            match asked.ticket.outcome() {
                None if is_alive => return,
                outcome => {
                    info!(?change, ?outcome, "not made yet");
                    self.asked = None;
                    self.next_at = world.elapsed() + Duration::from_millis(self.rng.random_range(PAUSE_MS));
                    return;
                }
            }
        }
        if world.elapsed() < self.next_at {
            return;
        }
        let running: Vec<u64> =
            self.members.keys().copied().filter(|node| is_running(world, *node)).collect();
        let Some(node) = running.choose(&mut self.rng).copied() else { return };
        let machine = world.machine(node);
        let about = NodeId(change.node());
        let wanted = match change {
            Change::Join(node, _) => {
                MemberChange::Add { node: about, address: format!("{}:{PEER_PORT}", Host::Node(node)) }
            }
            Change::Promote(_) => MemberChange::Promote(about),
            Change::Demote(_) => MemberChange::Demote(about),
            Change::Remove(_) => MemberChange::Remove(about),
        };
        let ticket = machine.requests.change_members(wanted);
        self.asked = Some(Asked { ticket, node, start: machine.starts() });
    }
}

fn is_running(world: &World, node: u64) -> bool {
    let machine = world.machine(node);
    machine.standing.get() == Standing::Member && machine.view().is_some()
}

/// Whether something holds of the leaders of all groups, each of whom a quorum follows. Shards follow the control plane's group.
fn every_group(world: &World, holds: impl Fn(&Group) -> bool) -> bool {
    (0..=world.settings().shards).all(|number| {
        let views = world.machines().filter_map(|machine| machine.view());
        let groups = views.flat_map(|view| view.groups().filter(|(of, _)| *of == number).collect::<Vec<_>>());
        let leading = groups.map(|(_, group)| group).filter(|group| group.leadership().borrow().is_self);
        let newest = leading.max_by_key(|group| group.leadership().borrow().term);
        newest.is_some_and(|leader| leader.leads_with_quorum() && holds(&leader))
    })
}

/// Whether a change was made, committed, and is not half done.
fn is_made(world: &World, change: Change) -> bool {
    every_group(world, |leader| {
        let marks = leader.watermarks();
        let members = leader.status().members;
        let found = members.iter().find(|member| member.node.0 == change.node());
        !marks.is_changing_voters
            && marks.members <= marks.committed
            && found.map(|member| member.voter) == change.votes()
    })
}
