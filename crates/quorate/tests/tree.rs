//! `quorate tree` against a real node, as a user runs it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fmt::Write;

use support::{Node, SUPER, name, text};

/// An export, edited, of `/big` with directories of so many each.
fn large(count: usize, each: usize) -> String {
    let mut lines = String::from(
        "{\"format\":\"quorate-tree\",\"version\":1,\"source\":\"none\",\"zxid\":\"0x0\",\"root\":\"/big\",\"taken_at_ms\":0}\n",
    );
    let line = |path: &str| {
        format!(
            "{{\"path\":\"{path}\",\"data\":\"{}\",\"acl\":[\"world:anyone:cdrwa\"],\"kind\":\"persistent\"}}\n",
            "x".repeat(100)
        )
    };
    lines += &line("/big");
    for number in 0..count {
        if number % each == 0 {
            lines += &line(&format!("/big/{:03}", number / each));
        }
        lines += &line(&format!("/big/{:03}/{number:05}", number / each));
    }
    let znodes = 1 + count + count.div_ceil(each);
    writeln!(
        lines,
        "{{\"znodes\":{znodes},\"ephemerals_left_out\":0,\"unreadable_left_out\":0,\"crc32c\":\"0\"}}"
    )
    .unwrap();
    lines
}

/// A little of everything that a tree can hold.
fn plant(node: &Node) {
    node.ok(&["create", "--parents", "/app/config/limit", "100"]);
    node.ok(&["create", "/app/text", "a \"quoted\"\nline, é and \u{1f600}"]);
    let blob = node.file("blob");
    std::fs::write(&blob, [0xff, 0, 0xfe, b'\n']).unwrap();
    node.ok(&["create", "/app/blob", "--file", name(&blob)]);
    node.ok(&["create", "/app/read-only", "secret", "--acl", "world:anyone:r"]);
    let acl = "digest:alice:Dl2vbIEIcuIDKaZYGbgdnjZhkBk=:cdrwa";
    node.ok(&["--auth", SUPER, "create", "/app/private", "hidden", "--acl", acl]);
    node.ok(&["--auth", SUPER, "create", "/app/private/below", "deeper", "--acl", acl]);
    for member in ["one", "two", "three"] {
        node.ok(&["create", "--parents", "--sequential", "/app/queue/item-", member]);
    }
    node.ok(&["delete", "/app/queue/item-0000000001"]);
}

#[test]
fn znodes_are_written_and_read() {
    let node = Node::start();
    assert_eq!(node.ok(&["create", "--parents", "/a/b", "v1"]), "/a/b\n");
    assert_eq!(node.ok(&["get", "/a/b"]), "v1");
    node.ok(&["set", "/a/b", "v2", "--version", "0"]);
    let error = node.fails(1, &["set", "/a/b", "v3", "--version", "0"]);
    assert!(error.contains("set /a/b") && error.contains("another version"), "{error}");
    assert_eq!(node.ok(&["get", "/a/b"]), "v2");
    assert_eq!(node.ok(&["create", "--sequential", "/a/s-"]), "/a/s-0000000001\n");
    assert_eq!(node.ok(&["ls", "/a"]), "b\ns-0000000001\n");
    assert_eq!(node.ok(&["ls", "-R", "/a"]), "/a\n/a/b\n/a/s-0000000001\n");
    let json: serde_json::Value = serde_json::from_str(&node.ok(&["--json", "get", "/a/b"])).unwrap();
    assert_eq!((&json["data"], &json["stat"]["version"]), (&"v2".into(), &1.into()));
    assert!(node.fails(1, &["delete", "/a"]).contains("has children"));
    assert_eq!(node.ok(&["--json", "delete", "-R", "/a"]), "{\"deleted\":3}\n");
    assert!(node.fails(1, &["get", "/a"]).contains("no such znode"));
}

