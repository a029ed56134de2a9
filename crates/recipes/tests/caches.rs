//! Caches become what the tree is, and tell of nothing that was not.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode, Node};
use recipes::cache::{Cache, CacheError, Change, Changes, Options, Scope};
use world::{Dice, World, create, delete_tree};

/// What a listener makes of what it is told.
struct Follower {
    changes: Changes,
    content: BTreeMap<Arc<str>, Node>,
    /// The newest state of each path that was told of.
    newest: BTreeMap<Arc<str>, (i64, i64)>,
    is_initialized: bool,
}

impl Follower {
    fn new(cache: &Cache) -> Self {
        let (content, newest) = Default::default();
        Self { changes: cache.changes(), content, newest, is_initialized: false }
    }

    /// Takes what there is to be told.
    async fn take(&mut self, world: &World, slowly: bool) {
        let patience = Duration::from_millis(if slowly { 0 } else { 1 });
        while let Ok(Some(change)) =
            world.ensemble.runtime().clock.timeout(patience, self.changes.next()).await
        {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Created { path, node } => {
                self.see(&path, &node);
                assert_eq!(self.content.insert(path, node), None);
            }
            Change::Changed { path, old, new } => {
                self.see(&path, &new);
                assert!(new.stat.version > old.stat.version && new.stat.czxid == old.stat.czxid);
                let before = self.content.insert(path, new);
                assert_eq!(before.map(told), Some(told(old)));
            }
            Change::Deleted { path, old } => {
                let before = self.content.remove(&path);
                assert_eq!(before.map(told), Some(told(old)));
            }
            Change::Initialized => assert!(!std::mem::replace(&mut self.is_initialized, true)),
        }
    }

    /// No state is told of twice, nor an older one after a newer.
    fn see(&mut self, path: &Arc<str>, node: &Node) {
        let state = (node.stat.czxid, node.stat.mzxid);
        let before = self.newest.insert(Arc::clone(path), state);
        assert!(before < Some(state), "{path}: {before:?}, then {state:?}");
    }
}

/// What listeners are told of a znode.
fn told(node: Node) -> (Option<Vec<u8>>, i64, i64, i32) {
    (node.data.map(|data| data.to_vec()), node.stat.czxid, node.stat.mzxid, node.stat.version)
}

type Content = BTreeMap<String, (Option<Vec<u8>>, i64, i64, i32)>;

fn content<'a>(all: impl IntoIterator<Item = (&'a Arc<str>, &'a Node)>) -> Content {
    all.into_iter().map(|(path, node)| (path.to_string(), told(node.clone()))).collect()
}

/// What a cache of this scope should hold, from the tree itself.
async fn truth(client: &Client, path: &str, scope: Scope) -> Content {
    let mut found = Content::new();
    let mut due = vec![(path.to_owned(), 0)];
    while let Some((at, depth)) = due.pop() {
        let Ok(node) = client.get(&at).await else { continue };
        if scope != Scope::Children || depth == 1 {
            found.insert(at.clone(), told(node));
        }
        let depth_max = match scope {
            Scope::Node => 0,
            Scope::Children => 1,
            Scope::Tree => u32::MAX,
        };
        if depth < depth_max {
            let (names, _) = client.children(&at).await.unwrap();
            due.extend(names.iter().map(|name| (format!("{at}/{name}"), depth + 1)));
        }
    }
    found
}

const PATHS: [&str; 9] = ["/c", "/c/a", "/c/b", "/c/a-a", "/c/a/x", "/c/a/y", "/c/b/x", "/c/a/x/1", "/other"];

