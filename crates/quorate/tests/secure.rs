//! The command line over TLS.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests that run programs")]

#[path = "../../tls/tests/support/mod.rs"]
mod certificates;
mod support;

use std::process::Command;

use certificates::{Authority, own_files, write};
use rcgen::DnType;
use support::{Node, name, text};

/// A node, and in its folder the files of a client that it knows as alice.
fn node() -> Node {
    Node::start_secure(|folder| {
        let authority = Authority::new("site");
        authority.equip(&own_files(folder, "server"), "server");
        write(&folder.join("ca.pem"), &authority.pem);
        write(&folder.join("other.pem"), &Authority::new("other").pem);
        let alice = own_files(folder, "alice");
        let (certificate, key) = authority.issue(&[(DnType::CommonName, "alice")], &[]);
        write(&alice.certificate, &certificate);
        write(&alice.key, &key.pem());
    })
}

#[test]
fn a_tree_is_reached_over_tls_and_a_certificate_is_an_identity() {
    let node = node();
    let (ca, certificate, key) = (node.file("ca.pem"), node.file("alice.pem"), node.file("alice.key"));
    let (ca, certificate, key) = (name(&ca), name(&certificate), name(&key));
    let as_alice = ["--tls-ca", ca, "--tls-cert", certificate, "--tls-key", key];
    node.ok(&[&as_alice[..], &["create", "--acl", "x509:CN=alice:cdrwa", "/hers", "secret"]].concat());
    assert_eq!(node.ok(&[&as_alice[..], &["get", "/hers"]].concat()), "secret");
    let refused = node.fails(1, &["--tls-ca", ca, "get", "/hers"]);
    assert!(refused.contains("access control list forbids it"), "{refused}");

    let other = node.file("other.pem");
    let refused = node.fails(1, &["--tls-ca", name(&other), "ls", "/"]);
    assert!(refused.contains("none of the authorities"), "{refused}");
    let refused = node.fails(1, &["--timeout", "1", "ls", "/"]);
    assert!(refused.contains("speaks TLS on this port"), "{refused}");
    for incomplete in
        [&["--tls-cert", certificate, "--tls-key", key][..], &["--tls-ca", ca, "--tls-key", key]]
    {
        let refused = node.fails(2, &[incomplete, &["ls", "/"]].concat());
        assert!(refused.contains("--tls-cert"), "{refused}");
    }
}

#[test]
fn load_is_generated_over_tls() {
    let node = node();
    let ca = node.file("ca.pem");
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["bench", "zookeeper", "--servers", &node.address(), "--tls-ca", name(&ca), "--json"])
        .args(["--op", "mixed:50", "--conns", "2", "--pipeline", "4", "--secs", "0.2", "--warmup-secs", "0"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["ops"].as_u64().unwrap() > 0 && report["errors"] == 0, "{report}");
}
