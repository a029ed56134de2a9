use std::sync::Arc;

use super::*;
use crate::{Acl, AclList, EventKind, Permissions, Text, Trigger};

const A: WatcherId = WatcherId(1);
const B: WatcherId = WatcherId(2);

fn trigger(kind: EventKind, path: &str) -> Trigger {
    let acl = AclList::from_request(&[Acl::anyone(Permissions::ALL)], &[]).unwrap();
    Trigger { kind, path: Text::from(path), acl: Arc::new(acl) }
}

fn fire(table: &mut WatchTable, kind: EventKind, path: &str) -> Vec<u64> {
    let mut told = Vec::new();
    table.fire(&trigger(kind, path), |watcher, event| {
        assert_eq!((event.kind, event.path.as_str()), (kind, path));
        told.push(watcher.0);
    });
    told
}

fn table(watches: &[(&str, WatchKind, WatcherId)]) -> WatchTable {
    let mut table = WatchTable::new();
    for (path, kind, watcher) in watches {
        table.register(path, *kind, *watcher);
    }
    table
}

#[test]
fn each_event_fires_the_watches_of_its_table() {
    use EventKind::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};
    for (kind, event, fires) in [
        (WatchKind::Data, NodeCreated, true),
        (WatchKind::Data, NodeDataChanged, true),
        (WatchKind::Data, NodeDeleted, true),
        (WatchKind::Data, NodeChildrenChanged, false),
        (WatchKind::Exists, NodeCreated, true),
        (WatchKind::Exists, NodeDataChanged, true),
        (WatchKind::Exists, NodeDeleted, true),
        (WatchKind::Exists, NodeChildrenChanged, false),
        (WatchKind::Child, NodeCreated, false),
        (WatchKind::Child, NodeDataChanged, false),
        (WatchKind::Child, NodeDeleted, true),
        (WatchKind::Child, NodeChildrenChanged, true),
    ] {
        let mut table = table(&[("/n", kind, A)]);
        assert_eq!(!fire(&mut table, event, "/n").is_empty(), fires, "{kind:?} {event:?}");
        assert_eq!(table.contains("/n", kind, A), !fires, "{kind:?} {event:?}");
    }
}

#[test]
fn a_watch_fires_once() {
    let mut table = table(&[("/n", WatchKind::Data, A), ("/n", WatchKind::Data, B)]);
    assert_eq!(fire(&mut table, EventKind::NodeDataChanged, "/n"), [1, 2]);
    assert_eq!(fire(&mut table, EventKind::NodeDataChanged, "/n"), []);
    assert_eq!(table.counts(), WatchCounts::default());
}

#[test]
fn several_registrations_in_one_table_are_one_watch() {
    let mut table =
        table(&[("/n", WatchKind::Data, A), ("/n", WatchKind::Exists, A), ("/n", WatchKind::Data, A)]);
    assert_eq!(table.counts(), WatchCounts { watchers: 1, paths: 1, watches: 1 });
    assert_eq!(fire(&mut table, EventKind::NodeDeleted, "/n"), [1]);
}

#[test]
fn a_deletion_is_told_once_to_a_connection_with_all_three_watches() {
    let mut table =
        table(&[("/n", WatchKind::Data, A), ("/n", WatchKind::Exists, A), ("/n", WatchKind::Child, A)]);
    assert_eq!(table.counts(), WatchCounts { watchers: 1, paths: 1, watches: 2 });
    assert_eq!(fire(&mut table, EventKind::NodeDeleted, "/n"), [1]);
    assert_eq!(table.counts(), WatchCounts::default());
}

#[test]
fn other_paths_and_tables_keep_their_watches() {
    let mut table =
        table(&[("/n", WatchKind::Data, A), ("/n", WatchKind::Child, A), ("/m", WatchKind::Data, A)]);
    assert_eq!(fire(&mut table, EventKind::NodeDataChanged, "/n"), [1]);
    assert_eq!(table.counts(), WatchCounts { watchers: 1, paths: 2, watches: 2 });
    assert_eq!(table.paths_of(A).collect::<Vec<_>>(), ["/n", "/m"]);
}

