//! The commands of ZooKeeper's AdminServer, and what Prometheus reads.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Cluster, create, get, run, set};
use zookeeper::Server;

/// The page that tells people what there is.
const PAGE: &str = include_str!("../../../docs/monitoring.md");

fn ask(cluster: &Cluster, node: u64, command: &str) -> Value {
    let answer = cluster.node(node).server.command(command);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["error"], Value::Null, "{answer:?}");
    answer.body.into()
}

fn refused(cluster: &Cluster, node: u64, command: &str) -> (u16, String) {
    let answer = cluster.node(node).server.command(command);
    (answer.status, answer.body["error"].as_str().unwrap().to_owned())
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_answer_names_its_command_and_its_error() {
    run(async {
        let cluster = Cluster::start(1);
        for name in Server::command_names() {
            let body = cluster.node(1).server.command(name).body;
            assert_eq!(body["command"], name);
            assert!(body.contains_key("error"), "{body:?}");
        }
        assert_eq!(ask(&cluster, 1, "mntr")["command"], "monitor");
        assert_eq!(refused(&cluster, 1, "nope"), (200, "Unknown command: nope".to_owned()));
        assert_eq!(refused(&cluster, 1, "snapshot").0, 503);
    });
}

#[test]
fn without_a_leader_only_what_needs_none_is_answered() {
    run(async {
        let cluster = Cluster::start(3);
        cluster.log.elect(None);
        for command in ["ruok", "server_stats", "monitor", "leader", "connections"] {
            let error = "This ZooKeeper instance is not currently serving requests".to_owned();
            assert_eq!(refused(&cluster, 2, command), (200, error));
        }
        assert!(ask(&cluster, 2, "environment")["zookeeper.version"].as_str().unwrap().starts_with("3.9."));
        let metrics = cluster.node(2).server.prometheus();
        assert!(metrics.contains("\nznode_count 5\n") && !metrics.contains("quorum_size"), "{metrics}");
    });
}

#[test]
fn connections_tell_of_their_sessions() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.get("/a").await;
        let _silent = cluster.connect(1);
        let shown = ask(&cluster, 1, "connections");
        let connection = &shown["connections"][0];
        for (key, value) in [
            ("remote_socket_address", json!("127.0.0.1:40000")),
            ("interest_ops", json!(1)),
            ("outstanding_requests", json!(0)),
            ("packets_received", json!(2)),
            ("session_id", json!(client.session)),
            ("last_operation", json!("GETD")),
            ("session_timeout", json!(10_000)),
            ("last_cxid", json!(2)),
        ] {
            assert_eq!(connection[key], value, "{key}");
        }
        assert_eq!(keys(connection).len(), 16);
        assert_eq!(keys(&shown["connections"][1]).len(), 5, "without a session nothing is known of one");
        assert_eq!(shown["secure_connections"], json!([]));
        ask(&cluster, 1, "connection_stat_reset");
        assert_eq!(ask(&cluster, 1, "connections")["connections"][0]["packets_received"], 0);
        assert_eq!(keys(&ask(&cluster, 1, "stats")["connections"][0]).len(), 5);
    });
}

#[test]
fn sessions_and_watches_are_listed_in_decimal() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&create("/e", b"", 1)).await;
        client.call(&get("/e", true)).await;
        let session = client.session.to_string();
        let watches = ask(&cluster, 1, "watches");
        assert_eq!(watches["session_id_to_watched_paths"], json!({ &session: ["/e"] }));
        let by_path = ask(&cluster, 1, "watches_by_path");
        assert_eq!(by_path["path_to_session_ids"], json!({ "/e": [client.session] }));
        let summary = ask(&cluster, 1, "watch_summary");
        assert_eq!((&summary["num_connections"], &summary["num_total_watches"]), (&json!(1), &json!(1)));
        let ephemerals = &ask(&cluster, 1, "dump")["session_id_to_ephemeral_paths"];
        assert_eq!(ephemerals, &json!({ &session: ["/e"] }));
    });
}

#[test]
fn the_leader_knows_when_sessions_expire() {
    run(async {
        let cluster = Cluster::start(3);
        let mut client = cluster.client(2).await;
        client.create("/a", b"").await;
        cluster.clock().sleep(support::TICK).await;
        let expiries = ask(&cluster, 1, "dump")["expiry_time_to_session_ids"].clone();
        let (at_ms, sessions) = expiries.as_object().unwrap().iter().next().unwrap();
        assert_eq!(sessions, &json!([client.session]));
        let left_ms = at_ms.parse::<i64>().unwrap() - cluster.clock().wall_ms();
        assert!((6_000..=12_000).contains(&left_ms), "{left_ms}");
        assert_eq!(ask(&cluster, 2, "dump")["expiry_time_to_session_ids"], json!({}));
    });
}