/// One random write; its data is like no other's.
async fn write(client: &Client, dice: &Dice, number: &mut u64, written: &mut BTreeSet<(String, Vec<u8>)>) {
    let path = dice.pick(&PATHS);
    *number += 1;
    let data = number.to_string().into_bytes();
    written.insert((path.to_owned(), data.clone()));
    // Many of them fail, since the znode is there or is not.
    match dice.below(10) {
        0..=3 => drop(client.create(path, Some(&data), &Acl::open(), CreateMode::Persistent).await),
        4..=6 => drop(client.set(path, Some(&data), AnyVersion).await),
        7 => drop(client.delete(path, AnyVersion).await),
        8 => {
            let _ = client.delete(path, AnyVersion).await;
            let _ = client.create(path, Some(&data), &Acl::open(), CreateMode::Persistent).await;
        }
        _ if dice.below(4) == 0 => drop(client.delete_recursive(path, AnyVersion).await),
        _ => {}
    }
}

async fn history(seed: u64) {
    let mut world = World::start(2, seed);
    let (here, there) = (world.ensemble.host(), world.ensemble.host());
    let sessions = world.sessions(&here).await;
    let writer = world.sessions(&there).await;
    let mut caches = Vec::new();
    for scope in [Scope::Node, Scope::Children, Scope::Tree] {
        for one_watch in [true, false] {
            let options = Options { scope, one_watch, ..Options::default() };
            let cache = Cache::open(&sessions, "/c", options).await.unwrap();
            let follower = Follower::new(&cache);
            caches.push((options, cache, follower));
        }
    }
    let (mut number, mut written) = (0, BTreeSet::new());
    for _quiet in 0..4 {
        for _ in 0..12 {
            for _ in 0..world.dice.below(8) {
                let client = writer.client().await.unwrap();
                if world.dice.below(3) == 0 {
                    // Without waiting for the answer.
                    let _ = futures::poll!(Box::pin(write(&client, &world.dice, &mut number, &mut written)));
                } else {
                    write(&client, &world.dice, &mut number, &mut written).await;
                }
            }
            match world.dice.below(3) {
                0 => world.disturb(&here, &sessions).await,
                1 => world.disturb(&there, &writer).await,
                _ => {}
            }
            let slowly = world.dice.below(2) == 0;
            for (_, _, follower) in &mut caches {
                follower.take(&world, slowly).await;
            }
        }
        world.pause(60).await;
        let witness = world.witness().await;
        for (options, cache, follower) in &mut caches {
            follower.take(&world, false).await;
            let held = cache.all();
            let held = content(held.iter().map(|(path, node)| (path, node)));
            assert_eq!(held, truth(&witness, "/c", options.scope).await, "seed {seed}, {options:?}");
            assert_eq!(held, content(&follower.content), "seed {seed}, {options:?}");
            assert!(follower.is_initialized && cache.failure().is_none());
            for (path, (data, ..)) in held {
                assert!(written.contains(&(path, data.unwrap_or_default())));
            }
        }
    }
}

#[test]
fn caches_become_what_the_tree_is_whatever_happens_to_connections_and_sessions() {
    for seed in 0..60 {
        embedded::run(history(seed));
    }
}

#[test]
fn a_cache_tells_what_is_there_and_then_what_changes() {
    embedded::run(async {
        let world = World::start(1, 1);
        let host = world.ensemble.host();
        let sessions = world.sessions(&host).await;
        let client = world.witness().await;
        create(&client, "/a", b"1").await;
        create(&client, "/a/b", b"2").await;
        let cache = Cache::open(&sessions, "/a", Scope::Tree).await.unwrap();
        cache.complete().await.unwrap();
        assert_eq!(cache.get("/a/b").unwrap().data.unwrap().as_ref(), b"2");
        assert_eq!(cache.children("/a"), ["b"]);
        let mut changes = cache.changes();
        let names = |change: Option<Change>| match change.unwrap() {
            Change::Created { path, .. } => format!("+{path}"),
            Change::Changed { path, .. } => format!("*{path}"),
            Change::Deleted { path, .. } => format!("-{path}"),
            Change::Initialized => "!".to_owned(),
        };
        for expected in ["+/a", "+/a/b", "!"] {
            assert_eq!(names(changes.next().await), expected);
        }
        client.set("/a", Some(b"3"), AnyVersion).await.unwrap();
        assert_eq!(names(changes.next().await), "*/a");
        delete_tree(&client, "/a").await;
        assert_eq!(names(changes.next().await), "-/a/b");
        assert_eq!(names(changes.next().await), "-/a");
        drop(cache);
    });
}

