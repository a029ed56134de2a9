//! Links that pass nothing, for a while or now and then.

use std::time::Duration;

use anyhow::Result;

use super::stage::list;
use super::{Bite, Fault, Stage, Who};
use crate::net::{CLIENTS, HostId, Overlay, Quality, Way};
use crate::time;

/// How hosts are parted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One node from the others.
    Isolate(Who),
    /// One node from the others and from the clients.
    IsolateFromAll(Who),
    /// A minority from the rest.
    Split,
    /// Each node reaches just a majority, no two the same.
    Ring,
    /// Two halves that only one node reaches both.
    Bridge,
    /// A node that sends and is not answered.
    Deaf(Who),
    /// A node that hears and is not heard.
    Mute(Who),
    /// All nodes from each other.
    Scattered,
}

impl Shape {
    fn words(self) -> String {
        match self {
            Shape::Isolate(who) => format!("isolate {}", who.words()),
            Shape::IsolateFromAll(who) => format!("isolate {} also from clients", who.words()),
            Shape::Split => "split off a minority".into(),
            Shape::Ring => "ring of majorities".into(),
            Shape::Bridge => "bridge".into(),
            Shape::Deaf(who) => format!("{} hears nobody", who.words()),
            Shape::Mute(who) => format!("nobody hears {}", who.words()),
            Shape::Scattered => "all nodes apart".into(),
        }
    }

    /// The links to cut, and who it is about.
    fn draw(self, stage: &mut Stage) -> Result<(Vec<Way>, Vec<HostId>)> {
        let nodes = stage.shuffled();
        Ok(match self {
            Shape::Isolate(who) => {
                let chosen = stage.choose(who)?;
                (both(between(&chosen, &others(&nodes, &chosen))), chosen)
            }
            Shape::IsolateFromAll(who) => {
                let chosen = stage.choose(who)?;
                let mut rest = others(&nodes, &chosen);
                rest.push(CLIENTS);
                (both(between(&chosen, &rest)), chosen)
            }
            Shape::Split => {
                let (few, many) = nodes.split_at((nodes.len() - 1) / 2);
                (both(between(few, many)), few.to_vec())
            }
            Shape::Ring => (ring(&nodes), nodes),
            Shape::Bridge => (bridge(&nodes), nodes.first().copied().into_iter().collect()),
            Shape::Deaf(who) => {
                let chosen = stage.choose(who)?;
                (between(&others(&nodes, &chosen), &chosen), chosen)
            }
            Shape::Mute(who) => {
                let chosen = stage.choose(who)?;
                (between(&chosen, &others(&nodes, &chosen)), chosen)
            }
            Shape::Scattered => (between(&nodes, &nodes), nodes),
        })
    }
}

pub(super) fn others(all: &[HostId], but: &[HostId]) -> Vec<HostId> {
    all.iter().copied().filter(|host| !but.contains(host)).collect()
}

pub(super) fn between(from: &[HostId], to: &[HostId]) -> Vec<Way> {
    let ways = from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to)));
    ways.filter(|(from, to)| from != to).collect()
}

pub(super) fn both(mut ways: Vec<Way>) -> Vec<Way> {
    let back: Vec<Way> = ways.iter().map(|(from, to)| (*to, *from)).collect();
    ways.extend(back);
    ways
}

/// In a circle, each node keeps its nearest neighbours on both sides, just enough for a majority with itself; of three,
/// the circle is open between two, as each would reach both others.
fn ring(nodes: &[HostId]) -> Vec<Way> {
    let count = nodes.len();
    if count == 3 {
        return both(vec![(nodes[0], nodes[2])]);
    }
    let reach = (count / 2).div_ceil(2);
    let near = |one: usize, other: usize| {
        let steps = one.abs_diff(other);
        steps.min(count - steps) <= reach
    };
    let pairs = (0..count).flat_map(|one| (0..count).map(move |other| (one, other)));
    pairs.filter(|(one, other)| !near(*one, *other)).map(|(one, other)| (nodes[one], nodes[other])).collect()
}

/// The first node reaches all; the halves of the rest do not reach each other.
fn bridge(nodes: &[HostId]) -> Vec<Way> {
    let rest = nodes.get(1..).unwrap_or_default();
    let (left, right) = rest.split_at(rest.len() / 2);
    both(between(left, right))
}

