//! Four-letter words, as people and monitoring ask them.
#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod support;

use support::{Cluster, TICK, create, get, run, run_on_threads};
use zookeeper::{Config, DiskUse, Terms, Word};

async fn ask(cluster: &Cluster, node: u64, word: &str) -> String {
    let mut client = cluster.connect(node);
    client.send_bytes(word.as_bytes()).await;
    client.text().await
}

/// The value of a line `key<separator>value`.
fn value<'a>(text: &'a str, key: &str, separator: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(separator));
    line.unwrap_or_else(|| panic!("{key} is not in {text}"))
}

#[test]
fn ruok_and_isro_answer_in_a_word() {
    run(async {
        let cluster = Cluster::start(1);
        assert_eq!(ask(&cluster, 1, "ruok").await, "imok");
        assert_eq!(ask(&cluster, 1, "isro").await, "rw");
    });
}

#[test]
fn srvr_tells_of_the_server() {
    run(async {
        let cluster = Cluster::start(1);
        let text = ask(&cluster, 1, "srvr").await;
        let keys: Vec<_> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
        let expected = [
            "Zookeeper version",
            "Latency min/avg/max",
            "Received",
            "Sent",
            "Connections",
            "Outstanding",
            "Zxid",
            "Mode",
            "Node count",
        ];
        assert_eq!(keys, expected);
        assert!(value(&text, "Zookeeper version", ": ").starts_with("3.9."));
        assert!(value(&text, "Zookeeper version", ": ").contains("-quorate-"));
        assert_eq!(value(&text, "Mode", ": "), "standalone");
        assert_eq!(value(&text, "Node count", ": "), "5");
        let zxid = cluster.client(1).await.create("/a", b"").await.zxid;
        let text = ask(&cluster, 1, "srvr").await;
        assert_eq!(value(&text, "Zxid", ": "), format!("{zxid:#x}"));
        assert_eq!(value(&text, "Node count", ": "), "6");
    });
}

#[test]
fn srvr_and_mntr_tell_of_a_nodes_part() {
    run(async {
        let cluster = Cluster::start(3);
        let leader = ask(&cluster, 1, "srvr").await;
        assert_eq!(value(&leader, "Mode", ": "), "leader");
        assert!(leader.ends_with("Proposal sizes last/min/max: -1/-1/-1\n"));
        assert_eq!(value(&ask(&cluster, 2, "srvr").await, "Mode", ": "), "follower");
        let leader = ask(&cluster, 1, "mntr").await;
        assert_eq!(value(&leader, "zk_server_state", "\t"), "leader");
        assert_eq!(value(&leader, "zk_synced_followers", "\t"), "2");
        cluster.log.elect(None);
        for word in ["srvr", "stat", "mntr", "cons", "wchs", "dirs"] {
            let text = ask(&cluster, 2, word).await;
            assert_eq!(text, "This ZooKeeper instance is not currently serving requests\n");
        }
        assert_eq!(ask(&cluster, 2, "isro").await, "null");
        assert_eq!(ask(&cluster, 2, "ruok").await, "imok");
    });
}

#[test]
fn a_node_that_is_cut_off_does_not_say_that_it_serves() {
    run(async {
        let cluster = Cluster::start(3);
        cluster.log.set_connected(2, false);
        cluster.clock().sleep(TICK * 2).await;
        assert_eq!(
            ask(&cluster, 2, "srvr").await,
            "This ZooKeeper instance is not currently serving requests\n"
        );
        assert_eq!(value(&ask(&cluster, 3, "srvr").await, "Mode", ": "), "follower");
        cluster.log.set_connected(2, true);
        cluster.clock().sleep(TICK).await;
        assert_eq!(value(&ask(&cluster, 2, "srvr").await, "Mode", ": "), "follower");
    });
}

#[test]
fn mntr_counts() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"1234").await;
        client.call(&create("/e", b"", 1)).await;
        client.call(&get("/a", true)).await;
        let text = ask(&cluster, 1, "mntr").await;
        assert!(text.lines().all(|line| line.starts_with("zk_") && line.split('\t').count() == 2), "{text}");
        for (key, expected) in [
            ("znode_count", "7"),
            ("watch_count", "1"),
            ("ephemerals_count", "1"),
            ("global_sessions", "1"),
            ("packets_received", "3"),
            ("packets_sent", "3"),
            ("outstanding_requests", "0"),
            ("num_alive_connections", "2"),
            ("server_state", "standalone"),
        ] {
            assert_eq!(value(&text, &format!("zk_{key}"), "\t"), expected, "{key}");
        }
    });
}

#[test]
fn stat_and_cons_tell_of_the_clients() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.get("/a").await;
        let text = ask(&cluster, 1, "stat").await;
        assert!(text.starts_with("Zookeeper version:"));
        assert!(text.contains("\nClients:\n /127.0.0.1:40000[1](queued=0,recved=2,sent=2)\n"), "{text}");
        let text = ask(&cluster, 1, "cons").await;
        let session = format!(",sid={:#x},lop=GETD,", client.session);
        assert!(text.contains(&session), "{text}");
        assert!(text.contains(",to=10000,lcxid=0x2,"), "{text}");
        assert!(text.ends_with(")\n\n"));
    });
}

