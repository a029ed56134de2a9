//! Shared values change once for each change that is said to have happened; configuration follows what makes sense.
#![allow(clippy::unwrap_used, reason = "tests")]

mod world;

use client::AnyVersion;
use recipes::cache::Scope;
use recipes::config::{Config, ConfigError, Source};
use recipes::shared::{Decimal, Int, Json, Long, Plain, Shared, SharedError};
use world::{World, create};

#[test]
fn additions_that_are_said_to_have_happened_have_and_no_others() {
    let mut unknown_of_all = 0;
    for seed in 0..40 {
        unknown_of_all += embedded::run(async move {
            let mut world = World::start(2, seed);
            let mut adders = Vec::new();
            for number in 0..3 {
                let host = world.ensemble.host();
                let sessions = world.sessions(&host).await;
                let count = Shared::open(&sessions, "/n/count", Long, 0).await.unwrap();
                adders.push((host, sessions, count, 100_i64.pow(number)));
            }
            let (mut sum, mut unknown) = (0, Vec::new());
            for _ in 0..30 {
                let at = usize::try_from(world.dice.below(3)).unwrap();
                let other = usize::try_from(world.dice.below(3)).unwrap();
                if world.dice.below(2) == 0 {
                    let (host, sessions, ..) = &adders[other];
                    world.disturb(host, sessions).await;
                }
                let outcomes =
                    futures::future::join_all([at, other].map(|at| adders[at].2.add(adders[at].3))).await;
                for (at, outcome) in [at, other].into_iter().zip(outcomes) {
                    match outcome {
                        Ok(updated) => {
                            assert_eq!(updated.after.value, updated.before + adders[at].3);
                            sum += adders[at].3;
                        }
                        Err(SharedError::Unknown { .. }) => unknown.push(adders[at].3),
                        Err(error) => panic!("seed {seed}: {error}"),
                    }
                }
            }
            world.pause(60).await;
            let value = adders[0].2.read().await.unwrap().value;
            let possible = (0..1_u32 << unknown.len()).map(|taken| {
                let chosen = unknown.iter().enumerate().filter(|(at, _)| taken & (1 << at) != 0);
                sum + chosen.map(|(_, more)| more).sum::<i64>()
            });
            assert!(
                possible.into_iter().any(|possible| possible == value),
                "seed {seed}: {value}, not {sum}"
            );
            for (.., count, _) in &adders {
                assert_eq!(count.value().unwrap().value, value);
            }
            unknown.len()
        });
    }
    // Most lost answers are found out about.
    assert!(unknown_of_all < 200, "{unknown_of_all}");
}

#[test]
fn values_are_set_by_version_and_seen_by_others() {
    embedded::run(async {
        let world = World::start(1, 1);
        let (here, there) = (world.ensemble.host(), world.ensemble.host());
        let (first, second) = (world.sessions(&here).await, world.sessions(&there).await);
        let ours = Shared::open(&first, "/v", Plain, b"seed".to_vec()).await.unwrap();
        let theirs = Shared::open(&second, "/v", Plain, b"other".to_vec()).await.unwrap();
        let seen = theirs.value().unwrap();
        assert_eq!((seen.value.as_slice(), seen.version), (&b"seed"[..], 0));
        assert_eq!(theirs.try_set(0, &b"a".to_vec()).await.unwrap().unwrap().version, 1);
        assert_eq!(ours.try_set(0, &b"b".to_vec()).await.unwrap(), None);
        assert_eq!(ours.set(&b"c".to_vec()).await.unwrap(), 2);
        world.pause(1).await;
        assert_eq!(theirs.value().unwrap().value, b"c");
        world.witness().await.delete("/v", AnyVersion).await.unwrap();
        world.pause(1).await;
        assert_eq!((ours.value().unwrap().version, ours.value().unwrap().value), (-1, b"seed".to_vec()));
        assert_eq!(ours.update(|value| [value, &b"!"[..]].concat()).await.unwrap().after.value, b"seed!");
    });
}

#[test]
fn numbers_of_other_clients_are_understood_and_nonsense_is_told() {
    embedded::run(async {
        let world = World::start(1, 1);
        let host = world.ensemble.host();
        let sessions = world.sessions(&host).await;
        let client = world.witness().await;
        create(&client, "/kazoo", b"").await;
        let kazoo = Shared::open(&sessions, "/kazoo", Decimal, 5).await.unwrap();
        assert_eq!(kazoo.add(-7).await.unwrap().after.value, -2);
        assert_eq!(client.get("/kazoo").await.unwrap().data.unwrap().as_ref(), b"-2");
        let count = Shared::open(&sessions, "/count", Int, i32::MAX).await.unwrap();
        assert!(matches!(count.add(1).await, Err(SharedError::Overflow { .. })));
        client.set("/count", Some(b"x"), AnyVersion).await.unwrap();
        assert!(matches!(count.add(1).await, Err(SharedError::BadData { .. })));
        let json =
            Shared::open(&sessions, "/json", Json::<Vec<String>>::default(), Vec::new()).await.unwrap();
        json.update(|all| [&all[..], &["a".to_owned()]].concat()).await.unwrap();
        assert_eq!(client.get("/json").await.unwrap().data.unwrap().as_ref(), b"[\"a\"]");
    });
}

#[test]
fn configuration_follows_what_makes_sense_and_keeps_it_otherwise() {
    embedded::run(async {
        let world = World::start(2, 1);
        let host = world.ensemble.host();
        let sessions = world.sessions(&host).await;
        let client = world.witness().await;
        let limit = |source: &Source| -> Result<u32, String> {
            let text = source.get("limit").ok_or("there is no limit")?;
            let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
            text.parse().map_err(|_| format!("{text:?} is no limit"))
        };
        let nothing = Config::open(&sessions, "/config", Scope::Tree, limit).await;
        assert!(matches!(nothing, Err(ConfigError::Nonsense { .. })));
        create(&client, "/config", b"").await;
        create(&client, "/config/limit", b"10").await;
        let mut config = Config::open(&sessions, "/config", Scope::Tree, limit).await.unwrap();
        assert_eq!(*config.current(), 10);
        client.set("/config/limit", Some(b"20"), AnyVersion).await.unwrap();
        config.changed().await;
        assert_eq!((*config.current(), config.problem()), (20, None));
        client.set("/config/limit", Some(b"many"), AnyVersion).await.unwrap();
        config.changed().await;
        assert!(config.problem().unwrap().to_string().contains("\"many\" is no limit"));
        assert_eq!(*config.current(), 20);
        host.take_down();
        client.set("/config/limit", Some(b"30"), AnyVersion).await.unwrap();
        world.pause(60).await;
        assert_eq!(*config.current(), 20);
        host.bring_up();
        config.changed().await;
        assert_eq!((*config.current(), config.problem()), (30, None));
        sessions.close().await.unwrap();
        config.changed().await;
        assert!(matches!(config.problem(), Some(ConfigError::Cache(_))));
    });
}
