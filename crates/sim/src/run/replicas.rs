//! Are all replicas the same?

use crate::world::{Phase, World};

/// What one replica is like.
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
    let mut replicas = Vec::new();
    for machine in world.machines() {
        let Some(view) = machine.view() else {
            return Some(format!("node {} is {}", machine.number, word(&machine.phase.borrow())));
        };
        let status = view.group.status();
        replicas.push(Replica {
            node: machine.number,
            leader: status.leadership.leader.map(|leader| leader.0),
            term: status.leadership.term,
            applied: status.applied_index,
            zxid: view.control.zxid().0,
        });
    }
    let first = replicas.first()?;
    let same = |other: &Replica| Replica { node: first.node, ..other.clone() } == *first;
    (first.leader.is_none() || !replicas.iter().all(same)).then(|| format!("replicas differ: {replicas:?}"))
}

/// How the contents of replicas that are equally far differ, if they do.
pub(super) fn different(world: &World) -> Option<String> {
    let digest = |view: crate::world::View| view.control.digest();
    let digests: Vec<(u64, Option<u64>)> =
        world.machines().map(|machine| (machine.number, machine.view().map(digest))).collect();
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
