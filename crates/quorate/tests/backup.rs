//! `quorate backup` and `quorate restore` with real nodes, as an operator runs them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests that run programs")]

mod support;

use std::process::Output;

use support::{Node, SUPER, name, text};

fn backup(node: &Node, file: &str, more: &[&str]) -> Output {
    let admin = node.admin_address();
    node.program(&[&["backup", "--admin", &admin, file], more].concat())
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

#[test]
fn a_backup_becomes_another_cluster() {
    let node = Node::start();
    node.ok(&["create", "--parents", "/app/config", "100"]);
    node.ok(&["set", "/app/config", "200"]);
    node.ok(&["create", "--sequential", "/app/s-"]);
    node.ok(&[
        "--auth",
        SUPER,
        "create",
        "/app/secret",
        "x",
        "--acl",
        "digest:alice:Dl2vbIEIcuIDKaZYGbgdnjZhkBk=:r",
    ]);
    let file = node.file("monday");
    let saved = succeeded(&backup(&node, name(&file), &["--auth", SUPER, "--json"]));
    let saved: serde_json::Value = serde_json::from_str(&saved).unwrap();
    assert_eq!(saved["bytes"], std::fs::metadata(&file).unwrap().len());
    node.ok(&["set", "/app/config", "later"]);
    let shown = succeeded(&node.program(&["backup", "verify", name(&file), "--json"]));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["zxid"], &shown["znodes"], &shown["node"]), (&saved["zxid"], &8.into(), &1.into()));
    let before = node.ok(&["--json", "--auth", SUPER, "ls", "-R", "/app"]);
    let mut other = Node::prepared();
    let data = other.data_dir();
    let told = succeeded(&node.program(&["restore", name(&file), "--data-dir", name(&data)]));
    assert!(told.contains("8 znodes") && told.contains("--join"), "{told}");
    let again = node.program(&["restore", name(&file), "--data-dir", name(&data)]);
    assert!(failed(&again).contains("used it already"));
    other.restart();
    assert_eq!(other.ok(&["get", "/app/config"]), "200");
    assert!(other.fails(1, &["get", "/app/secret"]).contains("forbids"));
    let after = other.ok(&["--json", "--auth", SUPER, "ls", "-R", "/app"]);
    let others = |list: &str| {
        let lines = list.lines().filter(|line| !line.contains("/app/config"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(others(&after), others(&before), "with all their numbers");
    assert_eq!(other.ok(&["create", "--sequential", "/app/s-"]), "/app/s-0000000003\n");
    assert!(zxid(&other) > zxid(&node), "clients of the old cluster are not ahead of the new one");
}

fn zxid(node: &Node) -> i64 {
    let stat: serde_json::Value = {
        node.ok(&["create", "/last"]);
        serde_json::from_str(&node.ok(&["--json", "get", "/last"])).unwrap()
    };
    i64::from_str_radix(stat["stat"]["czxid"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

#[test]
fn only_the_superuser_gets_one_and_nobody_half_of_one() {
    let node = Node::start();
    let file = node.file("backup");
    let nameless = failed(&backup(&node, name(&file), &[]));
    assert!(nameless.contains("only the superuser may"), "{nameless}");
    let other = failed(&backup(&node, name(&file), &["--auth", "super:guess"]));
    assert!(other.contains("not the superuser's"), "{other}");
    assert!(!file.exists() && !node.file("backup.partial").exists());
    succeeded(&backup(&node, name(&file), &["--auth", SUPER]));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    let damaged = failed(&node.program(&["backup", "verify", name(&file)]));
    assert!(damaged.contains("damaged") && damaged.contains("use another copy"), "{damaged}");
    let fresh = Node::prepared();
    failed(&node.program(&["restore", name(&file), "--data-dir", name(&fresh.data_dir())]));
    assert!(!fresh.data_dir().exists(), "nothing was written");
    std::fs::write(&file, &bytes[..middle]).unwrap();
    assert!(failed(&node.program(&["backup", "verify", name(&file)])).contains("it was cut"));
    let usage = node.program(&["restore", name(&file), "--peer", "nowhere"]);
    assert_eq!(usage.status.code(), Some(2));
}
