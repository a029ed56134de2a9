//! What operators set: virtual hosts, users, permissions, policies, shards.

use amqp091::TableBuf;
use catalog::{
    Access, Action, ApplyTo, CatalogError, PasswordHash, PolicySpec, QueueSpec, Tag, Target, UserSpec,
    VhostSpec,
};
use runtime::SeededEntropy;

use crate::cluster::{CONNECTION, Cluster, bind, durable, name, queue, run, slash, until, with};

fn user(password: &str) -> UserSpec {
    let password = PasswordHash::new(password.as_bytes(), &SeededEntropy::new(3));
    UserSpec { password: Some(password), tags: vec![Tag::Monitoring], loopback_only: false }
}

#[test]
fn a_vhost_comes_with_its_exchanges_and_goes_with_its_queues() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        let team = name("team/a");
        assert_eq!(first.put_vhost(&team, &VhostSpec::default()).await, Ok(true));
        let described = VhostSpec { description: "of team a".to_owned(), ..VhostSpec::default() };
        assert_eq!(first.put_vhost(&team, &described).await, Ok(false));
        let made = second.declare_queue(&team, &name("q"), &durable(), CONNECTION).await.unwrap().value;
        let vhost = second.topology().vhost(b"team/a").unwrap().clone();
        assert_eq!((vhost.record.description.as_str(), vhost.exchanges().len()), ("of team a", 6));
        assert_eq!(first.delete_vhost(&team).await, Ok(vec![made]));
        assert!(first.topology().vhost(b"team/a").is_none());
        assert_eq!(first.delete_vhost(&team).await, Err(CatalogError::NoVhost(team.clone())));
        let error = second.declare_queue(&team, &name("q"), &durable(), CONNECTION).await.unwrap_err();
        assert_eq!(error, CatalogError::NoVhost(team.clone()));
        assert_eq!(first.put_vhost(&team, &VhostSpec::default()).await, Ok(true));
        assert_eq!(first.topology().vhost(b"team/a").unwrap().queue_count(), 0);
    });
}

#[test]
fn nothing_is_made_in_a_vhost_that_is_being_deleted() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        let team = name("team");
        for round in 0..20 {
            first.put_vhost(&team, &VhostSpec::default()).await.unwrap();
            second.sync().await.unwrap();
            let q = name("q");
            let spec = durable();
            let (deleted, declared) =
                tokio::join!(first.delete_vhost(&team), second.declare_queue(&team, &q, &spec, CONNECTION));
            let deleted = deleted.unwrap();
            match declared {
                Ok(declared) => assert_eq!(deleted, [declared.value], "round {round}"),
                Err(error) => assert_eq!(error, CatalogError::NoVhost(team.clone())),
            }
            until(second, |topology| topology.queue_count() == 0).await;
        }
    });
}

#[test]
fn users_have_passwords_tags_and_permissions() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        let (alice, vhost) = (name("alice"), slash());
        assert_eq!(
            first.set_permission(&vhost, &alice, "", "", "").await,
            Err(CatalogError::Unknown { what: "user", name: alice.clone() })
        );
        assert_eq!(first.put_user(&alice, &user("one")).await, Ok(true));
        assert_eq!(first.put_user(&alice, &user("two")).await, Ok(false));
        second.sync().await.unwrap();
        let found = second.topology().user(b"alice").unwrap().clone();
        assert!(found.check_password(b"two") && !found.check_password(b"one") && found.has(&Tag::Monitoring));

        let mut access = Access::new(alice.clone(), "client".to_owned());
        let refused = CatalogError::VhostRefused { vhost: vhost.clone(), user: alice.clone() };
        assert_eq!(access.enter(&first.topology(), &vhost).map(|_| ()), Err(refused));
        assert_eq!(
            first.set_permission(&vhost, &alice, "^own-", "^own-|^amq\\.default$", ".*").await,
            Ok(true)
        );
        let inside = access.enter(&first.topology(), &vhost).unwrap();
        assert_eq!(access.check(&inside, Action::Configure, Target::Queue(b"own-1")), Ok(()));
        assert_eq!(access.check(&inside, Action::Write, Target::Exchange(b"")), Ok(()));
        let error = access.check(&inside, Action::Configure, Target::Queue(b"q")).unwrap_err();
        let text = "ACCESS_REFUSED - configure access to queue 'q' in vhost '/' refused for user 'alice'";
        assert_eq!(error.reply_code().text(&error), text);

        assert_eq!(first.set_permission(&vhost, &alice, "", "", "").await, Ok(false));
        let inside = access.enter(&first.topology(), &vhost).unwrap();
        assert!(
            access.check(&inside, Action::Configure, Target::Queue(b"own-1")).is_err(),
            "what was allowed is not kept"
        );
        assert!(matches!(
            first.set_permission(&vhost, &alice, "(", "", "").await,
            Err(CatalogError::Invalid(_))
        ));
        first.delete_user(&alice).await.unwrap();
        assert!(first.topology().vhost(b"/").unwrap().permission(b"alice").is_none());
        assert!(first.delete_user(&alice).await.is_err());
    });
}

