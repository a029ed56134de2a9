//! Exchanges: declared, declared again, deleted.

use amqp091::TableBuf;
use catalog::{BindingSpec, CatalogError, ExchangeSpec, Message, Name, Routed};

use crate::cluster::{Cluster, bind, exchange, name, owner, queue, route, run, slash, unbind, until, with};

fn text(error: &CatalogError) -> String {
    error.reply_code().text(error)
}

async fn declare(cluster: &Cluster, named: &str, spec: &ExchangeSpec) -> Result<bool, CatalogError> {
    Ok(cluster.catalog(0).declare_exchange(&slash(), &name(named), spec).await?.created)
}

fn is_there(cluster: &Cluster, named: &str) -> bool {
    cluster.catalog(0).topology().vhost(b"/").unwrap().exchange(named.as_bytes()).is_some()
}

#[test]
fn what_can_not_be_is_told_in_rabbitmqs_words() {
    run(async {
        let cluster = Cluster::of(1).await;
        assert_eq!(declare(&cluster, "e", &exchange("direct")).await, Ok(true));
        assert_eq!(declare(&cluster, "e", &exchange("direct")).await, Ok(false));
        assert_eq!(declare(&cluster, "amq.direct", &exchange("direct")).await, Ok(false));
        let alternate = |value: i32| with(TableBuf::new().with("alternate-exchange", value));
        let hash = |key: &'static str, value: &str| with(TableBuf::new().with(key, value));
        for (named, spec, expected) in [
            (
                "e",
                exchange("topic"),
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost '/': received 'topic' but current is 'direct'",
            ),
            (
                "e",
                ExchangeSpec { internal: true, ..exchange("direct") },
                "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'e' in vhost '/': received 'true' but current is 'false'",
            ),
            ("f", exchange("x-none"), "PRECONDITION_FAILED - unknown exchange type 'x-none'"),
            (
                "amq.f",
                exchange("direct"),
                "ACCESS_REFUSED - exchange name 'amq.f' contains reserved prefix 'amq.*'",
            ),
            ("", exchange("direct"), "ACCESS_REFUSED - operation not permitted on the default exchange"),
            (
                "f",
                ExchangeSpec { arguments: alternate(1), ..exchange("direct") },
                "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'f' in vhost '/'",
            ),
            (
                "f",
                ExchangeSpec { arguments: hash("hash-property", "app_id"), ..exchange("x-consistent-hash") },
                "PRECONDITION_FAILED - Unsupported property: app_id",
            ),
        ] {
            assert_eq!(text(&declare(&cluster, named, &spec).await.unwrap_err()), expected);
        }
        for (named, expected) in [
            ("", "ACCESS_REFUSED - operation not permitted on the default exchange"),
            (
                "amq.topic",
                "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed",
            ),
        ] {
            let error = cluster.catalog(0).delete_exchange(&slash(), &name(named), false).await.unwrap_err();
            assert_eq!(text(&error), expected);
        }
    });
}

#[test]
fn an_exchange_that_is_used_stays_if_that_was_wanted() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        declare(&cluster, "e", &exchange("fanout")).await.unwrap();
        queue(catalog, "q").await;
        bind(catalog, "e", "q", "").await.unwrap();
        let error = catalog.delete_exchange(&slash(), &name("e"), true).await.unwrap_err();
        assert_eq!(text(&error), "PRECONDITION_FAILED - exchange 'e' in vhost '/' in use");
        catalog.delete_exchange(&slash(), &name("e"), false).await.unwrap();
        assert!(!is_there(&cluster, "e"));
        assert_eq!(catalog.delete_exchange(&slash(), &name("e"), false).await, Ok(()));
    });
}

#[test]
fn an_exchange_goes_with_its_last_binding_and_takes_others_with_it() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let passing = ExchangeSpec { auto_delete: true, ..exchange("fanout") };
        for named in ["a", "b", "never-bound"] {
            declare(&cluster, named, &passing).await.unwrap();
        }
        queue(catalog, "q").await;
        bind(catalog, "b", "q", "").await.unwrap();
        bind(catalog, "b", "q", "two").await.unwrap();
        let a_to_b = BindingSpec::of_exchange("a", "b", "", amqp091::Table::default());
        catalog.bind(&slash(), &a_to_b, None).await.unwrap();
        assert_eq!(route(catalog, "a", ""), ["q"]);
        unbind(catalog, "b", "q", "two").await.unwrap();
        assert!(is_there(&cluster, "b"));
        unbind(catalog, "b", "q", "").await.unwrap();
        assert!(!is_there(&cluster, "b") && !is_there(&cluster, "a"));
        assert!(is_there(&cluster, "never-bound"));
    });
}