#[test]
fn a_subtree_is_deleted_in_one_step_and_a_larger_one_in_many() {
    let node = Node::start();
    node.ok(&["create", "--parents", "/a/b", "v"]);
    assert!(node.fails(1, &["delete", "-R", "--version", "7", "/a"]).contains("another version"));
    let output = node.tree(&["--json", "delete", "-R", "--version", "0", "/a"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("{\"deleted\":2}\n".into(), String::new()));
    assert!(node.fails(1, &["delete", "-R", "/zookeeper"]).contains("refuses the path"));
    let file = node.file("large");
    std::fs::write(&file, large(10_500, 10_500)).unwrap();
    node.ok(&["import", name(&file), "--edited"]);
    assert!(node.fails(1, &["delete", "-R", "--version", "0", "/big"]).contains("nothing was deleted"));
    assert_eq!(node.ok(&["ls", "/big/000"]).lines().count(), 10_500, "more than a page");
    let output = node.tree(&["--json", "delete", "-R", "/big"]);
    assert_eq!(text(&output.stdout), "{\"deleted\":10502}\n");
    assert!(text(&output.stderr).contains("one by one"), "{}", text(&output.stderr));
}

#[test]
fn a_znode_that_may_be_there_is_created_or_left() {
    let node = Node::start();
    let create = ["create", "--parents", "--if-missing", "/a/b", "first"];
    assert_eq!(node.ok(&create), "/a/b\n");
    let again = node.tree(&create);
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(0), String::new()));
    assert!(text(&again.stderr).contains("there already"));
    let json: serde_json::Value =
        serde_json::from_str(&node.ok(&[&["--json"], &create[..]].concat())).unwrap();
    assert_eq!((&json["created"], &json["stat"]["version"]), (&false.into(), &0.into()));
    assert!(node.fails(1, &["create", "--if-missing", "/x/y"]).contains("parent"));
    node.fails(2, &["create", "--if-missing", "--sequential", "/x"]);
}