#[test]
fn the_quorum_as_a_server_alone_and_as_one_of_three() {
    run(async {
        let alone = Cluster::start(1);
        assert_eq!(refused(&alone, 1, "leader"), (200, "server is not initialized".to_owned()));
        assert_eq!(ask(&alone, 1, "voting_view")["current_config"], json!({}));
        assert_eq!(ask(&alone, 1, "zabstate")["voting"], false);
        let three = Cluster::start(3);
        let leader = ask(&three, 2, "leader");
        assert_eq!((&leader["is_leader"], &leader["leader_id"]), (&json!(false), &json!(1)));
        let stats = ask(&three, 1, "server_stats");
        assert_eq!(stats["server_stats"]["server_state"], "leader");
        assert!(stats.get("proposal_stats").is_some());
        assert!(ask(&three, 2, "server_stats").get("proposal_stats").is_none());
        assert_eq!(ask(&three, 1, "monitor")["synced_followers"], 2);
    });
}

#[test]
fn numbers_follow_what_clients_do() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"1234").await;
        client.get("/a").await;
        client.call(&get("/a", true)).await;
        client.send(&set("/a", b"12345678")).await;
        client.event().await;
        client.reply().await;
        let shown = ask(&cluster, 1, "monitor");
        for (key, value) in [
            ("cnt_updatelatency", 2),
            ("cnt_readlatency", 2),
            ("cnt_node_changed_watch_count", 1),
            ("sum_node_changed_watch_count", 1),
            ("cnt_node_created_watch_count", 0),
            ("commit_count", 3),
            ("connection_request_count", 1),
            ("znode_count", 6),
        ] {
            assert_eq!(shown[key], value, "{key}");
        }
        assert!(shown["watch_bytes"].as_i64().unwrap() > 0);
        let sizes = ask(&cluster, 1, "server_stats")["client_response"].clone();
        assert!(sizes["min_buffer_size"].as_i64() < sizes["max_buffer_size"].as_i64(), "{sizes}");
        ask(&cluster, 1, "stat_reset");
        let shown = ask(&cluster, 1, "monitor");
        assert_eq!((&shown["packets_received"], &shown["cnt_readlatency"]), (&json!(0), &json!(0)));
        assert_eq!(shown["commit_count"], 3, "counters go on");
    });
}

#[test]
fn quotas_are_summed_by_the_first_name() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        for (path, data) in [
            ("/app", &b"12345"[..]),
            ("/zookeeper/quota/app", b""),
            (
                "/zookeeper/quota/app/zookeeper_limits",
                b"count=3,bytes=-1=;byteHardLimit=-1;countHardLimit=-1",
            ),
            ("/zookeeper/quota/app/zookeeper_stats", b"count=0,bytes=0"),
        ] {
            client.create(path, data).await;
        }
        let metrics = cluster.node(1).server.prometheus();
        assert!(metrics.contains("\nquota_count_limit_per_namespace{key=\"app\"} 3\n"), "{metrics}");
        assert!(metrics.contains("\nquota_count_usage_per_namespace{key=\"app\"} 1\n"), "{metrics}");
        assert!(metrics.contains("\nquota_bytes_usage_per_namespace{key=\"app\"} 5\n"), "{metrics}");
        assert!(!metrics.contains("quota_bytes_limit_per_namespace{"), "there is no such limit");
        assert_eq!(ask(&cluster, 1, "monitor")["app_quota_count_limit_per_namespace"], 3);
    });
}

#[test]
fn metrics_have_one_kind_and_the_page_tells_of_each() {
    run(async {
        let cluster = Cluster::start(3);
        let metrics = cluster.node(1).server.prometheus();
        let kinds: Vec<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let names: BTreeSet<_> = kinds.iter().map(|kind| kind.split(' ').next().unwrap()).collect();
        assert_eq!(names.len(), kinds.len(), "a name has one kind");
        let untold = |name: &&str| !PAGE.contains(&format!("`{name}`"));
        assert_eq!(names.into_iter().filter(untold).collect::<Vec<_>>(), Vec::<&str>::new());
        let commands: Vec<_> = Server::command_names().filter(untold).collect();
        assert_eq!(commands, Vec::<&str>::new());
        let words: Vec<_> = zookeeper::Word::ALL.iter().map(|word| word.text()).filter(untold).collect();
        assert_eq!(words, Vec::<&str>::new());
    });
}