#[test]
fn an_exchange_whose_last_queue_went_with_its_owner_is_swept_up() {
    run(async {
        let cluster = Cluster::of(2).await;
        let (first, second) = (cluster.catalog(0), cluster.catalog(1));
        declare(&cluster, "e", &ExchangeSpec { auto_delete: true, ..exchange("fanout") }).await.unwrap();
        let spec = crate::cluster::exclusive();
        second.declare_queue(&slash(), &name("mine"), &spec, crate::cluster::CONNECTION).await.unwrap();
        bind(second, "e", "mine", "").await.unwrap();
        first.sync().await.unwrap();
        assert_eq!(route(first, "e", ""), ["mine"]);
        assert!(cluster.log.expire(tree::SessionId(owner(second).session)));
        until(first, |topology| topology.vhost(b"/").unwrap().exchange(b"e").is_none()).await;
        assert_eq!(first.topology().queue_count(), 0);
    });
}

#[test]
fn alternates_and_policies_take_what_finds_no_way() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let arguments = with(TableBuf::new().with("alternate-exchange", "lost"));
        declare(&cluster, "e", &ExchangeSpec { arguments, ..exchange("direct") }).await.unwrap();
        declare(&cluster, "by-policy", &exchange("direct")).await.unwrap();
        for queue_name in ["q", "found"] {
            queue(catalog, queue_name).await;
        }
        bind(catalog, "e", "q", "k").await.unwrap();
        assert!(route(catalog, "e", "other").is_empty(), "an alternate that is not there takes nothing");
        declare(&cluster, "lost", &exchange("fanout")).await.unwrap();
        bind(catalog, "lost", "found", "").await.unwrap();
        assert_eq!(route(catalog, "e", "k"), ["q"]);
        assert_eq!(route(catalog, "e", "other"), ["found"]);
        assert!(route(catalog, "by-policy", "k").is_empty());
        let policy = catalog::PolicySpec {
            pattern: "^by-".to_owned(),
            definition: serde_json::from_str(r#"{"alternate-exchange":"lost"}"#).unwrap(),
            ..catalog::PolicySpec::default()
        };
        assert_eq!(catalog.put_policy(&slash(), &name("p"), &policy).await, Ok(true));
        assert_eq!(route(catalog, "by-policy", "k"), ["found"]);
        catalog.delete_policy(&slash(), &name("p")).await.unwrap();
        assert!(route(catalog, "by-policy", "k").is_empty());
    });
}

#[test]
fn a_delayed_exchange_routes_as_its_inner_type_and_says_so() {
    run(async {
        let cluster = Cluster::of(1).await;
        let catalog = cluster.catalog(0);
        let arguments = with(TableBuf::new().with("x-delayed-type", "topic"));
        let spec = ExchangeSpec { arguments, ..exchange("x-delayed-message") };
        declare(&cluster, "later", &spec).await.unwrap();
        assert_eq!(declare(&cluster, "later", &spec).await, Ok(false));
        assert!(declare(&cluster, "none", &exchange("x-delayed-message")).await.is_err());
        queue(catalog, "q").await;
        bind(catalog, "later", "q", "a.*").await.unwrap();
        let mut routed = Routed::new();
        let message = Message { key: b"a.b", ..Message::default() };
        catalog.topology().route(b"/", b"later", &message, &mut routed).unwrap();
        assert!(routed.is_delayed());
        let names: Vec<Name> = routed.queues().iter().map(|queue| queue.name.clone()).collect();
        assert_eq!(names, [name("q")]);
        catalog.topology().route(b"/", b"", &message, &mut routed).unwrap();
        assert!(!routed.is_delayed() && routed.queues().is_empty());
    });
}