#[test]
fn a_watcher_that_ends_takes_its_watches_with_it() {
    let mut table =
        table(&[("/n", WatchKind::Data, A), ("/m", WatchKind::Child, A), ("/n", WatchKind::Data, B)]);
    table.remove_watcher(A);
    table.remove_watcher(A);
    assert_eq!(table.counts(), WatchCounts { watchers: 1, paths: 1, watches: 1 });
    assert_eq!(table.watchers().collect::<Vec<_>>(), [B]);
    assert_eq!(fire(&mut table, EventKind::NodeDeleted, "/n"), [2]);
}

#[test]
fn one_watch_can_be_removed() {
    let mut table = table(&[("/n", WatchKind::Data, A), ("/n", WatchKind::Child, A)]);
    assert!(table.remove("/n", WatchKind::Data, A));
    assert!(!table.remove("/n", WatchKind::Data, A));
    assert!(!table.remove("/other", WatchKind::Data, A));
    assert_eq!(table.counts(), WatchCounts { watchers: 1, paths: 1, watches: 1 });
    assert_eq!(fire(&mut table, EventKind::NodeChildrenChanged, "/n"), [1]);
}

#[test]
fn a_herd_on_one_path_is_told_in_order_and_forgotten() {
    let mut table = WatchTable::new();
    for watcher in (0..10_000).rev() {
        table.register("/n", WatchKind::Data, WatcherId(watcher));
    }
    for watcher in 0..5_000 {
        table.remove_watcher(WatcherId(watcher));
    }
    assert!(fire(&mut table, EventKind::NodeDeleted, "/n").into_iter().eq(5_000..10_000));
    assert_eq!(table.counts(), WatchCounts::default());
}

mod against_a_model {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Register(u8, WatchKind, u64),
        Remove(u8, WatchKind, u64),
        RemoveWatcher(u64),
        Fire(u8, EventKind),
    }

    fn step() -> impl Strategy<Value = Step> {
        let kind = || prop_oneof![Just(WatchKind::Data), Just(WatchKind::Exists), Just(WatchKind::Child)];
        let event = prop_oneof![
            Just(EventKind::NodeCreated),
            Just(EventKind::NodeDeleted),
            Just(EventKind::NodeDataChanged),
            Just(EventKind::NodeChildrenChanged),
        ];
        prop_oneof![
            8 => (0..4u8, kind(), 0..40u64).prop_map(|(path, kind, watcher)| Step::Register(path, kind, watcher)),
            2 => (0..4u8, kind(), 0..40u64).prop_map(|(path, kind, watcher)| Step::Remove(path, kind, watcher)),
            1 => (0..40u64).prop_map(Step::RemoveWatcher),
            1 => (0..4u8, event).prop_map(|(path, event)| Step::Fire(path, event)),
        ]
    }

    /// (path, is a child watch, watcher).
    type Model = BTreeSet<(u8, bool, u64)>;

    fn fire_model(model: &mut Model, path: u8, event: EventKind) -> Vec<u64> {
        let fires = |child: bool| match event {
            EventKind::NodeDeleted => true,
            EventKind::NodeChildrenChanged => child,
            EventKind::NodeCreated | EventKind::NodeDataChanged => !child,
        };
        let fired: Model = model.iter().filter(|watch| watch.0 == path && fires(watch.1)).copied().collect();
        model.retain(|watch| !fired.contains(watch));
        fired.iter().map(|watch| watch.2).collect::<BTreeSet<_>>().into_iter().collect()
    }

    proptest! {
        #[test]
        fn a_watch_table_is_a_set_of_watches(steps in prop::collection::vec(step(), 0..400)) {
            let (mut table, mut model) = (WatchTable::new(), Model::new());
            let name = |path: u8| format!("/{path}");
            for step in steps {
                match step {
                    Step::Register(path, kind, watcher) => {
                        table.register(&name(path), kind, WatcherId(watcher));
                        model.insert((path, kind == WatchKind::Child, watcher));
                    }
                    Step::Remove(path, kind, watcher) => {
                        let removed = table.remove(&name(path), kind, WatcherId(watcher));
                        prop_assert_eq!(removed, model.remove(&(path, kind == WatchKind::Child, watcher)));
                    }
                    Step::RemoveWatcher(watcher) => {
                        table.remove_watcher(WatcherId(watcher));
                        model.retain(|watch| watch.2 != watcher);
                    }
                    Step::Fire(path, event) => {
                        prop_assert_eq!(fire(&mut table, event, &name(path)), fire_model(&mut model, path, event));
                    }
                }
                let watchers = model.iter().map(|watch| watch.2).collect::<BTreeSet<_>>();
                let paths = model.iter().map(|watch| watch.0).collect::<BTreeSet<_>>().len();
                let counts = WatchCounts { watchers: watchers.len(), paths, watches: model.len() };
                prop_assert_eq!(table.counts(), counts);
                for watcher in watchers {
                    let found: BTreeSet<_> = table.paths_of(WatcherId(watcher)).map(str::to_owned).collect();
                    let mine = model.iter().filter(|watch| watch.2 == watcher);
                    prop_assert_eq!(found, mine.map(|watch| name(watch.0)).collect());
                }
            }
        }
    }
}

