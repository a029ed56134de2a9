//! Queues: declared, declared again, deleted.

use amqp091::TableBuf;
use catalog::{Arguments, CatalogError, Deletion, QueueSpec};

use crate::cluster::{
    CONNECTION, Cluster, bind, durable, exclusive, name, owner, queue, route, run, slash, with,
};

fn text(error: &CatalogError) -> String {
    error.reply_code().text(error)
}

#[test]
fn a_queue_is_made_once_and_found_again() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let first = catalog.declare_queue(&slash(), &name("q"), &durable(), CONNECTION).await.unwrap();
        let again = catalog.declare_queue(&slash(), &name("q"), &durable(), CONNECTION + 1).await.unwrap();
        assert!(first.created && !again.created);
        assert_eq!(first.value, again.value);
        assert!((1..=4).contains(&first.value.shard));
    });
}

#[test]
fn an_id_is_never_given_twice() {
    run(async {
        let cluster = Cluster::of(2).await;
        let mut ids = std::collections::BTreeSet::new();
        for round in 0..300 {
            let catalog = cluster.catalog(round % 2);
            let made = queue(catalog, "q").await;
            assert!(ids.insert(made.id), "round {round}");
            let deleted = catalog.delete_queue(&slash(), &name("q"), Deletion::ByName, None).await.unwrap();
            assert_eq!(deleted.map(|queue| queue.id), Some(made.id));
        }
    });
}

#[test]
fn partitions_have_ids_of_their_own() {
    run(async {
        let cluster = Cluster::of(2).await;
        let mut ids = std::collections::BTreeSet::new();
        for round in 0..40_u32 {
            let count = [1, 3, 200, 300][round as usize % 4];
            let spec =
                QueueSpec { arguments: with(TableBuf::new().with("x-partitions", count)), ..durable() };
            let catalog = cluster.catalog(round as usize % 2);
            let queue = name(&format!("q-{round}"));
            let made = catalog.declare_queue(&slash(), &queue, &spec, CONNECTION).await.unwrap().value;
            assert_eq!(made.partition_ids().count(), count as usize);
            assert!(made.partition_ids().all(|id| ids.insert(id)), "round {round}");
        }
    });
}

#[test]
fn what_differs_is_told_in_rabbitmqs_words() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let ttl = |ms: i64| with(TableBuf::new().with("x-message-ttl", ms));
        let spec = QueueSpec { arguments: ttl(100), ..durable() };
        catalog.declare_queue(&slash(), &name("q"), &spec, CONNECTION).await.unwrap();
        for (spec, expected) in [
            (
                QueueSpec { durable: false, ..spec.clone() },
                "'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'",
            ),
            (
                QueueSpec { auto_delete: true, ..spec.clone() },
                "'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'",
            ),
            (
                durable(),
                "'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '100' of type 'long'",
            ),
            (
                QueueSpec { arguments: ttl(200), ..durable() },
                "'x-message-ttl' for queue 'q' in vhost '/': received the value '200' of type 'long' but current is the value '100' of type 'long'",
            ),
        ] {
            let error = catalog.declare_queue(&slash(), &name("q"), &spec, CONNECTION).await.unwrap_err();
            assert_eq!(text(&error), format!("PRECONDITION_FAILED - inequivalent arg {expected}"));
        }
        let error = catalog
            .declare_queue(&slash(), &name("q"), &QueueSpec { exclusive: true, ..spec.clone() }, CONNECTION)
            .await
            .unwrap_err();
        assert!(
            text(&error).starts_with("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q'")
        );
        // Widths do not count, nor what is not known.
        let same = with(TableBuf::new().with("x-message-ttl", 100_i32).with("x-unknown", true));
        let spec = QueueSpec { arguments: same, ..durable() };
        assert!(!catalog.declare_queue(&slash(), &name("q"), &spec, CONNECTION).await.unwrap().created);
    });
}

#[test]
fn the_kind_of_queue_does_not_matter_to_who_asks_again() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let of_type = |kind: &str| QueueSpec {
            arguments: with(TableBuf::new().with("x-queue-type", kind)),
            ..durable()
        };
        catalog.declare_queue(&slash(), &name("q"), &of_type("quorum"), CONNECTION).await.unwrap();
        for spec in [
            durable(),
            of_type("classic"),
            QueueSpec { auto_delete: true, ..durable() },
            QueueSpec { exclusive: true, ..durable() },
        ] {
            assert!(
                !catalog.declare_queue(&slash(), &name("q"), &spec, CONNECTION).await.unwrap().created,
                "{spec:?}"
            );
        }
    });
}

#[test]
fn names_and_arguments_that_make_no_sense_are_refused() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let bad = QueueSpec { arguments: with(TableBuf::new().with("x-max-length", "1")), ..durable() };
        for (vhost, queue, spec, expected) in [
            ("/", "amq.q", durable(), "ACCESS_REFUSED - queue name 'amq.q' contains reserved prefix 'amq.*'"),
            (
                "/",
                "q",
                bad,
                "PRECONDITION_FAILED - invalid arg 'x-max-length' for queue 'q' in vhost '/': {unacceptable_type,longstr}",
            ),
            ("no", "q", durable(), "NOT_ALLOWED - vhost no not found"),
        ] {
            let error =
                catalog.declare_queue(&name(vhost), &name(queue), &spec, CONNECTION).await.unwrap_err();
            assert_eq!(text(&error), expected);
        }
        let long = name(&"x".repeat(256));
        let error = catalog.declare_queue(&slash(), &long, &durable(), CONNECTION).await.unwrap_err();
        assert_eq!(error, CatalogError::NameTooLong(256));
        let longest = catalog_name(&[0xff; 255]);
        let made = catalog.declare_queue(&slash(), &longest, &durable(), CONNECTION).await.unwrap();
        assert_eq!(made.value.name, longest);
    });
}

