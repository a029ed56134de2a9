//! `quorate service` against a real node, as a user runs it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests that run programs")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use support::{Node, text};

/// A command that goes on, and what it says.
struct Running {
    process: Child,
    says: BufReader<ChildStdout>,
}

impl Running {
    fn start(node: &Node, arguments: &[&str]) -> Self {
        let mut command = service(node, arguments);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap());
        Self { process, says }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asks it to stop; it ends as if all was done.
    fn stop(mut self) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn service(node: &Node, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["service", "--server", &node.address()]).args(arguments).stdin(Stdio::null());
    command
}

#[track_caller]
fn ok(node: &Node, arguments: &[&str]) -> String {
    let output = service(node, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn fails(node: &Node, code: i32, arguments: &[&str]) -> String {
    let output = service(node, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    text(&output.stderr)
}

#[test]
fn services_are_registered_listed_and_watched() {
    let mut node = Node::start();
    assert_eq!(ok(&node, &["ls"]), "");
    let mut watch = Running::start(&node, &["--json", "watch", "shop"]);
    let mut first = Running::start(&node, &["register", "shop", "--address", "10.0.0.7", "--port", "80"]);
    assert_eq!(first.line(), "registered shop  10.0.0.7:80  10.0.0.7:80");
    assert_eq!(ok(&node, &["ls"]), "shop\n");
    assert_eq!(ok(&node, &["ls", "shop"]), "10.0.0.7:80  10.0.0.7:80\n");
    let event: serde_json::Value = serde_json::from_str(&watch.line()).unwrap();
    assert_eq!((&event["event"], &event["instance"]["port"]), (&"registered".into(), &80.into()));

    let payload = r#"{"zone":"b"}"#;
    let permanent = ["--lasting", "permanent", "--id", "other", "--address", "h", "--ssl-port", "443"];
    ok(&node, &[&["register", "shop", "--payload", payload][..], &permanent].concat());
    let event: serde_json::Value = serde_json::from_str(&watch.line()).unwrap();
    assert_eq!(event["instance"]["payload"]["zone"], "b");
    let listed = ok(&node, &["ls", "shop", "--json"]);
    let last: serde_json::Value = serde_json::from_str(listed.lines().last().unwrap()).unwrap();
    assert_eq!((&last["id"], &last["serviceType"]), (&"other".into(), &"PERMANENT".into()));

    // They outlive the server that they were registered with.
    node.kill();
    node.restart();
    first.stop();
    let gone = watch.line();
    assert!(gone.contains("\"gone\"") && gone.contains("10.0.0.7"), "{gone}");
    assert_eq!(ok(&node, &["ls", "shop"]), "other  h:443\n");
}

#[test]
fn wrong_usage_is_told_before_a_server_is_asked() {
    let node = Node::start();
    let register = ["register", "s", "--address", "h"];
    assert!(fails(&node, 2, &register).contains("--port"));
    let with = |more: &[&'static str]| [&register[..], &["--port", "1"], more].concat();
    assert!(fails(&node, 2, &with(&["--payload", "{"])).contains("no JSON"));
    assert!(fails(&node, 2, &with(&["--uri-spec", "{a"])).contains("URI"));
    assert!(fails(&node, 2, &with(&["--id", "a/b"])).contains("slash"));
    assert!(fails(&node, 2, &["ls", "--base", "no-path"]).contains("slash"));
    assert!(fails(&node, 1, &["ls", "a/b"]).contains("no name"));
}
