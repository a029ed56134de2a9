//! Znodes that are kept are there, once, whatever happens; members see each other.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use std::time::Duration;

use client::{Acl, AnyVersion, Client, CreateMode};
use recipes::membership::{Group, Layout};
use recipes::persistent::{Options, PersistentNode, PersistentTtlNode, Rival};
use world::{World, create};

/// The znodes below `path`, and whose they are.
async fn below(client: &Client, path: &str) -> Vec<(String, i64)> {
    let Ok((mut names, _)) = client.children(path).await else { return Vec::new() };
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let stat = client.exists(&format!("{path}/{name}")).await.unwrap().unwrap();
        found.push((name, stat.ephemeral_owner));
    }
    found
}

#[test]
fn what_is_kept_is_there_once_whatever_happens() {
    for seed in 0..40 {
        embedded::run(async move {
            let mut world = World::start(2, seed);
            let host = world.ensemble.host();
            let sessions = world.sessions(&host).await;
            let witness = world.witness().await;
            let ttl = CreateMode::Ttl(Duration::from_secs(3600));
            let modes = [
                CreateMode::Ephemeral,
                CreateMode::EphemeralSequential,
                CreateMode::Persistent,
                CreateMode::PersistentSequential,
                CreateMode::Container,
                ttl,
            ];
            let mut kept = Vec::new();
            for (number, mode) in modes.into_iter().enumerate() {
                let options = Options { mode, ..Options::default() };
                let path = format!("/p/{number}/deep/n");
                kept.push(PersistentNode::keep(&sessions, &path, b"first", options).await.unwrap());
            }
            for round in 0..8 {
                world.disturb(&host, &sessions).await;
                for node in &kept {
                    if let Some(path) = node.path()
                        && world.dice.below(3) == 0
                    {
                        let _ = witness.delete(&path, AnyVersion).await;
                    }
                }
                if round == 4 {
                    for node in &kept {
                        node.set(b"second").await.unwrap();
                    }
                }
            }
            world.pause(60).await;
            let session = sessions.client().await.unwrap().session();
            for (number, node) in kept.iter().enumerate() {
                let path = node.there().await.unwrap();
                let all = below(&witness, &format!("/p/{number}/deep")).await;
                let owner = if number < 2 { session } else { 0 };
                assert_eq!(all, [(path.rsplit('/').next().unwrap().to_owned(), owner)], "seed {seed}");
                assert_eq!(
                    witness.get(&path).await.unwrap().data.unwrap().as_ref(),
                    b"second",
                    "seed {seed}"
                );
                assert_eq!(path.contains("/_c_"), number == 1 || number == 3);
            }
            for (number, node) in kept.into_iter().enumerate() {
                node.close().await.unwrap();
                assert_eq!(below(&witness, &format!("/p/{number}/deep")).await, [], "seed {seed}");
            }
        });
    }
}

#[test]
fn whoever_comes_later_waits_or_replaces() {
    embedded::run(async {
        let world = World::start(1, 1);
        let (here, there) = (world.ensemble.host(), world.ensemble.host());
        let (first, second) = (world.sessions(&here).await, world.sessions(&there).await);
        let witness = world.witness().await;
        let a = PersistentNode::keep(&first, "/n", b"a", Options::default()).await.unwrap();
        a.there().await.unwrap();
        let b = PersistentNode::keep(&second, "/n", b"b", Options::default()).await.unwrap();
        world.pause(30).await;
        assert_eq!(b.path(), None);
        assert_eq!(witness.get("/n").await.unwrap().data.unwrap().as_ref(), b"a");
        let replacing = Options { rival: Rival::Replace, ..Options::default() };
        let c = PersistentNode::keep(&second, "/n", b"c", replacing).await.unwrap();
        c.there().await.unwrap();
        world.pause(30).await;
        // The two of the second session take it for theirs; the first waits.
        assert_eq!(witness.get("/n").await.unwrap().data.unwrap().as_ref(), b"c");
        assert_eq!(a.path(), None);
        b.close().await.unwrap();
        c.close().await.unwrap();
        assert_eq!(&*a.there().await.unwrap(), "/n");
        assert_eq!(witness.get("/n").await.unwrap().data.unwrap().as_ref(), b"a");
    });
}

#[test]
fn what_can_not_be_kept_says_why() {
    embedded::run(async {
        let world = World::start(1, 1);
        let host = world.ensemble.host();
        let sessions = world.sessions(&host).await;
        create(&world.witness().await, "/a", b"").await;
        let node = PersistentNode::keep(&sessions, "/a//b", b"", Options::default()).await.unwrap();
        assert!(matches!(node.there().await.unwrap_err().kind, client::ErrorKind::BadPath(_)));
        assert!(node.set(b"").await.is_err());
        assert!(node.close().await.is_err());
    });
}

#[test]
fn a_znode_with_a_time_to_live_outlives_its_session_and_not_its_keeper() {
    embedded::run(async {
        let world = World::start(1, 1);
        let host = world.ensemble.host();
        let sessions = world.sessions(&host).await;
        let witness = world.witness().await;
        let ttl = Duration::from_secs(60);
        let node = PersistentTtlNode::keep(&sessions, "/a/t", b"x", ttl, Acl::open()).await.unwrap();
        assert_eq!(&*node.there().await.unwrap(), "/a/t");
        let first = witness.get("/a/t/touch").await.unwrap().stat;
        world.pause(100).await;
        world.expire(&sessions).await;
        world.pause(100).await;
        let later = witness.get("/a/t/touch").await.unwrap().stat;
        assert!(later.version >= first.version + 4, "{later:?}");
        assert_eq!(witness.get("/a/t").await.unwrap().data.unwrap().as_ref(), b"x");
        drop(node);
        world.pause(300).await;
        assert_eq!(witness.exists("/a/t/touch").await.unwrap(), None);
    });
}

#[test]
fn members_see_each_other_come_and_go() {
    for layout in [Layout::GroupMember, Layout::Party, Layout::ShallowParty] {
        embedded::run(async move {
            let world = World::start(2, 1);
            let (here, there) = (world.ensemble.host(), world.ensemble.host());
            let (first, second) = (world.sessions(&here).await, world.sessions(&there).await);
            let ours = Group::open(&first, "/g/members", layout).await.unwrap();
            let theirs = Group::open(&second, "/g/members", layout).await.unwrap();
            let a = ours.join("a", b"1").await.unwrap();
            let b = theirs.join("b-2", b"2").await.unwrap();
            a.there().await.unwrap();
            b.there().await.unwrap();
            world.pause(1).await;
            let ids = |group: &Group| {
                let mut ids: Vec<String> = group.members().into_iter().map(|member| member.id).collect();
                ids.sort();
                ids
            };
            assert_eq!((ids(&ours), ids(&theirs)), (vec!["a".into(), "b-2".into()], ids(&ours)));
            there.take_down();
            world.pause(30).await;
            assert_eq!(ids(&ours), ["a"]);
            there.bring_up();
            world.pause(30).await;
            assert_eq!((ids(&ours).len(), ids(&theirs).len()), (2, 2));
            if layout == Layout::GroupMember {
                assert_eq!(ours.members()[1].data, b"2");
            }
            b.close().await.unwrap();
            world.pause(1).await;
            assert_eq!(ids(&ours), ["a"]);
        });
    }
}