#[test]
fn wchs_counts_watches() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&get("/", true)).await;
        client.call(&support::children("/", true)).await;
        client.call(&support::exists("/b", true)).await;
        let text = ask(&cluster, 1, "wchs").await;
        assert_eq!(text, "1 connections watching 2 paths\nTotal watches:3\n");
    });
}

#[test]
fn envi_conf_and_dirs_describe_the_server() {
    run(async {
        let config = Config {
            data_dir: "/var/lib/quorate".to_owned(),
            disk: std::sync::Arc::new(|| DiskUse { data_bytes: 4711, ..DiskUse::default() }),
            ..Config::with_tick(TICK)
        };
        let cluster = Cluster::with(1, config);
        let text = ask(&cluster, 1, "envi").await;
        assert!(text.starts_with("Environment:\nzookeeper.version=3.9."));
        let text = ask(&cluster, 1, "conf").await;
        for (key, expected) in [
            ("clientPort", "2181"),
            ("dataDir", "/var/lib/quorate"),
            ("tickTime", "2000"),
            ("minSessionTimeout", "4000"),
            ("maxSessionTimeout", "40000"),
            ("serverId", "1"),
        ] {
            assert_eq!(value(&text, key, "="), expected);
        }
        assert_eq!(ask(&cluster, 1, "dirs").await, "datadir_size: 4711\nlogdir_size: 4711\n");
    });
}

#[test]
fn words_outside_the_whitelist_are_refused_and_others_are_no_words() {
    run(async {
        let cluster = Cluster::with(1, Config { words: vec![Word::Srvr], ..Config::with_tick(TICK) });
        for word in ["ruok", "dump", "wchp"] {
            let expected = format!("{word} is not executed because it is not in the whitelist.\n");
            assert_eq!(ask(&cluster, 1, word).await, expected);
        }
        assert!(ask(&cluster, 1, "srvr").await.starts_with("Zookeeper version"));
        assert_eq!(ask(&cluster, 1, "nope").await, "");
    });
}

/// Over a socket, as netcat would.
#[test]
fn words_are_answered_over_tcp() {
    run_on_threads(async {
        let cluster = Cluster::start(1);
        let listener = cluster.runtime.network.listen("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = std::sync::Arc::clone(&cluster.node(1).server);
        let serving = cluster.runtime.spawn(runtime::Pool::Clients, server.serve(listener, Terms::default()));
        let stream = cluster.runtime.network.connect(&address).await.unwrap();
        let mut client = support::Client::new(stream, cluster.runtime.clock.clone());
        client.send_bytes(b"ruok").await;
        assert_eq!(client.text().await, "imok");
        let stream = cluster.runtime.network.connect(&address).await.unwrap();
        let mut client = support::Client::new(stream, cluster.runtime.clock.clone());
        assert!(client.begin_session(10_000).await);
        assert!(client.exists("/").await);
        cluster.node(1).server.stop().await;
        assert!(client.is_closed().await);
        serving.join().await;
    });
}

#[test]
fn wchc_and_wchp_list_watches_by_session_and_by_path() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        client.call(&get("/a", true)).await;
        client.call(&get("/", true)).await;
        let dump = ask(&cluster, 1, "dump").await;
        let session = dump.lines().find_map(|line| line.strip_suffix("\t10000ms")).unwrap().to_owned();
        assert_eq!(ask(&cluster, 1, "wchc").await, format!("{session}\n\t/\n\t/a\n\n"));
        assert_eq!(ask(&cluster, 1, "wchp").await, format!("/\n\t{session}\n/a\n\t{session}\n\n"));
    });
}

#[test]
fn dump_lists_sessions_with_their_ephemerals() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.call(&create("/e", b"", 1)).await;
        let text = ask(&cluster, 1, "dump").await;
        assert!(text.contains("Global Sessions(1):"), "{text}");
        assert!(text.contains("Sessions with Ephemerals (1):\n0x"), "{text}");
        assert!(text.contains(":\n\t/e\n"), "{text}");
    });
}

#[test]
fn counts_begin_anew_when_asked() {
    run(async {
        let cluster = Cluster::start(1);
        let mut client = cluster.client(1).await;
        client.create("/a", b"").await;
        assert_eq!(ask(&cluster, 1, "srst").await, "Server stats reset.\n");
        assert_eq!(ask(&cluster, 1, "crst").await, "Connection stats reset.\n");
        assert_eq!(value(&ask(&cluster, 1, "srvr").await, "Received", ": "), "0");
        assert!(ask(&cluster, 1, "cons").await.contains("recved=0,sent=0,sid=0x"));
    });
}