/// Links that pass nothing.
pub struct Partition {
    shape: Shape,
    about: Vec<HostId>,
    overlay: Option<Overlay>,
}

impl Partition {
    /// Of this shape.
    pub fn new(shape: Shape) -> Self {
        Self { shape, about: Vec::new(), overlay: None }
    }
}

impl Fault for Partition {
    fn name(&self) -> String {
        self.shape.words()
    }

    fn detail(&self) -> String {
        list(&self.about)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        let (ways, about) = self.shape.draw(stage)?;
        self.about = about;
        self.overlay = Some(stage.world.switch.lay(cut(ways)));
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        let counts = self.overlay.take().map(|overlay| stage.world.switch.lift(&overlay)).unwrap_or_default();
        Ok(Bite::when(counts.cut > 0, format!("{} frames were eaten", counts.cut)))
    }
}

fn cut(ways: Vec<Way>) -> Vec<(Way, Quality)> {
    ways.into_iter().map(|way| (way, Quality::cut())).collect()
}

/// A node whose links to the others come and go.
pub struct Flapping {
    who: Who,
    ways: Vec<Way>,
    about: Vec<HostId>,
    overlay: Option<Overlay>,
    turn_at: Duration,
    eaten: u64,
    turns: u32,
}

impl Flapping {
    /// Of this node.
    pub fn new(who: Who) -> Self {
        let (ways, about) = (Vec::new(), Vec::new());
        Self { who, ways, about, overlay: None, turn_at: Duration::ZERO, eaten: 0, turns: 0 }
    }

    fn turn(&mut self, stage: &mut Stage) {
        match self.overlay.take() {
            Some(overlay) => self.eaten += stage.world.switch.lift(&overlay).cut,
            None => self.overlay = Some(stage.world.switch.lay(cut(self.ways.clone()))),
        }
        self.turns += 1;
        self.turn_at = time::elapsed() + Duration::from_millis(stage.pick(&[100, 200, 400, 800, 1200]));
    }
}

impl Fault for Flapping {
    fn name(&self) -> String {
        format!("flapping links of {}", self.who.words())
    }

    fn detail(&self) -> String {
        list(&self.about)
    }

    fn begin(&mut self, stage: &mut Stage) -> Result<()> {
        (self.ways, self.about) = Shape::Isolate(self.who).draw(stage)?;
        self.turn(stage);
        Ok(())
    }

    fn tick(&mut self, stage: &mut Stage) -> Result<()> {
        if time::elapsed() >= self.turn_at {
            self.turn(stage);
        }
        Ok(())
    }

    fn end(&mut self, stage: &mut Stage) -> Result<Bite> {
        if self.overlay.is_some() {
            self.turn(stage);
        }
        Ok(Bite::when(self.eaten > 0, format!("{} frames were eaten in {} turns", self.eaten, self.turns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(count: u8) -> Vec<HostId> {
        (1..=count).map(HostId).collect()
    }

    /// How many nodes a node reaches in both directions, itself among them.
    fn reached(node: HostId, nodes: &[HostId], cut: &[Way]) -> usize {
        let reaches = |other: &&HostId| !cut.contains(&(node, **other)) && !cut.contains(&(**other, node));
        nodes.iter().filter(reaches).count()
    }

    #[test]
    fn in_a_ring_each_reaches_a_majority_and_not_all_reach_all() {
        for count in [3, 4, 5, 6, 7] {
            let nodes = nodes(count);
            let cut = ring(&nodes);
            assert!(!cut.is_empty() || count == 4, "{count}");
            for node in &nodes {
                let reached = reached(*node, &nodes, &cut);
                assert!(reached > nodes.len() / 2, "{node:?} of {count} reaches {reached}");
            }
        }
    }

    #[test]
    fn a_bridge_is_the_only_one_between_the_halves() {
        let nodes = nodes(5);
        let cut = bridge(&nodes);
        assert_eq!(reached(nodes[0], &nodes, &cut), 5);
        assert!(nodes[1..].iter().all(|node| reached(*node, &nodes, &cut) == 3));
    }

    #[test]
    fn cutting_one_way_leaves_the_other() {
        let (one, rest) = (nodes(1), vec![HostId(2), HostId(3)]);
        let cut = between(&rest, &one);
        assert_eq!(cut, [(HostId(2), HostId(1)), (HostId(3), HostId(1))]);
        assert_eq!(both(cut).len(), 4);
    }
}
