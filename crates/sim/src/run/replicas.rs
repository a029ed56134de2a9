//! Are all replicas the same?

use std::collections::BTreeMap;

use crate::world::{Phase, View, World};

/// What one replica of one group is like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Replica {
    node: u64,
    leader: Option<u64>,
    term: u64,
    applied: Option<u64>,
    zxid: i64,
}

/// Why the replicas are not all up, agreed on a leader, and equally far, if so.
pub(super) fn apart(world: &World) -> Option<String> {
    let mut groups: BTreeMap<u32, Vec<Replica>> = BTreeMap::new();
    for machine in world.machines() {
        let Some(view) = machine.view() else {
            return Some(format!("node {} is {}", machine.number, word(&machine.phase.borrow())));
        };
        for (number, group) in view.groups() {
            let status = group.status();
            groups.entry(number).or_default().push(Replica {
                node: machine.number,
                leader: status.leadership.leader.map(|leader| leader.0),
                term: status.leadership.term,
                applied: status.applied_index,
                zxid: if number == 0 { view.control.zxid().0 } else { 0 },
            });
        }
    }
    let everywhere = world.machines().count();
    groups.iter().find_map(|(number, replicas)| {
        let first = replicas.first()?;
        let same = |other: &Replica| Replica { node: first.node, ..other.clone() } == *first;
        let is_same = first.leader.is_some() && replicas.len() == everywhere && replicas.iter().all(same);
        (!is_same).then(|| format!("replicas of group {number} differ: {replicas:?}"))
    })
}

/// How the contents of replicas that are equally far differ, if they do.
pub(super) fn different(world: &World) -> Option<String> {
    let digests_of = |view: View| {
        let shards = view.shards().into_iter().map(|shard| shard.replica.read(streams::Shard::digest));
        std::iter::once(view.control.digest()).chain(shards).collect()
    };
    let digests: Vec<(u64, Option<Vec<u64>>)> =
        world.machines().map(|machine| (machine.number, machine.view().map(digests_of))).collect();
    let same = digests.windows(2).all(|pair| pair[0].1 == pair[1].1);
    (!same).then(|| format!("replicas have applied the same and are not the same: {digests:x?}"))
}

fn word(phase: &Phase) -> String {
    match phase {
        Phase::Down => "down".into(),
        Phase::Starting => "starting".into(),
        Phase::Running(_) => "running".into(),
        Phase::Failed(why) => format!("failed: {why}"),
        Phase::Stopped => "stopped".into(),
    }
}
