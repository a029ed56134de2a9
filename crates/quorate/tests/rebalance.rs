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
        Self::start_with(node, name, folder, &["--mode", mode])
    }

    fn start_with(node: &Node, name: &str, folder: &Path, flags: &[&str]) -> Self {
        let used = format!("{}/$QUORATE_RESOURCE", folder.display());
        let start = format!("set -C; echo {name} $QUORATE_TOKEN > {used}");
        let stop = format!("rm {used}");
        let member = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["rebalance", "--server", &node.address(), "join", GROUP])
            .args(flags)
            .args(["--on-start", &start, "--on-stop", &stop, "--interval-min", "0.2"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(Some(member.unwrap()))
    }

    /// Asks it to end, as a service manager does; gives its exit code.
    fn terminate(mut self) -> Option<i32> {
        let mut member = self.0.take().unwrap();
        terminate(&member);
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

fn terminate(member: &Child) {
    let asked = Command::new("kill").arg(member.id().to_string()).status().unwrap();
    assert!(asked.success());
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
fn weights_are_what_members_get() {
    for mode in ["resource", "global"] {
        let node = Node::start();
        let folder = tempfile::tempdir().unwrap();
        for resource in 0..8 {
            node.ok(&["create", "--parents", &format!("{GROUP}/resources/r{resource}")]);
        }
        // The first coordinates, with a weight of its own that is not the usual one.
        let _two = Member::start_with(&node, "two", folder.path(), &["--mode", mode, "--weight", "2"]);
        wait_for("the first gets all", || used_by(folder.path(), "two") == 8);
        let six = Member::start_with(&node, "six", folder.path(), &["--mode", mode, "--weight", "6"]);
        wait_for("a quarter and three", || {
            used_by(folder.path(), "two") == 2 && used_by(folder.path(), "six") == 6
        });
        let shown = status(&node, &[]);
        assert!(
            shown.contains("weight 2, allocated 2") && shown.contains("weight 6, allocated 6"),
            "{shown}"
        );
        let _eight = Member::start_with(&node, "eight", folder.path(), &["--mode", mode, "--weight", "8"]);
        wait_for("an eighth, three and a half", || {
            ["two", "six", "eight"].map(|name| used_by(folder.path(), name)) == [1, 3, 4]
        });
        assert_eq!(six.terminate(), Some(0));
        // 1.6 and 6.4
        wait_for("what the third had", || {
            ["two", "six", "eight"].map(|name| used_by(folder.path(), name)) == [2, 0, 6]
        });
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

/// A member whose commands are these, with what it needs to give them up soon.
fn member(node: &Node, on_start: &str, on_stop: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["rebalance", "--server", &node.address(), "join", GROUP]);
    command.args(["--on-start", on_start, "--on-stop", on_stop, "--interval-min", "0.2"]).args(flags);
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    command
}

/// A shell's line that starts a child, notes its number in `file`, and waits for it longer than anybody has.
fn with_child(file: &Path) -> String {
    format!("sleep 300 & echo $! > {}.new; mv {0}.new {0}; wait; wait", file.display())
}

/// Whether the process that is noted in `file` is there and no zombie.
fn runs(file: &Path) -> bool {
    let number = std::fs::read_to_string(file).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", number.trim()));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
}

#[test]
fn a_start_that_takes_too_long_is_stopped_with_all_that_it_started() {
    let node = Node::start();
    node.ok(&["create", "--parents", &format!("{GROUP}/resources/a")]);
    let (child, order) = (node.file("child"), node.file("order"));
    let note = |what: &str| format!("echo {what} >> {}", order.display());
    let on_start = format!("trap 'sleep 0.3; {}; exit 1' TERM; {}", note("started"), with_child(&child));
    let flags = ["--start-deadline", "1", "--grace", "1"];
    let output = member(&node, &on_start, &note("stopped"), &flags).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("could not start with a"), "{}", text(&output.stderr));
    assert!(!runs(&child));
    // The stop waits for the start that was given up, or that would have the last word.
    assert_eq!(std::fs::read_to_string(&order).unwrap(), "started\nstopped\n");
}

#[test]
fn a_stop_that_takes_too_long_is_killed_with_all_that_it_started() {
    let node = Node::start();
    node.ok(&["create", "--parents", &format!("{GROUP}/resources/a")]);
    let (used, child) = (node.file("used"), node.file("child"));
    // Its children inherit that they do not heed.
    let on_stop = format!("trap '' TERM; {}", with_child(&child));
    let on_start = format!("touch {}", used.display());
    let flags = ["--stop-deadline", "0.6", "--grace", "0.3"];
    let member = member(&node, &on_start, &on_stop, &flags).spawn().unwrap();
    wait_for("the resource to be used", || used.exists());
    terminate(&member);
    wait_for("the stop command to begin", || child.exists());
    assert!(runs(&child));
    let output = member.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("could not stop a"), "{}", text(&output.stderr));
    wait_for("the child to be gone", || !runs(&child));
}

#[test]
fn what_a_start_leaves_running_is_left_to_the_stop() {
    let node = Node::start();
    node.ok(&["create", "--parents", &format!("{GROUP}/resources/a")]);
    let child = node.file("child");
    let on_start = format!("sleep 300 & echo $! > {}.new; mv {0}.new {0}", child.display());
    let on_stop = format!("kill $(cat {})", child.display());
    let member = member(&node, &on_start, &on_stop, &[]).spawn().unwrap();
    wait_for("the resource to be used", || child.exists());
    sleep(Duration::from_millis(300));
    assert!(runs(&child));
    terminate(&member);
    assert_eq!(member.wait_with_output().unwrap().status.code(), Some(0));
    wait_for("the child to be gone", || !runs(&child));
}

#[test]
fn a_grace_that_leaves_no_time_to_stop_is_wrong_usage() {
    let node = Node::start();
    let output = member(&node, "true", "true", &["--grace", "3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}
