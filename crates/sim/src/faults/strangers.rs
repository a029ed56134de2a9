//! Nodes that come back without what they promised: with an empty disk, or an old copy of their own. Their peers must have
//! nothing to do with them; the operator removes them and lets others join in their place.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use runtime::SimDisk;
use runtime::disk::sim::Crash;
use tracing::info;

use super::{Active, Roster, Scene};
use crate::world::{End, Phase, View, World};

/// A node that comes back as a stranger.
struct Stranger {
    node: u64,
    stage: Stage,
    /// The disk that it comes back with; `None` for an empty one.
    copy: Option<Copy>,
    /// How often its supervisor starts it again while it is a stranger, and when next.
    restarts: u64,
    restart_at: Duration,
    took_part: Option<String>,
}

/// A copy of a disk.
struct Copy {
    disk: SimDisk,
    /// The last entry that the node had before it was started again: what it hears of later it hears as it was started then.
    last_index: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It works until then, and is then started again: so that its peers know that the copy is old.
    Copied(Duration),
    /// It works until then, as soon as it has heard of a leader.
    Restarted(Duration),
    /// Its leader has seen its newest start; the other voters are told until then, and must have heard of entries beyond this
    /// one.
    Known { until: Duration, committed: u64 },
    /// It is a stranger until then. What was committed at this index has to be out of its reach.
    Strange { until: Duration, committed: u64 },
    /// It was not possible.
    Given,
}

/// Long enough for what is written lazily to be on disk, and for elections to be held.
const WORKS_FOR: Duration = Duration::from_millis(1500);
/// Peers tell each other of starts twice a second.
const SPREADS_FOR: Duration = Duration::from_millis(600);
/// After so long without the others knowing, it is left at that.
const SPREADS_FOR_MAX: Duration = Duration::from_secs(5);
const STRANGE_FOR: Duration = Duration::from_secs(4);
/// A supervisor starts a node that gets nowhere again that often.
const RESTART_EVERY: Duration = Duration::from_millis(120);

impl Stranger {
    fn begin(scene: Scene<'_>, with_copy: bool) -> Option<Box<dyn Active>> {
        // Not while another fault is about to lose a node, even this one.
        scene.roster.may_change().then_some(())?;
        let may = |node: &u64| scene.roster.can_lose(scene.world, *node);
        let nodes: Vec<u64> = scene.free_nodes().into_iter().filter(may).collect();
        let node = nodes.choose(scene.rng).copied()?;
        scene.roster.spare(scene.world)?;
        let view = scene.world.machine(node).view()?;
        scene.roster.begin_loss(node);
        let copy = with_copy.then(|| Copy {
            disk: scene.world.machine(node).disk.borrow().backup(),
            last_index: view.group.status().last_index,
        });
        let now = scene.world.elapsed();
        let stage = if with_copy { Stage::Copied(now + WORKS_FOR) } else { Stage::Restarted(now) };
        Some(Box::new(Stranger {
            node,
            stage,
            copy,
            restarts: 0,
            restart_at: Duration::ZERO,
            took_part: None,
        }))
    }

    fn next(&mut self, world: &mut World, roster: &Roster) -> Stage {
        let now = world.elapsed();
        match self.stage {
            Stage::Copied(until) if now >= until => {
                let view = world.machine(self.node).view();
                if let Some((copy, view)) = self.copy.as_mut().zip(view) {
                    copy.last_index = copy.last_index.max(view.group.status().last_index);
                }
                world.end(self.node, End::Kill);
                world.start(self.node);
                Stage::Restarted(now + WORKS_FOR)
            }
            Stage::Restarted(until) if now >= until => {
                match &*std::rc::Rc::clone(world.machine(self.node)).phase.borrow() {
                    Phase::Running(view) if !self.is_known(view) => self.stage,
                    Phase::Running(view) => {
                        let committed = view.group.watermarks().committed.map_or(0, |entry| entry.index);
                        Stage::Known { until: now + SPREADS_FOR, committed }
                    }
                    Phase::Starting => self.stage,
                    _ => Stage::Given,
                }
            }
            Stage::Known { until, .. } if now > until + SPREADS_FOR_MAX => Stage::Given,
            Stage::Known { until, committed }
                if now >= until && self.others_know(world, roster, committed) =>
            {
                let may = roster.can_lose(world, self.node);
                if may { Stage::Strange { until, committed: 0 } } else { Stage::Given }
            }
            Stage::Strange { until, committed } => {
                self.look(world, committed);
                if self.restarts > 0 && now >= self.restart_at {
                    self.restarts -= 1;
                    self.restart_at = now + RESTART_EVERY;
                    super::nemesis::restart(world, self.node);
                }
                Stage::Strange { until, committed }
            }
            stage => stage,
        }
    }