#[test]
fn a_persistent_watch_tells_everything_of_its_path_until_it_is_removed() {
    use EventKind::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};
    let mut table = table(&[("/n", WatchKind::Persistent, A)]);
    for _ in 0..2 {
        for kind in [NodeCreated, NodeDataChanged, NodeChildrenChanged, NodeDeleted] {
            assert_eq!(fire(&mut table, kind, "/n"), [1], "{kind:?}");
            assert_eq!(fire(&mut table, kind, "/n/below"), [], "{kind:?}");
            assert_eq!(fire(&mut table, kind, "/"), [], "{kind:?}");
        }
    }
    assert!(table.remove("/n", WatchKind::Persistent, A));
    assert!(!table.remove("/n", WatchKind::Persistent, A));
    assert_eq!(fire(&mut table, NodeDataChanged, "/n"), []);
    assert_eq!(table.counts(), WatchCounts::default());
}

#[test]
fn a_recursive_watch_tells_of_all_below_but_not_of_lists_of_children() {
    use EventKind::{NodeChildrenChanged, NodeCreated, NodeDataChanged, NodeDeleted};
    let mut table = table(&[("/a", WatchKind::PersistentRecursive, A)]);
    for path in ["/a", "/a/b", "/a/b/c"] {
        for kind in [NodeCreated, NodeDataChanged, NodeDeleted] {
            assert_eq!(fire(&mut table, kind, path), [1], "{kind:?} {path}");
        }
        assert_eq!(fire(&mut table, NodeChildrenChanged, path), [], "{path}");
    }
    for path in ["/", "/ab", "/b/a"] {
        assert_eq!(fire(&mut table, NodeCreated, path), [], "{path}");
    }
    table.register("/", WatchKind::PersistentRecursive, B);
    assert_eq!(fire(&mut table, NodeCreated, "/a/b"), [1, 2]);
    assert_eq!(fire(&mut table, NodeDataChanged, "/"), [2]);
}

#[test]
fn however_many_watches_a_change_concerns_a_connection_hears_of_it_once() {
    let mut table = table(&[
        ("/", WatchKind::PersistentRecursive, A),
        ("/a", WatchKind::PersistentRecursive, A),
        ("/a/b", WatchKind::Persistent, A),
        ("/a/b", WatchKind::Data, A),
        ("/a/b", WatchKind::Child, A),
    ]);
    assert_eq!(table.counts(), WatchCounts { watchers: 1, paths: 3, watches: 5 });
    assert_eq!(fire(&mut table, EventKind::NodeDeleted, "/a/b"), [1]);
    assert_eq!(
        table.counts(),
        WatchCounts { watchers: 1, paths: 3, watches: 3 },
        "the one-shot ones are gone"
    );
    assert_eq!(fire(&mut table, EventKind::NodeCreated, "/a/b"), [1]);
}

#[test]
fn a_connection_that_ends_takes_all_its_watches_along() {
    let mut table = table(&[
        ("/a", WatchKind::PersistentRecursive, A),
        ("/a", WatchKind::Persistent, A),
        ("/a", WatchKind::PersistentRecursive, B),
    ]);
    table.remove_watcher(A);
    assert_eq!(fire(&mut table, EventKind::NodeCreated, "/a/b"), [2]);
    table.remove_watcher(B);
    assert_eq!(table.counts(), WatchCounts::default());
    assert_eq!(fire(&mut table, EventKind::NodeCreated, "/a/b"), []);
}