#[test]
fn routing_keys_can_be_limited() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let (guest, topic, vhost) = (name("guest"), name("amq.topic"), slash());
        let mut access = Access::new(guest.clone(), "device-7".to_owned());
        let write = |access: &mut Access, key: &str| {
            let inside = catalog.topology().vhost(b"/").unwrap().clone();
            access.check_topic(&inside, Action::Write, &name("amq.topic"), key.as_bytes())
        };
        assert_eq!(write(&mut access, "anything"), Ok(()));
        catalog.set_topic_permission(&vhost, &guest, &topic, "^{client_id}\\.", "").await.unwrap();
        assert_eq!(write(&mut access, "device-7.up"), Ok(()));
        let error = write(&mut access, "device-8.up").unwrap_err();
        let text = "ACCESS_REFUSED - write access to topic 'device-8.up' in exchange 'amq.topic' in vhost '/' refused for user 'guest'";
        assert_eq!(error.reply_code().text(&error), text);
        assert_eq!(catalog.clear_topic_permission(&vhost, &guest, None).await, Ok(true));
        assert_eq!(catalog.clear_topic_permission(&vhost, &guest, None).await, Ok(false));
        assert_eq!(write(&mut access, "anything"), Ok(()));
    });
}

#[test]
fn the_policy_of_the_highest_priority_counts_alone() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let spec = QueueSpec { arguments: with(TableBuf::new().with("x-max-length", 100)), ..durable() };
        let made = catalog.declare_queue(&slash(), &name("orders"), &spec, CONNECTION).await.unwrap().value;
        let settings = || catalog.topology().vhost(b"/").unwrap().settings(&made);
        assert_eq!((settings().length_max, settings().ttl_ms), (Some(100), None));
        let policy = |pattern: &str, priority, definition: &str| PolicySpec {
            pattern: pattern.to_owned(),
            apply_to: ApplyTo::Queues,
            priority,
            definition: serde_json::from_str(definition).unwrap(),
        };
        let low = policy("", 0, r#"{"message-ttl":5000}"#);
        let high = policy("^ord", 7, r#"{"max-length":10,"ha-mode":"all"}"#);
        catalog.put_policy(&slash(), &name("low"), &low).await.unwrap();
        assert_eq!((settings().length_max, settings().ttl_ms), (Some(100), Some(5000)));
        catalog.put_policy(&slash(), &name("high"), &high).await.unwrap();
        assert_eq!((settings().length_max, settings().ttl_ms), (Some(10), None));
        let bad = policy("^ord", 7, r#"{"overflow":"some"}"#);
        assert!(matches!(
            catalog.put_policy(&slash(), &name("bad"), &bad).await,
            Err(CatalogError::Invalid(_))
        ));
        catalog.delete_policy(&slash(), &name("high")).await.unwrap();
        assert_eq!(settings().ttl_ms, Some(5000));
        assert!(catalog.delete_policy(&slash(), &name("high")).await.is_err());
    });
}

#[test]
fn shards_grow_and_take_new_queues() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        for number in 0..8 {
            queue(catalog, &format!("q{number}")).await;
        }
        assert!(catalog.set_shards(3).await.is_err());
        catalog.set_shards(6).await.unwrap();
        for number in 8..12 {
            assert!((5..=6).contains(&queue(catalog, &format!("q{number}")).await.shard));
        }
        let topology = catalog.topology();
        assert!((1..=6).all(|shard| topology.queues_on(shard) == 2));
        bind(catalog, "amq.fanout", "q11", "").await.unwrap();
    });
}
