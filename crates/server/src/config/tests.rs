//! What makes sense, and what is refused with which words.

use super::*;

fn settings(change: impl FnOnce(&mut FileSettings)) -> Result<Config, ConfigError> {
    let mut settings = FileSettings::default();
    change(&mut settings);
    Config::from_settings(settings)
}

#[test]
fn defaults_are_a_single_node_on_loopback() {
    let config = settings(|_| {}).unwrap();
    assert_eq!(config.founders.len(), 1);
    for listen in [&config.peer, &config.zookeeper, &config.admin] {
        assert!(listen.address().unwrap().starts_with("127.0.0.1:"));
    }
}

#[test]
fn the_peer_listener_follows_the_cluster() {
    let config = settings(|s| {
        s.node_id = Some(2);
        s.cluster = Some("1=a:7401, 2=b:7402".into());
    });
    let config = config.unwrap();
    assert_eq!(config.peer, Listen::On("b:7402".into()));
    assert_eq!(config.founders.len(), 2);
}

#[test]
fn clients_are_sent_to_the_listener_or_to_the_host_that_other_nodes_know() {
    let host = |zookeeper: &str, change: fn(&mut FileSettings)| {
        let config = settings(|s| {
            s.zookeeper = Some(zookeeper.into());
            change(s);
        });
        config.unwrap().client_host().map(str::to_owned)
    };
    let founder = |s: &mut FileSettings| s.cluster = Some("1=one:7400,2=two:7400".into());
    let joiner =
        |s: &mut FileSettings| (s.join, s.peer) = (Some("one:7400".into()), Some("three:7400".into()));
    assert_eq!(host("front:2181", founder).as_deref(), Some("front"));
    assert_eq!(host("[::1]:2181", founder).as_deref(), Some("[::1]"));
    assert_eq!(host("0.0.0.0:2181", founder).as_deref(), Some("one"));
    assert_eq!(host("[::]:2181", joiner).as_deref(), Some("three"));
    assert_eq!(host("0.0.0.0:2181", |_| {}).as_deref(), Some("127.0.0.1"));
    assert_eq!(host("off", founder), None);
}

