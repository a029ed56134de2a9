//! Snapshots taken while commands go on, against the model as it was when they began.

use proptest::prelude::*;
use tree::{ChunkLimits, Tree};

use super::agreement::assert_same_state;
use super::coverage::Coverage;
use super::script::{Step, script};
use super::{Naive, Pair};
use crate::fixture::{finish_snapshot, restore, snapshot};

/// When to freeze, and how slowly to walk.
#[derive(Clone, Debug)]
struct Plan {
    begin: prop::sample::Index,
    limits: ChunkLimits,
    /// A chunk is taken after every so many commands.
    commands_a_chunk: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    (any::<prop::sample::Index>(), 1..6usize, 1..200usize, 1..4usize).prop_map(
        |(begin, records, bytes, commands_a_chunk)| Plan {
            begin,
            limits: ChunkLimits { records, bytes },
            commands_a_chunk,
        },
    )
}

fn run(pair: &mut Pair, steps: &[Step], coverage: &mut Coverage) {
    for step in steps {
        pair.run(step, coverage);
    }
}

/// Runs the rest of a script while the snapshot that has begun is taken; gives its chunks.
fn run_with_snapshot(
    pair: &mut Pair,
    steps: &[Step],
    plan: &Plan,
    coverage: &mut Coverage,
) -> Vec<bytes::Bytes> {
    let mut chunks = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        pair.run(step, coverage);
        if at % plan.commands_a_chunk == 0 {
            chunks.extend(pair.tree.next_snapshot_chunk().map(|chunk| chunk.encode()));
        }
    }
    chunks.extend(finish_snapshot(&mut pair.tree));
    chunks
}

fn assert_restored(tree: &Tree, naive: &Naive, digest: u64) {
    assert_same_state(tree, naive);
    assert_eq!(tree.digest(), digest);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restored_replica_is_the_frozen_tree_and_stays_equal_to_the_live_one(steps in script(), plan in plan()) {
        let coverage = &mut Coverage::default();
        let mut pair = Pair::new();
        let begin = plan.begin.index(steps.len() + 1);
        run(&mut pair, &steps[..begin], coverage);
        let (frozen, digest, counters) = (pair.naive.clone(), pair.tree.digest(), pair.tree.counters());
        pair.tree.begin_snapshot(plan.limits).unwrap();
        let chunks = run_with_snapshot(&mut pair, &steps[begin..], &plan, coverage);
        let mut follower = Pair { tree: restore(&chunks).unwrap(), naive: frozen };
        assert_restored(&follower.tree, &follower.naive, digest);
        prop_assert_eq!(follower.tree.counters(), counters, "counted anew and counted along");
        run(&mut follower, &steps[begin..], coverage);
        assert_restored(&follower.tree, &pair.naive, pair.tree.digest());
        prop_assert_eq!(follower.tree.counters(), pair.tree.counters());
        prop_assert_eq!(snapshot(&mut follower.tree, plan.limits), snapshot(&mut pair.tree, plan.limits));
    }
}
