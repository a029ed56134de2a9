//! `quorate bench amqp`, at a node as a process.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests that run programs")]

mod support;

use serde_json::Value;
use support::{Node, text};

/// What the load reports.
#[track_caller]
fn load(node: &Node, arguments: &str) -> Value {
    let address = node.amqp_address();
    let arguments: Vec<&str> = arguments.split_ascii_whitespace().collect();
    let output =
        node.program(&[&["bench", "amqp", "--json", "--servers", &address], &arguments[..]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn queues(node: &Node) -> String {
    let output = node.program(&["queue", "--admin", &node.admin_address(), "list"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn what_is_published_is_confirmed_and_received() {
    let node = Node::start_with_queues();
    let report =
        load(&node, "--queues 2 --publishers 3 --consumers 2 --in-flight 20 --ack-every 7 --count 1001");
    assert_eq!(
        (&report["confirmed"]["messages"], &report["received"]["messages"]),
        (&1001.into(), &1001.into())
    );
    assert_eq!((&report["refused"], &report["redelivered"]), (&0.into(), &0.into()));
    for latency in [&report["confirmed"]["latency_us"], &report["received"]["latency_us"]] {
        assert!(latency["p50"].as_f64().unwrap() > 0.0, "{report}");
    }
    assert!(!queues(&node).contains("bench-"), "they are deleted");
}

#[test]
fn a_backlog_is_kept_and_drained_by_another_run() {
    let node = Node::start_with_queues();
    load(&node, "--consumers 0 --size 16 --count 300 --keep");
    assert!(queues(&node).contains("bench-1"));
    let drained = load(&node, "--publishers 0 --count 300");
    assert_eq!(drained["received"]["messages"], 300);
    assert_eq!(drained["received"]["latency_us"]["max"], 0.0, "nobody here knows when they were sent");
}

#[test]
fn a_rate_is_kept() {
    let node = Node::start_with_queues();
    let report = load(&node, "--rate 200 --secs 1 --warmup-secs 0.2");
    let confirmed = report["confirmed"]["messages"].as_u64().unwrap();
    assert!((100..=240).contains(&confirmed), "{report}");
}

#[test]
fn failures_and_wrong_usage_differ() {
    let node = Node::start_with_queues();
    let usage = node.program(&["bench", "amqp", "--size", "3"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(text(&usage.stderr).contains("--size"), "{}", text(&usage.stderr));
    let refused = node.program(&["bench", "amqp", "--servers", &node.amqp_address(), "--password", "wrong"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("403"), "{}", text(&refused.stderr));
}