#[test]
fn a_cache_takes_no_more_memory_than_it_may() {
    embedded::run(async {
        let world = World::start(1, 1);
        let sessions = world.sessions(&world.ensemble.host()).await;
        let client = world.witness().await;
        create(&client, "/a", &[7; 600]).await;
        let options = Options { bytes_max: 2000, ..Options::default() };
        let cache = Cache::open(&sessions, "/a", options).await.unwrap();
        let thin = Cache::open(&sessions, "/a", Options { keep_data: false, ..options }).await.unwrap();
        cache.complete().await.unwrap();
        let mut changes = cache.changes();
        create(&client, "/a/b", &[7; 600]).await;
        create(&client, "/a/c", &[7; 600]).await;
        world.pause(5).await;
        assert!(matches!(cache.failure(), Some(CacheError::TooLarge { bytes_max: 2000, .. })));
        assert!(cache.complete().await.is_err());
        while changes.next().await.is_some() {}
        assert_eq!((thin.failure(), thin.len()), (None, 3));
        assert_eq!(thin.get("/a/b").map(|node| (node.data, node.stat.data_length)), Some((None, 600)));
    });
}

#[test]
fn a_cache_ends_with_its_sessions() {
    embedded::run(async {
        let world = World::start(1, 1);
        let sessions = world.sessions(&world.ensemble.host()).await;
        let cache = Cache::open(&sessions, "/a", Scope::Node).await.unwrap();
        cache.complete().await.unwrap();
        let mut changes = cache.changes();
        sessions.close().await.unwrap();
        assert_eq!(changes.next().await, Some(Change::Initialized));
        assert_eq!(changes.next().await, None);
        assert!(matches!(cache.failure(), Some(CacheError::Client(_))));
    });
}

/// On a machine with several processors, events and answers reach the cache while it looks at others.
#[test]
fn on_several_threads_a_cache_follows_znodes_that_come_and_go_as_fast_as_they_can() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::start(1, 1);
        let sessions = world.sessions(&world.ensemble.host()).await;
        let client = world.witness().await;
        create(&client, "/c", b"").await;
        let cache = Cache::open(&sessions, "/c", Scope::Tree).await.unwrap();
        let mut follower = Follower::new(&cache);
        let acl = Acl::open();
        for number in 0..1500_u32 {
            let data = number.to_string().into_bytes();
            let path = format!("/c/{}", number % 3);
            let made = client.create(&path, Some(&data), &acl, CreateMode::Persistent);
            let (set, gone) = (client.set(&path, Some(&data), AnyVersion), client.delete(&path, AnyVersion));
            // All at once, so that answers and events come in heaps.
            let (made, set, gone) = futures::join!(made, set, gone);
            assert!(made.is_ok() && set.is_ok() && gone.is_ok());
            if number % 50 == 0 {
                follower.take(&world, true).await;
            }
        }
        create(&client, "/c/last", b"x").await;
        let clock = world.ensemble.runtime().clock.clone();
        let caught_up = async {
            while cache.get("/c/last").is_none() || cache.len() > 2 {
                clock.sleep(Duration::from_millis(5)).await;
            }
        };
        clock.timeout(Duration::from_secs(20), caught_up).await.unwrap();
        follower.take(&world, false).await;
        let held = cache.all();
        let held = content(held.iter().map(|(path, node)| (path, node)));
        assert_eq!(held, truth(&client, "/c", Scope::Tree).await);
        assert_eq!(held, content(&follower.content));
    });
}