#[test]
fn errors_name_the_key_the_value_and_the_fix() {
    type Case = (&'static str, fn(&mut FileSettings));
    let cases: [Case; 29] = [
        ("request-bytes-max", |s| s.request_bytes_max = Some(1023)),
        ("request-bytes-max", |s| s.request_bytes_max = Some((32 << 20) + 1)),
        ("four-letter-words", |s| s.four_letter_words = Some("srvr,nope".into())),
        ("super-digest", |s| s.super_digest = Some("super:password".into())),
        ("super-digest", |s| s.super_digest = Some("D/InIHSb7yEEbrWz8b9l71RjZJU=".into())),
        ("node-id", |s| s.node_id = Some(0)),
        ("node-id", |s| s.node_id = Some(128)),
        ("cluster", |s| s.cluster = Some("1=a:1,1=b:2".into())),
        ("cluster", |s| s.cluster = Some("1=a:1,2=a:1".into())),
        ("cluster", |s| s.cluster = Some("1=a".into())),
        ("cluster", |s| s.cluster = Some("2=a:1".into())),
        ("zookeeper", |s| s.zookeeper = Some("nowhere".into())),
        ("fsync", |s| s.fsync = Some("never".into())),
        ("join", |s| s.join = Some("a:1".into())),
        ("join", |s| (s.join, s.peer) = (Some("a".into()), Some("b:1".into()))),
        ("join", |s| (s.join, s.peer) = (Some("a:1".into()), Some("a:1".into()))),
        ("join", |s| (s.join, s.cluster) = (Some("b:1".into()), Some("1=a:1".into()))),
        ("role", |s| s.role = Some("observer".into())),
        ("role", |s| s.role = Some("leader".into())),
        ("tls-cert", |s| s.tls_cert = Some("c".into())),
        ("tls-key", |s| s.tls_key = Some("k".into())),
        ("tls-client-ca", |s| s.tls_client_ca = Some("a".into())),
        ("tls-client-auth", |s| {
            (s.tls_cert, s.tls_key) = (Some("c".into()), Some("k".into()));
            s.tls_client_auth = Some("want".into());
        }),
        ("tls-client-auth", |s| {
            (s.tls_cert, s.tls_key, s.tls_client_ca) = (Some("c".into()), Some("k".into()), Some("a".into()));
            s.tls_client_auth = Some("perhaps".into());
        }),
        ("zookeeper-tls", |s| s.zookeeper_tls = Some("a:1".into())),
        ("amqp-tls", |s| s.amqp_tls = Some("a:1".into())),
        ("amqp-cert-login-from", |s| s.amqp_cert_login_from = Some("subject".into())),
        ("peer-tls-cert", |s| s.peer_tls_cert = Some("c".into())),
        ("peer-tls-ca", |s| s.peer_tls_ca = Some("a".into())),
    ];
    for (key, change) in cases {
        let text = settings(change).unwrap_err().to_string();
        assert!(text.starts_with(key), "{text}");
        assert!(text.contains(';'), "no fix in: {text}");
    }
}

#[test]
fn clients_with_an_authority_need_a_certificate_unless_told_otherwise() {
    let clients = |auth: Option<&str>| {
        let config = settings(|s| {
            (s.tls_cert, s.tls_key, s.tls_client_ca) = (Some("c".into()), Some("k".into()), Some("a".into()));
            (s.zookeeper_tls, s.tls_client_auth) = (Some("a:2281".into()), auth.map(str::to_owned));
        });
        config.unwrap().tls.unwrap().clients
    };
    assert_eq!(clients(None), tls::ClientCertificates::Needed("a".into()));
    assert_eq!(clients(Some("need")), tls::ClientCertificates::Needed("a".into()));
    assert_eq!(clients(Some("want")), tls::ClientCertificates::Wanted("a".into()));
}

#[test]
fn memory_is_limited_by_what_there_is_unless_it_is_set() {
    let limits = |tree: Option<u64>, memory: Option<u64>| {
        let settings = FileSettings { tree_bytes_max: tree, ..FileSettings::default() };
        Config::from_settings(settings.with_memory(memory)).unwrap().memory
    };
    let gib = 1 << 30;
    let of = |tree_bytes, watch_bytes| control::MemoryLimits { tree_bytes, watch_bytes };
    assert_eq!(limits(None, None), of(None, None));
    assert_eq!(limits(None, Some(8 << 30)), of(Some(4 * gib), Some(gib)));
    assert_eq!(limits(Some(100), Some(8 << 30)), of(Some(100), Some(gib)));
    assert_eq!(limits(Some(0), Some(8 << 30)), of(None, Some(gib)));
}

#[test]
fn queues_have_a_quarter_of_the_memory_and_the_disk_keeps_room_unless_told_otherwise() {
    let limits = |change: fn(&mut FileSettings)| {
        let mut settings = FileSettings::default();
        change(&mut settings);
        Config::from_settings(settings.with_memory(Some(8 << 30))).unwrap().alarms
    };
    let of = |queue_bytes, disk_free_bytes| AlarmLimits { queue_bytes, disk_free_bytes };
    assert_eq!(limits(|_| {}), of(Some(2 << 30), 256 << 20));
    assert_eq!(limits(|s| s.queue_bytes_max = Some(0)), of(None, 256 << 20));
    assert_eq!(limits(|s| (s.queue_bytes_max, s.disk_free_min) = (Some(7), Some(0))), of(Some(7), 0));
}

#[test]
fn requests_are_as_large_as_zookeepers_unless_told_otherwise() {
    assert_eq!(settings(|_| {}).unwrap().request_bytes_max, 0xf_ffff);
    assert_eq!(settings(|s| s.request_bytes_max = Some(16 << 20)).unwrap().request_bytes_max, 16 << 20);
}

#[test]
fn a_node_that_joins_founds_nothing() {
    let config = settings(|s| {
        (s.node_id, s.join, s.peer) = (Some(4), Some("a:7401".into()), Some("d:7404".into()));
        s.role = Some("observer".into());
    });
    let config = config.unwrap();
    assert!(config.founders.is_empty());
    let member = Member { node: NodeId(4), address: "d:7404".into(), voter: false };
    assert_eq!(config.join, Some(Join { contact: "a:7401".into(), member }));
}

#[test]
fn a_single_node_can_be_joined_where_it_listens() {
    let config = settings(|s| s.peer = Some("127.0.0.1:7555".into())).unwrap();
    assert_eq!(config.founders[0].address, "127.0.0.1:7555");
}

#[test]
fn listeners_of_protocols_to_come_are_accepted_and_reported() {
    let config = settings(|s| {
        s.kafka = Some("127.0.0.1:9092".into());
        s.disque = Some("off".into());
    });
    assert_eq!(config.unwrap().unavailable, ["kafka=127.0.0.1:9092"]);
}

#[test]
fn words_are_all_of_them_or_those_that_are_named() {
    use zookeeper::Word;
    let words = |text: &str| settings(|s| s.four_letter_words = Some(text.into())).unwrap().words;
    assert_eq!(settings(|_| {}).unwrap().words, Word::ALL);
    assert_eq!(words("*"), Word::ALL);
    assert_eq!(words("srvr, ruok"), [Word::Srvr, Word::Ruok]);
    assert_eq!(words(""), []);
}
