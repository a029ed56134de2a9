//! What calls give, and how they fail.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use client::{Acl, AnyVersion, CreateMode, Effect, ErrorKind, Identity, Options, PartAnswer, Transaction};
use embedded::{Ensemble, run};
use futures::future::join_all;
use support::{connect, connect_with};

#[test]
fn znodes_are_made_read_changed_and_deleted() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        let (path, made) =
            client.create("/a", Some(b"x"), &Acl::open(), CreateMode::Persistent).await.unwrap();
        assert_eq!((path.as_str(), made.version, made.data_length), ("/a", 0, 1));
        let node = client.get("/a").await.unwrap();
        assert_eq!((node.data.as_deref(), node.stat), (Some(&b"x"[..]), made));
        assert_eq!(client.set("/a", None, 0).await.unwrap().version, 1);
        assert_eq!(client.get("/a").await.unwrap().data, None);
        let (path, _) =
            client.create("/a/s-", Some(b""), &Acl::open(), CreateMode::EphemeralSequential).await.unwrap();
        assert_eq!(path, "/a/s-0000000000");
        let (names, stat) = client.children("/a").await.unwrap();
        assert_eq!((names, stat.children), (vec!["s-0000000000".to_owned()], 1));
        client.set_acl("/a", &["world:anyone:rda".parse().unwrap()], 0).await.unwrap();
        assert_eq!(client.acl("/a").await.unwrap().0[0].to_string(), "world:anyone:dra");
        client.delete("/a/s-0000000000", AnyVersion).await.unwrap();
        client.delete("/a", 1).await.unwrap();
        assert_eq!(client.exists("/a").await.unwrap(), None);
    });
}

#[test]
fn a_failure_says_what_happened_where() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1").await;
        client.create("/a", None, &Acl::open(), CreateMode::Persistent).await.unwrap();
        let error = client.set("/a", None, 7).await.unwrap_err();
        assert_eq!(
            (&error.kind, error.effect, error.path.as_deref()),
            (&ErrorKind::BadVersion, Effect::None, Some("/a"))
        );
        assert_eq!(error.server.as_deref(), Some("n1:2181"));
        let text = error.to_string();
        assert!(text.starts_with("set /a at n1:2181: the znode has another version"), "{text}");
        assert_eq!(client.get("/b").await.unwrap_err().kind, ErrorKind::NoNode);
        let twice = client.create("/a", None, &Acl::open(), CreateMode::Persistent).await;
        assert_eq!(twice.unwrap_err().kind, ErrorKind::NodeExists);
        let nonsense = client.get("a//b").await.unwrap_err();
        assert!(matches!(nonsense.kind, ErrorKind::BadPath(_)), "{nonsense}");
        let large = client.set("/a", Some(&vec![0; 2 << 20]), 0).await.unwrap_err();
        assert!(matches!(large.kind, ErrorKind::TooLarge { .. }), "{large}");
        assert_eq!(world.connects(), 1, "the connection has survived all this");
    });
}

#[test]
fn a_transaction_happens_as_a_whole_or_says_which_part_did_not() {
    run(async {
        let world = Ensemble::start(1);
        let client = connect(&world, "n1/app").await;
        let root = connect(&world, "n1").await;
        root.create("/app", None, &Acl::open(), CreateMode::Persistent).await.unwrap();
        let mut good = Transaction::new();
        good.create("/a", Some(b"1"), &Acl::open(), CreateMode::Persistent).create(
            "/a/q-",
            None,
            &Acl::open(),
            CreateMode::PersistentSequential,
        );
        good.set("/a", Some(b"2"), 0).check("/a", 1).delete("/a/q-0000000000", AnyVersion);
        let answers = client.multi(&good).await.unwrap();
        assert!(
            matches!(&answers[1], PartAnswer::Created(path, _) if &**path == "/a/q-0000000000"),
            "{answers:?}"
        );
        assert!(matches!(answers[2], PartAnswer::Set(stat) if stat.version == 1));
        assert_eq!(answers[3..], [PartAnswer::Checked, PartAnswer::Deleted]);
        let mut bad = Transaction::new();
        bad.set("/a", Some(b"3"), AnyVersion).check("/a", 9).delete("/a", AnyVersion);
        let error = client.multi(&bad).await.unwrap_err();
        assert_eq!(
            (error.kind, error.part, error.path.as_deref()),
            (ErrorKind::BadVersion, Some(1), Some("/a"))
        );
        assert_eq!(client.get("/a").await.unwrap().data.as_deref(), Some(&b"2"[..]));
        assert_eq!(root.get("/app/a").await.unwrap().data.as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn many_requests_at_once_take_effect_in_their_order() {
    run(async {
        let world = Ensemble::start(1);
        let options = Options { outstanding_max: 10, ..Options::default() };
        let client = connect_with(&world, "n1", options).await;
        client.create("/n", None, &Acl::open(), CreateMode::Persistent).await.unwrap();
        let sets = (0..2000).map(|version: i32| {
            let client = client.clone();
            async move { client.set("/n", Some(&version.to_be_bytes()), version).await }
        });
        for (before, outcome) in join_all(sets).await.into_iter().enumerate() {
            assert_eq!(outcome.unwrap().version, i32::try_from(before).unwrap() + 1);
        }
    });
}

#[test]
fn what_is_too_much_to_wait_is_refused_unsent() {
    run(async {
        let world = Ensemble::start(1);
        let options = Options { outstanding_max: 1, queue_max: 2, ..Options::default() };
        let client = connect_with(&world, "n1", options).await;
        let outcomes = join_all((0..5).map(|_| client.exists("/"))).await;
        let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert_eq!(refused.len(), 3);
        assert!(
            refused
                .iter()
                .all(|error| error.kind == ErrorKind::Overloaded { max: 2 } && error.effect == Effect::None)
        );
    });
}

#[test]
fn identities_decide_what_is_permitted() {
    run(async {
        let world = Ensemble::start(1);
        let alice = Options { identities: vec![Identity::digest("alice", "secret")], ..Options::default() };
        let owner = connect_with(&world, "n1", alice).await;
        owner.create("/hers", Some(b"x"), &Acl::creator(), CreateMode::Persistent).await.unwrap();
        let stranger = connect(&world, "n1").await;
        assert_eq!(stranger.get("/hers").await.unwrap_err().kind, ErrorKind::NoAuth);
        stranger.add_identity(Identity::digest("alice", "guess")).await.unwrap();
        assert_eq!(stranger.get("/hers").await.unwrap_err().kind, ErrorKind::NoAuth);
        stranger.add_identity(Identity::digest("alice", "secret")).await.unwrap();
        assert_eq!(stranger.get("/hers").await.unwrap().data.as_deref(), Some(&b"x"[..]));
        // On the next connection, too.
        world.cut();
        assert_eq!(stranger.get("/hers").await.unwrap().data.as_deref(), Some(&b"x"[..]));
        let unknown = Identity { scheme: "unheard-of".into(), proof: vec![1] };
        let refused = stranger.add_identity(unknown).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::AuthFailed);
    });
}
