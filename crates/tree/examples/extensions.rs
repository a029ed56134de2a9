//! Measures what the limits of the extensions rest on: deleting as many znodes as one operation may, and pages of a large
//! directory.
//!
//! `cargo run --release -p quorate-tree --example extensions`

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use tree::{
    Acl, Command, Create, CreateMode, DeleteRecursive, Extent, Operation, Owner, Permissions, Reply,
    SessionId, Tree, WatchKind, WatchTable, WatcherId,
};

/// Znodes besides those that are measured, so that caches hold no more than in life.
const OTHERS: usize = 500_000;
const ROUNDS: usize = 40;
const DIRECTORY: usize = 200_000;

fn main() {
    let mut tree = Tree::new();
    create(&mut tree, "/others");
    for number in 0..OTHERS {
        create(&mut tree, &format!("/others/{number:09}"));
    }
    let flat = |root: &str| (0..4_999).map(|n| format!("{root}/node-{n:015}")).collect::<Vec<_>>();
    let wide = |root: &str| family(root, 9, 10, 54);
    // As many znodes, whose paths fill what is allowed.
    let deep = |root: &str| {
        let mut paths: Vec<_> = (1..=43).map(|depth| format!("{root}{}", "/d".repeat(depth))).collect();
        let bottom = paths[42].clone();
        paths.extend((0..4_950).map(|n| format!("{bottom}/{n:06}")));
        paths
    };
    let chain =
        |root: &str| (1..718).map(|depth| format!("{root}{}", "/d".repeat(depth))).collect::<Vec<_>>();
    measure(&mut tree, "one directory", &flat, false);
    measure(&mut tree, "a tree", &wide, false);
    measure(&mut tree, "43 deep", &deep, false);
    measure(&mut tree, "a chain", &chain, false);
    measure(&mut tree, "a tree, watched", &wide, true);
    for (node, data) in [("", ""), ("/zookeeper_limits", "count=-1,bytes=-1"), ("/zookeeper_stats", "")] {
        create_with(&mut tree, &format!("/zookeeper/quota/family{node}"), data.as_bytes());
    }
    measure(&mut tree, "with a quota", &wide, false);
    measure(&mut tree, "quota and watch", &wide, true);
    measure(&mut tree, "the same, 43 deep", &deep, true);
    measure(&mut tree, "the same, a chain", &chain, true);
    pages(&mut tree);
}

/// `tops` znodes with `middles` each, with `leaves` each.
fn family(root: &str, tops: usize, middles: usize, leaves: usize) -> Vec<String> {
    let mut paths = Vec::new();
    for top in 0..tops {
        paths.push(format!("{root}/top-{top}"));
        for middle in 0..middles {
            paths.push(format!("{root}/top-{top}/middle-{middle}"));
            let leaf = |leaf| format!("{root}/top-{top}/middle-{middle}/leaf-{leaf:04}");
            paths.extend((0..leaves).map(leaf));
        }
    }
    paths
}

fn measure(tree: &mut Tree, name: &str, paths: &dyn Fn(&str) -> Vec<String>, is_watched: bool) {
    let mut watches = WatchTable::new();
    if is_watched {
        (0..10).for_each(|who| watches.register("/family", WatchKind::PersistentRecursive, WatcherId(who)));
    }
    let (mut took, mut count) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        create(tree, "/family");
        paths("/family").iter().for_each(|path| create(tree, path));
        let delete = DeleteRecursive { path: "/family".into(), version: -1, limit: Extent::MAX };
        let command = command(Operation::DeleteRecursive(delete));
        let at = Instant::now();
        let outcome = tree.apply(&command, 1);
        let mut fired = 0_u64;
        if is_watched {
            outcome.triggers.iter().for_each(|trigger| watches.fire(trigger, |_, _| fired += 1));
        }
        let Ok(Reply::DeletedAll { znodes }) = outcome.result else { panic!("{name}: {:?}", outcome.result) };
        drop(outcome);
        took.push(at.elapsed());
        count = znodes;
        assert_eq!(is_watched, fired > 0);
    }
    let Spread { fastest, median, slowest } = Spread::of(took);
    let each = fastest.as_nanos() as f64 / f64::from(count);
    println!(
        "delete {name:<18} {count:>6} znodes, fastest {fastest:?} ({each:.0} ns each), median {median:?}, slowest {slowest:?}"
    );
}

/// On a machine with other work the fastest tells what it costs.
struct Spread {
    fastest: Duration,
    median: Duration,
    slowest: Duration,
}

impl Spread {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self { fastest: took[0], median: took[took.len() / 2], slowest: took[took.len() - 1] }
    }
}

fn pages(tree: &mut Tree) {
    create(tree, "/large");
    (0..DIRECTORY).for_each(|number| create(tree, &format!("/large/node-{:015}", scattered(number))));
    let (names, _) = tree.children("/large", &[]).expect("it was created above");
    for (what, with_data) in [("names", false), ("data", true)] {
        for size in [100, 1_000, 10_000] {
            let mut took = Vec::new();
            for round in 0..100 {
                let after = format!("node-{:015}", scattered(round));
                let at = Instant::now();
                let bytes: usize = if with_data {
                    let nodes = names.nodes_after(&after, &[]).take(size);
                    nodes
                        .map(|child| child.node.and_then(|node| node.data).map_or(0, |data| data.len()))
                        .sum()
                } else {
                    names.iter_after(&after).take(size).map(str::len).sum()
                };
                assert!(bytes > 0);
                took.push(at.elapsed());
            }
            let Spread { fastest, median, slowest } = Spread::of(took);
            println!(
                "page of {size:>6} {what:<6} fastest {fastest:?}, median {median:?}, slowest {slowest:?}"
            );
        }
    }
}

fn scattered(number: usize) -> usize {
    number.wrapping_mul(7_368_787) % DIRECTORY
}

fn create(tree: &mut Tree, path: &str) {
    create_with(tree, path, &[7; 100]);
}

fn create_with(tree: &mut Tree, path: &str, data: &[u8]) {
    let operation = Operation::Create(Create {
        path: path.into(),
        data: Some(Bytes::copy_from_slice(data)),
        acl: vec![Acl::anyone(Permissions::ALL)],
        mode: CreateMode::Persistent,
        want_stat: false,
    });
    let outcome = tree.apply(&command(operation), 1);
    assert!(outcome.result.is_ok(), "{path}: {outcome:?}");
}

fn command(operation: Operation) -> Command {
    let (session, origin) = (SessionId::NONE, Owner::default());
    Command { session, origin, identities: vec![], enforce_quotas: false, operation }
}
