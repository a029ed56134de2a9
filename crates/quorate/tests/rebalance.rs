//! `quorate rebalance` against a real node, as a user runs it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests that run programs")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use support::{Node, text};

const GROUP: &str = "/groups/mail";

/// A member that notes in `folder` what it uses, a file for each resource with the token in it.
struct Member(Option<Child>);

impl Member {
    fn start(node: &Node, name: &str, folder: &Path, mode: &str) -> Self {
        let used = format!("{}/$QUORATE_RESOURCE", folder.display());
        let start = format!("set -C; echo {name} $QUORATE_TOKEN > {used}");
        let stop = format!("rm {used}");
        let member = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["rebalance", "--server", &node.address(), "join", GROUP, "--mode", mode])
            .args(["--on-start", &start, "--on-stop", &stop, "--interval-min", "0.2"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(Some(member.unwrap()))
    }

    /// Asks it to end, as a service manager does; gives its exit code.
    fn terminate(mut self) -> Option<i32> {
        let mut member = self.0.take().unwrap();
        let asked = Command::new("kill").arg(member.id().to_string()).status().unwrap();
        assert!(asked.success());
        member.wait().unwrap().code()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut member) = self.0.take() {
            member.kill().unwrap();
            member.wait().unwrap();
        }
    }
}

/// Who uses how many resources.
fn used_by(folder: &Path, name: &str) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let owners = files.filter_map(|file| std::fs::read_to_string(file).ok());
    owners.filter(|owner| owner.starts_with(name)).count()
}

#[track_caller]
fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_there() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(50));
    }
}

fn status(node: &Node, arguments: &[&str]) -> String {
    let address = node.address();
    let asked = [&["rebalance", "--server", &address, "status", GROUP], arguments].concat();
    let output = node.program(&asked);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn members_share_resources_and_hand_them_over() {
    for mode in ["resource", "global"] {
        let node = Node::start();
        let folder = tempfile::tempdir().unwrap();
        for resource in ["a", "b", "c", "d"] {
            node.ok(&["create", "--parents", &format!("{GROUP}/resources/{resource}")]);
        }
        let one = Member::start(&node, "one", folder.path(), mode);
        wait_for("the first gets all", || used_by(folder.path(), "one") == 4);
        let two = Member::start(&node, "two", folder.path(), mode);
        wait_for("both get half", || {
            used_by(folder.path(), "one") == 2 && used_by(folder.path(), "two") == 2
        });
        let shown = status(&node, &[]);
        assert!(shown.contains("resources    4, without owner 0"), "{shown}");
        assert!(status(&node, &["--json"]).contains(&format!("{{\"mode\":\"{mode}\"")));
        assert_eq!(one.terminate(), Some(0));
        wait_for("the other gets all", || used_by(folder.path(), "two") == 4);
        assert_eq!(two.terminate(), Some(0));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_member_of_another_mode_is_refused() {
    let node = Node::start();
    node.ok(&["create", "--parents", GROUP, "global"]);
    let output = node.program(&[
        "rebalance",
        "--server",
        &node.address(),
        "join",
        GROUP,
        "--on-start",
        "true",
        "--on-stop",
        "true",
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("has mode global"), "{}", text(&output.stderr));
}

#[test]
fn a_group_that_is_not_there_is_an_error() {
    let node = Node::start();
    let output = node.program(&["rebalance", "--server", &node.address(), "status", "/nothing"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no such znode"));
}