#[test]
fn wrong_usage_has_a_status_of_its_own() {
    let node = Node::start();
    for arguments in [&["get", "a"][..], &["frobnicate"], &["--timeout", "0", "ls"], &["ls", "/a/"]] {
        node.fails(2, arguments);
    }
    let nobody = node.command().args(["--server", "127.0.0.1:1", "--timeout", "0.2", "ls"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("127.0.0.1:1"), "{}", text(&nobody.stderr));
}

#[test]
fn what_was_exported_and_imported_is_exported_the_same() {
    let (source, target) = (Node::start(), Node::start());
    plant(&source);
    let file = source.file("export");
    source.ok(&["--auth", SUPER, "export", "/", "--output", name(&file)]);
    let dry = target.ok(&["--auth", SUPER, "import", name(&file), "--dry-run"]);
    assert!(dry.contains("create   /app/config/limit\n"), "{dry}");
    assert_eq!(target.ok(&["ls", "/"]), "zookeeper\n");
    target.ok(&["--auth", SUPER, "import", name(&file), "--keep-sequences"]);
    assert_eq!(target.exported("/"), source.exported("/"));
    assert_eq!(target.exported("/app").len(), 11);
    // The queue goes on where it was.
    assert_eq!(target.ok(&["create", "--sequential", "/app/queue/item-"]), "/app/queue/item-0000000003\n");
    target.ok(&["delete", "/app/queue/item-0000000003"]);
    // Once more changes nothing.
    let again = target.ok(&["--json", "--auth", SUPER, "import", name(&file)]);
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(
        (&again["created"], &again["changed"], &again["conflicts"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert_eq!(target.exported("/"), source.exported("/"));
}

/// Gives a subtree a quota, as `setquota` does.
fn limit(node: &Node, prefix: &str, limits: &str) {
    let at = format!("/zookeeper/quota{prefix}");
    node.ok(&["create", "--parents", &format!("{at}/zookeeper_limits"), limits]);
    node.ok(&["create", &format!("{at}/zookeeper_stats"), "count=0,bytes=0"]);
}

#[test]
fn quotas_come_along() {
    let (source, target) = (Node::start(), Node::start());
    plant(&source);
    let limits = "count=-1,bytes=-1=;byteHardLimit=1000;countHardLimit=20";
    limit(&source, "/app/queue", limits);
    limit(&source, "/app-2", "count=5,bytes=-1");
    let file = source.file("export");
    source.ok(&["--auth", SUPER, "export", "/app", "--output", name(&file)]);
    let dry = target.ok(&["import", name(&file), "--dry-run"]);
    assert!(
        dry.ends_with(&format!("create   /zookeeper/quota/app/queue/zookeeper_limits ({limits})\n")),
        "{dry}"
    );
    let import = ["--json", "--auth", SUPER, "import", name(&file)];
    let summary: serde_json::Value = serde_json::from_str(&target.ok(&import)).unwrap();
    assert_eq!((&summary["quotas"], &summary["conflicts"]), (&1.into(), &0.into()));
    assert_eq!(target.ok(&["get", "/zookeeper/quota/app/queue/zookeeper_limits"]), limits);
    let used = target.ok(&["get", "/zookeeper/quota/app/queue/zookeeper_stats"]);
    assert!(used.starts_with("count=3,"), "the server counts: {used}");
    assert_eq!(target.ok(&["ls", "/zookeeper/quota"]), "app\n");
    assert_eq!(target.exported("/app"), source.exported("/app"));
    target.ok(&["set", "/zookeeper/quota/app/queue/zookeeper_limits", "count=1,bytes=-1"]);
    let error = target.fails(1, &import[1..]);
    assert!(error.contains("/app/queue has another quota"), "{error}");
    target.ok(&[&import[..], &["--overwrite", "different"]].concat());
    assert_eq!(target.ok(&["get", "/zookeeper/quota/app/queue/zookeeper_limits"]), limits);
    target.ok(&[&import[1..], &["--to", "/copy"]].concat());
    assert_eq!(target.ok(&["get", "/zookeeper/quota/copy/queue/zookeeper_limits"]), limits);
}

#[test]
fn a_directory_whose_names_are_larger_than_any_answer_is_exported() {
    let node = Node::start();
    let file = node.file("wide");
    // More than 1 MiB of names: no server lists them at once.
    let wide = large(10_500, 10_500).replace("/big/000/", &format!("/big/000/{}", "n".repeat(120)));
    std::fs::write(&file, wide).unwrap();
    node.ok(&["import", name(&file), "--edited"]);
    assert_eq!(node.exported("/big").len(), 10_502);
    assert_eq!(node.ok(&["ls", "-R", "/big"]).lines().count(), 10_502);
}

#[test]
fn a_subtree_comes_to_another_place() {
    let node = Node::start();
    plant(&node);
    let file = node.file("export");
    node.ok(&["--auth", SUPER, "export", "/app", "--output", name(&file)]);
    node.ok(&["--auth", SUPER, "import", name(&file), "--to", "/copies/of/app"]);
    let moved: Vec<String> =
        node.exported("/copies/of/app").iter().map(|line| line.replace("/copies/of/app", "/app")).collect();
    assert_eq!(moved, node.exported("/app"));
}

#[test]
fn what_is_in_the_way_is_left_unless_it_is_to_be_written_over() {
    let node = Node::start();
    node.ok(&["create", "--parents", "/a/x", "1"]);
    node.ok(&["create", "/a/y", "1"]);
    let file = node.file("export");
    node.ok(&["export", "/a", "--output", name(&file)]);
    node.ok(&["set", "/a/x", "2"]);
    node.ok(&["delete", "/a/y"]);
    assert_eq!(
        text(&node.tree(&["import", name(&file), "--dry-run"]).stdout),
        "conflict /a/x (data)\ncreate   /a/y\n"
    );
    let error = node.fails(1, &["import", name(&file)]);
    assert!(error.contains("conflict: /a/x is there with other data"), "{error}");
    assert_eq!((node.ok(&["get", "/a/x"]), node.ok(&["get", "/a/y"])), ("2".into(), "1".into()));
    let dry = node.ok(&["import", name(&file), "--dry-run", "--overwrite", "different"]);
    assert_eq!(dry, "change   /a/x (data)\n");
    node.ok(&["import", name(&file), "--overwrite", "different"]);
    assert_eq!(node.ok(&["get", "/a/x"]), "1");
}

#[test]
fn what_can_not_be_read_is_an_error_or_is_counted() {
    let node = Node::start();
    plant(&node);
    let file = node.file("export");
    let error = node.fails(1, &["export", "/app", "--output", name(&file)]);
    assert!(error.contains("/app/private") && error.contains("--skip-unreadable"), "{error}");
    assert!(!file.exists(), "half an export has the name of a whole one");
    let wrong = node.fails(1, &["--auth", "alice:wrong", "export", "/app"]);
    assert!(
        wrong.contains("/app/private") && wrong.contains("wrong passwords are found out here"),
        "{wrong}"
    );
    let summary = node.ok(&["--json", "export", "/app", "--skip-unreadable", "--output", name(&file)]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((&summary["exported"], &summary["unreadable_left_out"]), (&9.into(), &1.into()));
    let listed = node.tree(&["ls", "--stat", "/app"]);
    assert_eq!((listed.status.code(), text(&listed.stdout).lines().count()), (Some(1), 6));
    assert!(text(&listed.stderr).contains("/app/private"));
    let secret = node.file("secret");
    std::fs::write(&secret, format!("{SUPER}\n")).unwrap();
    node.ok(&["--auth-file", name(&secret), "export", "/app"]);
}

#[test]
fn a_cut_file_changes_nothing() {
    let node = Node::start();
    plant(&node);
    let (file, cut) = (node.file("export"), node.file("cut"));
    node.ok(&["--auth", SUPER, "export", "/app", "--output", name(&file)]);
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    std::fs::write(&cut, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    let error = node.fails(1, &["import", name(&cut), "--to", "/copy"]);
    assert!(error.contains("it was cut"), "{error}");
    assert!(node.fails(1, &["get", "/copy"]).contains("no such znode"));
    let edited = whole.replace("\"100\"", "\"200\"");
    std::fs::write(&cut, edited).unwrap();
    assert!(node.fails(1, &["import", name(&cut), "--to", "/copy"]).contains("--edited"));
    node.ok(&["--auth", SUPER, "import", name(&cut), "--to", "/copy", "--edited"]);
    assert_eq!(node.ok(&["get", "/copy/config/limit"]), "200");
}

#[test]
fn an_import_that_loses_its_server_is_repeated() {
    let (source, mut target) = (Node::start(), Node::start());
    let file = source.file("export");
    // Large enough that the kill below comes in the middle; some directories of many, so that the order of requests matters.
    std::fs::write(&file, large(30_000, 300)).unwrap();
    let import = ["--timeout", "2", "import", name(&file), "--edited"];
    let mut running = target.command().args(import).spawn().unwrap();
    while !target.tree(&["get", "/big/006/02000"]).status.success() {
        assert!(running.try_wait().unwrap().is_none(), "it was over before anybody looked");
    }
    target.kill();
    let ended = running.wait().unwrap();
    assert_eq!(ended.code(), Some(1));
    target.restart();
    target.ok(&import);
    assert_eq!(target.exported("/big").len(), 30_101);
    assert_eq!(target.ok(&["--json", "delete", "-R", "/big"]), "{\"deleted\":30101}\n");
}

#[test]
fn changes_are_told_as_they_happen() {
    let node = Node::start();
    node.ok(&["create", "/w"]);
    let mut watch = node.command();
    watch.args(["watch", "--recursive", "/w", "--count", "3"]);
    watch.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut watching = watch.spawn().unwrap();
    let mut line = String::new();
    let mut stderr = std::io::BufReader::new(watching.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    assert_eq!(line, "watching /w\n");
    node.ok(&["create", "/w/a"]);
    node.ok(&["set", "/w/a", "1"]);
    node.ok(&["delete", "/w/a"]);
    let output = watching.wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), "created  /w/a\ndata     /w/a\ndeleted  /w/a\n");
}
