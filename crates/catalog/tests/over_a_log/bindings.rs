//! Bindings.

use amqp091::{Table, TableBuf};
use catalog::{BindingSpec, CatalogError, Deletion, DestinationName};

use crate::cluster::{Cluster, bind, exchange, name, queue, route, run, slash, unbind};

fn text(error: &CatalogError) -> String {
    error.reply_code().text(error)
}

#[test]
fn a_binding_is_made_once_and_ends_once() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        queue(catalog, "q").await;
        for _ in 0..2 {
            bind(catalog, "amq.direct", "q", "k").await.unwrap();
        }
        let vhost = catalog.topology().vhost(b"/").unwrap().clone();
        assert_eq!(vhost.bindings_to(&DestinationName::Queue(name("q"))).len(), 1);
        for _ in 0..2 {
            unbind(catalog, "amq.direct", "q", "k").await.unwrap();
        }
        assert!(route(catalog, "amq.direct", "k").is_empty());
        unbind(catalog, "no", "q", "k").await.unwrap();
        unbind(catalog, "amq.direct", "no", "k").await.unwrap();
    });
}

#[test]
fn what_is_missing_or_makes_no_sense_is_told() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        queue(catalog, "q").await;
        catalog.declare_exchange(&slash(), &name("hash"), &exchange("x-consistent-hash")).await.unwrap();
        let any = TableBuf::new().with("x-match", "some");
        for (source, queue, key, arguments, expected) in [
            ("no", "q", "", Table::default(), "NOT_FOUND - no exchange 'no' in vhost '/'"),
            ("amq.direct", "no", "", Table::default(), "NOT_FOUND - no queue 'no' in vhost '/'"),
            (
                "",
                "q",
                "",
                Table::default(),
                "ACCESS_REFUSED - operation not permitted on the default exchange",
            ),
            (
                "hash",
                "q",
                "0",
                Table::default(),
                "PRECONDITION_FAILED - The binding key must be greater than 0",
            ),
            (
                "hash",
                "q",
                "x",
                Table::default(),
                "PRECONDITION_FAILED - The binding key must be an integer: x",
            ),
            (
                "amq.headers",
                "q",
                "",
                any.as_table(),
                "PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x",
            ),
        ] {
            let spec = BindingSpec::of_queue(source, queue, key, arguments);
            assert_eq!(text(&catalog.bind(&slash(), &spec, None).await.unwrap_err()), expected);
        }
    });
}

#[test]
fn bindings_differ_by_their_arguments() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        queue(catalog, "q").await;
        let (one, two) = (TableBuf::new().with("n", 1), TableBuf::new().with("n", 2));
        for table in [&one, &two] {
            let spec = BindingSpec::of_queue("amq.fanout", "q", "", table.as_table());
            catalog.bind(&slash(), &spec, None).await.unwrap();
        }
        assert_eq!(catalog.topology().vhost(b"/").unwrap().bindings_from(b"amq.fanout").len(), 2);
        assert_eq!(route(catalog, "amq.fanout", ""), ["q"], "each queue once");
        let spec = BindingSpec::of_queue("amq.fanout", "q", "", one.as_table());
        catalog.unbind(&slash(), &spec, None).await.unwrap();
        assert_eq!(route(catalog, "amq.fanout", ""), ["q"]);
    });
}

/// Whatever the order in which the two are committed, no binding is left that a later queue of that name would inherit.
#[test]
fn binding_and_deleting_at_the_same_time_leaves_nothing_behind() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        let (slash, q) = (slash(), name("q"));
        for round in 0..40 {
            queue(first, "q").await;
            second.sync().await.unwrap();
            let (bound, deleted) = tokio::join!(
                bind(second, "amq.fanout", "q", "k"),
                first.delete_queue(&slash, &q, Deletion::ByName, None),
            );
            assert!(matches!(bound, Ok(()) | Err(CatalogError::NotFound(_))), "round {round}: {bound:?}");
            assert!(deleted.unwrap().is_some());
            queue(second, "q").await;
            first.sync().await.unwrap();
            assert!(route(first, "amq.fanout", "").is_empty(), "round {round}");
            assert!(route(second, "amq.fanout", "").is_empty(), "round {round}");
            second.delete_queue(&slash, &q, Deletion::ByName, None).await.unwrap();
        }
    });
}

#[test]
fn exchanges_that_are_bound_in_a_circle_are_asked_once() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        for named in ["a", "b", "c"] {
            catalog.declare_exchange(&slash(), &name(named), &exchange("fanout")).await.unwrap();
        }
        queue(catalog, "q").await;
        for (source, destination) in [("a", "b"), ("b", "c"), ("c", "a"), ("a", "a"), ("a", "c")] {
            let spec = BindingSpec::of_exchange(source, destination, "", Table::default());
            catalog.bind(&slash(), &spec, None).await.unwrap();
        }
        bind(catalog, "c", "q", "").await.unwrap();
        bind(catalog, "a", "q", "").await.unwrap();
        for from in ["a", "b", "c"] {
            assert_eq!(route(catalog, from, ""), ["q"]);
        }
    });
}