    /// Whether its peers know of its newest start: a leader has told it of entries that it did not have before. (A copy of a
    /// disk whose node nobody has heard since is not known to be old.)
    fn is_known(&self, view: &View) -> bool {
        let committed = view.group.watermarks().committed.map(|entry| entry.index);
        let is_led = view.group.leadership().borrow().leader.is_some();
        is_led && self.copy.as_ref().is_none_or(|copy| committed > copy.last_index)
    }

    /// Whether all other voters are there and have heard what was committed after entry `committed`. One that was cut off since
    /// can't know that the copy is old, and nothing that it could ask.
    fn others_know(&self, world: &World, roster: &Roster, committed: u64) -> bool {
        let others = roster.voters().into_iter().filter(|voter| *voter != self.node);
        let mut views = others.map(|voter| world.machine(voter).view());
        views.all(|view| {
            let heard = view.and_then(|view| view.group.watermarks().committed);
            heard.is_some_and(|entry| entry.index > committed)
        })
    }

    /// Brings it back as a stranger.
    fn exchange(&mut self, world: &mut World) -> Stage {
        let committed = world.machines().filter_map(|machine| machine.view());
        let committed = committed.filter_map(|view| Some(view.group.watermarks().committed?.index)).max();
        world.end(self.node, End::PowerLoss(Crash::LoseUnsynced));
        let copied = self.copy.as_ref().map(|copy| (copy.disk.clone(), copy.last_index));
        let (disk, last_index) = copied.unwrap_or_else(|| (world.empty_disk(1000 + self.node), None));
        world.change_disk(self.node, disk);
        // So often that it was started more often than the node that it says to be ever was.
        self.restarts = world.machine(self.node).starts() + 1;
        self.restart_at = world.elapsed() + RESTART_EVERY;
        world.start(self.node);
        let committed = committed.unwrap_or(0).max(last_index.map_or(0, |index| index + 1));
        info!(node = self.node, committed, "comes back as a stranger");
        Stage::Strange { until: world.elapsed() + STRANGE_FOR, committed }
    }

    /// A stranger that learns what is committed was let in.
    fn look(&mut self, world: &World, committed: u64) {
        let Some(view) = world.machine(self.node).view() else { return };
        let marks = view.group.watermarks();
        if self.took_part.is_none() && marks.committed.is_some_and(|entry| entry.index >= committed) {
            let disk = if self.copy.is_some() { "an old copy of its disk" } else { "an empty disk" };
            self.took_part = Some(format!(
                "node {} came back with {disk} and was let in: it knows that {:?} is committed",
                self.node, marks.committed
            ));
        }
    }
}

impl Active for Stranger {
    fn watch_with(&mut self, world: &mut World, roster: &mut Roster, _rng: &mut StdRng) -> bool {
        self.stage = match self.next(world, roster) {
            Stage::Strange { committed: 0, .. } => self.exchange(world),
            stage => stage,
        };
        match self.stage {
            Stage::Strange { until, .. } => world.elapsed() >= until,
            Stage::Given => true,
            _ => false,
        }
    }

    fn holds_on(&self, _world: &World, _roster: &Roster) -> bool {
        true
    }

    fn complaint(&self, _world: &World) -> Option<String> {
        self.took_part.clone()
    }

    fn end(self: Box<Self>, world: &mut World, roster: &mut Roster) -> u64 {
        roster.end_loss();
        let Stage::Strange { until, .. } = self.stage else {
            if !matches!(*world.machine(self.node).phase.borrow(), Phase::Running(_) | Phase::Starting) {
                super::nemesis::restart(world, self.node);
            }
            return 0;
        };
        roster.replace(world, self.node);
        u64::from(world.elapsed() >= until && self.took_part.is_none())
    }

    fn nodes(&self) -> Vec<u64> {
        vec![self.node]
    }
}

pub(super) fn wiped_disk(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    Stranger::begin(scene, false)
}

pub(super) fn old_disk(scene: Scene<'_>) -> Option<Box<dyn Active>> {
    Stranger::begin(scene, true)
}