fn catalog_name(bytes: &[u8]) -> catalog::Name {
    bytes.into()
}

#[test]
fn the_server_gives_names() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let first = catalog.declare_queue(&slash(), &name(""), &exclusive(), CONNECTION).await.unwrap().value;
        let second =
            catalog.declare_queue(&slash(), &name(""), &exclusive(), CONNECTION).await.unwrap().value;
        assert_ne!(first.name, second.name);
        let text = first.name.to_string();
        assert!(text.starts_with("amq.gen-") && text.len() == 30, "{text}");
    });
}

#[test]
fn an_exclusive_queue_is_one_connections_alone() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        let made =
            first.declare_queue(&slash(), &name("mine"), &exclusive(), CONNECTION).await.unwrap().value;
        assert_eq!(made.exclusive, Some(owner(first)));
        assert!(!made.durable);
        assert!(
            !first.declare_queue(&slash(), &name("mine"), &exclusive(), CONNECTION).await.unwrap().created
        );
        second.sync().await.unwrap();
        for (catalog, connection, spec) in [
            (first, CONNECTION + 1, exclusive()),
            (second, CONNECTION, exclusive()),
            (second, CONNECTION, durable()),
        ] {
            let error = catalog.declare_queue(&slash(), &name("mine"), &spec, connection).await.unwrap_err();
            assert_eq!(error, CatalogError::Locked(made.resource()));
        }
        assert_eq!(bind(second, "amq.fanout", "mine", "").await, Err(CatalogError::Locked(made.resource())));
        let by = Some(owner(second));
        let error = second.delete_queue(&slash(), &name("mine"), Deletion::ByName, by).await.unwrap_err();
        assert_eq!(error, CatalogError::Locked(made.resource()));
        bind(first, "amq.fanout", "mine", "").await.unwrap();
        let by = Some(owner(first));
        let deleted = first.delete_queue(&slash(), &name("mine"), Deletion::ByName, by).await.unwrap();
        assert_eq!(deleted, Some(made));
        assert!(route(first, "amq.fanout", "").is_empty());
    });
}

#[test]
fn a_queue_goes_with_its_bindings() {
    run(async {
        let cluster = Cluster::of(2).await;
        let catalog = cluster.catalog(0);
        let made = queue(catalog, "q").await;
        bind(catalog, "amq.topic", "q", "a.*").await.unwrap();
        bind(catalog, "amq.fanout", "q", "").await.unwrap();
        assert_eq!(
            catalog.delete_queue(&slash(), &name("q"), Deletion::ById(made.id + 1), None).await,
            Ok(None)
        );
        assert_eq!(catalog.delete_queue(&slash(), &name("q"), Deletion::ByName, None).await, Ok(Some(made)));
        assert_eq!(catalog.delete_queue(&slash(), &name("q"), Deletion::ByName, None).await, Ok(None));
        let vhost = catalog.topology().vhost(b"/").unwrap().clone();
        assert!(
            vhost.bindings_from(b"amq.topic").is_empty() && vhost.bindings_from(b"amq.fanout").is_empty()
        );
        // Another queue of that name has none of them.
        queue(cluster.catalog(1), "q").await;
        catalog.sync().await.unwrap();
        assert!(route(catalog, "amq.fanout", "").is_empty());
    });
}

#[test]
fn a_queue_with_thousands_of_bindings_goes_too() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let made = queue(catalog, "q").await;
        for number in 0..2_300 {
            bind(catalog, "amq.direct", "q", &number.to_string()).await.unwrap();
        }
        let before = catalog.topology();
        assert_eq!(catalog.delete_queue(&slash(), &name("q"), Deletion::ByName, None).await, Ok(Some(made)));
        assert!(catalog.topology().vhost(b"/").unwrap().bindings_from(b"amq.direct").is_empty());
        assert_eq!(
            before.vhost(b"/").unwrap().bindings_from(b"amq.direct").len(),
            2_300,
            "a picture does not change"
        );
    });
}

#[test]
fn arguments_come_back_as_they_were() {
    run(async {
        let cluster = Cluster::of(2).await;
        let arguments: Arguments =
            with(TableBuf::new().with("x-max-length", 10_i64).with("note", "ü").with("x-expires", 60_000));
        let spec = QueueSpec { arguments: arguments.clone(), ..durable() };
        cluster.catalog(0).declare_queue(&slash(), &name("q"), &spec, CONNECTION).await.unwrap();
        cluster.catalog(1).sync().await.unwrap();
        let topology = cluster.catalog(1).topology();
        let queue = topology.vhost(b"/").unwrap().queue(b"q").unwrap().clone();
        assert_eq!(queue.arguments, arguments);
        assert_eq!((queue.options.length_max, queue.options.expires_ms), (Some(10), Some(60_000)));
    });
}
