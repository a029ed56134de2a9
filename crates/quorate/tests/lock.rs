//! `quorate lock` and `quorate elect`, as a user runs them.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests that run programs")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Node, text};

const PATIENCE: Duration = Duration::from_secs(30);
/// The shortest session that servers grant.
const SESSION: &str = "4";

fn command(node: &Node, what: &str, flags: &[&str], script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args([what, "--server", &node.address(), "--session-timeout", SESSION, "--json"]);
    command.args(flags).args(["--", "sh", "-c", script]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn ends(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_there(file: &Path) -> bool {
    file.exists()
}

fn contenders(node: &Node, path: &str) -> Vec<String> {
    node.ok(&["ls", path]).lines().map(str::to_owned).collect()
}

fn ends_itself(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

#[test]
fn a_command_is_run_under_the_lock_and_its_status_is_the_outcome() {
    let node = Node::start();
    let run = |flags: &[&str], script| command(&node, "lock", flags, script).output().unwrap();
    let script = "echo $QUORATE_FENCING_TOKEN $QUORATE_PATH; exit 7";
    let token = |output: &Output| {
        let (token, path) =
            ends(output, 7).trim().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(path, "/jobs/lock");
        token.parse::<i64>().unwrap()
    };
    let (first, second) = (run(&["/jobs/lock"], script), run(&["--kazoo", "/jobs/lock"], script));
    assert!(0 < token(&first) && token(&first) < token(&second));
    assert!(contenders(&node, "/jobs/lock").is_empty());
    let events = text(&first.stderr);
    for event in ["waiting", "running", "ended"] {
        assert!(events.lines().any(|line| line.contains(&format!("\"event\":\"{event}\""))), "{events}");
    }
    ends(&run(&["/jobs/lock"], "kill -9 $$"), 128 + 9);
    node.ok(&["create", "/jobs/lock/_c_x-lock-0000000000", "somebody"]);
    ends(&run(&["--wait", "0", "/jobs/lock"], "exit 0"), 124);
    ends(&run(&["--wait", "0.5", "/jobs/lock"], "exit 0"), 124);
    ends(&run(&["--wait", "x", "/jobs/lock"], "exit 0"), 2);
    ends(&run(&["--wait", "-1", "/jobs/lock"], "exit 0"), 2);
    assert_eq!(contenders(&node, "/jobs/lock").len(), 1);
    let missing = node.program(&["lock", "--server", &node.address(), "/other", "--", "/no/such/program"]);
    ends(&missing, 127);
    ends(&node.program(&["lock", "/other"]), 2);
    let unreachable = ["lock", "--server", "127.0.0.1:1", "--timeout", "0.5", "/other", "--", "true"];
    ends(&node.program(&unreachable), 125);
}

#[test]
fn processes_take_turns() {
    let node = Node::start();
    let (counter, rounds, processes) = (node.file("counter"), 5, 4);
    std::fs::write(&counter, "0").unwrap();
    let script = format!("n=$(cat {0}); sleep 0.02; echo $((n + 1)) > {0}", counter.display());
    std::thread::scope(|scope| {
        for process in 0..processes {
            let (node, script) = (&node, &script);
            scope.spawn(move || {
                let flags: &[&str] = if process % 2 == 0 { &["/lock"] } else { &["--write", "/lock"] };
                for _ in 0..rounds {
                    ends(&command(node, "lock", flags, script).output().unwrap(), 0);
                }
            });
        }
    });
    assert_eq!(std::fs::read_to_string(&counter).unwrap().trim(), (rounds * processes).to_string());
}

#[test]
fn a_command_whose_lock_is_lost_is_stopped() {
    let node = Node::start();
    let (begun, told) = (node.file("begun"), node.file("told"));
    let script = format!(
        "trap 'touch {1}; exit 0' TERM; touch {0}; while :; do sleep 0.05; done",
        begun.display(),
        told.display()
    );
    let holder = command(&node, "lock", &["/lock"], &script).spawn().unwrap();
    wait_for("the command to begin", || is_there(&begun));
    let znode = contenders(&node, "/lock").pop().unwrap();
    node.ok(&["delete", &format!("/lock/{znode}")]);
    let output = ends_itself(holder);
    ends(&output, 123);
    assert!(is_there(&told), "SIGTERM comes first");
    assert!(text(&output.stderr).contains("somebody deleted the znode"), "{}", text(&output.stderr));
}

#[test]
fn a_command_that_does_not_heed_is_killed_with_all_it_started_when_servers_are_gone() {
    let mut node = Node::start();
    let (begun, beat) = (node.file("begun"), node.file("beat"));
    let script = format!(
        "trap '' TERM; (while :; do date +%s%N > {1}; sleep 0.05; done) & touch {0}; wait; wait",
        begun.display(),
        beat.display()
    );
    let holder = command(&node, "lock", &["--grace", "0.5", "/lock"], &script).spawn().unwrap();
    wait_for("the command to begin", || is_there(&begun) && is_there(&beat));
    let gone_at = Instant::now();
    node.kill();
    ends(&ends_itself(holder), 123);
    // Before servers would have ended the session.
    assert!(gone_at.elapsed() < Duration::from_secs(4), "{:?}", gone_at.elapsed());
    let last = std::fs::read(&beat).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(std::fs::read(&beat).unwrap(), last, "what it started is gone, too");
}

#[test]
fn what_the_command_started_has_the_grace_also_when_the_command_ends_at_once() {
    let node = Node::start();
    let (begun, told) = (node.file("begun"), node.file("told"));
    let child = format!(
        "trap 'sleep 0.3; touch {1}; exit 0' TERM; touch {0}; while :; do sleep 0.05; done",
        begun.display(),
        told.display()
    );
    let holder = command(&node, "lock", &["/lock"], &format!("({child}) & wait")).spawn().unwrap();
    wait_for("the child to begin", || is_there(&begun));
    let znode = contenders(&node, "/lock").pop().unwrap();
    node.ok(&["delete", &format!("/lock/{znode}")]);
    ends(&ends_itself(holder), 123);
    assert!(is_there(&told), "it was killed before its time");
}

#[test]
fn a_signal_is_passed_on_and_the_lock_is_free_at_once() {
    let node = Node::start();
    let begun = node.file("begun");
    let script = format!("trap 'exit 9' TERM; touch {}; while :; do sleep 0.05; done", begun.display());
    let holder = command(&node, "lock", &["/lock"], &script).spawn().unwrap();
    wait_for("the command to begin", || is_there(&begun));
    let waiter = command(&node, "lock", &["/lock"], "exit 0").spawn().unwrap();
    wait_for("somebody to wait", || contenders(&node, "/lock").len() == 2);
    terminate(&waiter);
    ends(&ends_itself(waiter), 128 + 15);
    wait_for("who waited to be gone", || contenders(&node, "/lock").len() == 1);
    terminate(&holder);
    ends(&ends_itself(holder), 9);
    assert!(contenders(&node, "/lock").is_empty());
}

#[test]
fn a_command_is_run_while_leading_and_again_when_elected_again() {
    let node = Node::start();
    let runs = node.file("runs");
    let script = |name: &str| {
        format!(
            "echo {name} $QUORATE_FENCING_TOKEN >> {}; trap 'exit 0' TERM; while :; do sleep 0.05; done",
            runs.display()
        )
    };
    let lines =
        || std::fs::read_to_string(&runs).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    let leader = |at: usize| {
        wait_for("a leader", || lines().len() > at);
        lines()[at].clone()
    };
    let one = command(&node, "elect", &["--id", "one", "/election"], &script("one")).spawn().unwrap();
    assert!(leader(0).starts_with("one "));
    let two = command(&node, "elect", &["--id", "two", "/election"], &script("two")).spawn().unwrap();
    wait_for("two candidates", || contenders(&node, "/election").len() == 2);
    let mut candidates = contenders(&node, "/election");
    candidates.sort_by_key(|name| name[name.len() - 10..].to_owned());
    assert_eq!(node.ok(&["get", &format!("/election/{}", candidates[0])]), "one");
    node.ok(&["delete", &format!("/election/{}", candidates[0])]);
    assert!(leader(1).starts_with("two "));
    // A leader that is asked to end lets others lead.
    terminate(&two);
    ends(&ends_itself(two), 0);
    assert!(leader(2).starts_with("one "));
    let tokens: Vec<i64> =
        lines().iter().map(|line| line.split_once(' ').unwrap().1.parse().unwrap()).collect();
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
    terminate(&one);
    ends(&ends_itself(one), 0);
}

fn terminate(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}
