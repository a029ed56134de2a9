//! `quorate queue`, the management API and the metrics of queues, on a node as a process.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests that run programs")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Node, text};

const GUEST: &str = "Z3Vlc3Q6Z3Vlc3Q=";

/// `quorate queue` with this node.
fn queue(node: &Node, arguments: &[&str]) -> std::process::Output {
    let admin = node.admin_address();
    node.program(&[&["queue", "--admin", &admin], arguments].concat())
}

#[track_caller]
fn ok(node: &Node, arguments: &[&str]) -> String {
    let output = queue(node, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Status and body of an answer of the admin listener.
fn ask(node: &Node, method: &str, path: &str, authorization: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(node.admin_address()).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\nauthorization: Basic {authorization}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[track_caller]
fn json_of(node: &Node, path: &str) -> Value {
    let (status, body) = ask(node, "GET", path, GUEST, "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn make_queue(node: &Node, name: &str) {
    let body = json!({ "durable": true, "arguments": { "x-queue-type": "quorum" } }).to_string();
    let (status, answer) = ask(node, "PUT", &format!("/api/queues/%2F/{name}"), GUEST, &body);
    assert_eq!(status, 201, "{answer}");
    let (status, _) = ask(node, "PUT", &format!("/api/queues/%2F/{name}"), GUEST, &body);
    assert_eq!(status, 204, "once more changes nothing");
}

#[test]
fn messages_go_in_are_looked_at_and_come_out() {
    let node = Node::start_with_queues();
    make_queue(&node, "tasks");
    ok(&node, &["publish", "tasks", "one"]);
    ok(&node, &["publish", "tasks", "two"]);
    assert_eq!(ok(&node, &["peek", "tasks"]), "one\ntwo\n");
    let peeked = ok(&node, &["--json", "peek", "--from", "1", "tasks"]);
    let peeked: Value = serde_json::from_str(&peeked).unwrap();
    assert_eq!((&peeked["payload"], &peeked["offset"]), (&json!("two"), &json!(1)));
    let listed: Value = serde_json::from_str(&ok(&node, &["--json", "list"])).unwrap();
    assert_eq!((&listed["name"], &listed["messages_ready"]), (&json!("tasks"), &json!(2)));
    assert_eq!(ok(&node, &["consume", "--count", "1", "tasks"]), "one\n");
    assert_eq!(ok(&node, &["consume", "tasks"]), "two\n");
    ok(&node, &["publish", "tasks", "three"]);
    ok(&node, &["purge", "tasks"]);
    assert_eq!(ok(&node, &["consume", "tasks"]), "");
    let lost = queue(&node, &["publish", "nowhere", "x"]);
    assert_eq!(lost.status.code(), Some(1));
    assert!(text(&lost.stderr).contains("found no queue"), "{}", text(&lost.stderr));
    let none = queue(&node, &["purge", "nowhere"]);
    assert_eq!(none.status.code(), Some(1));
    assert_eq!(queue(&node, &["--user", "guest", "list"]).status.code(), Some(2));
    assert_eq!(queue(&node, &["--user", "guest:wrong", "list"]).status.code(), Some(1));
}

#[test]
fn the_management_api_is_as_its_clients_know_it() {
    let node = Node::start_with_queues();
    make_queue(&node, "jobs");
    let publish = json!({ "properties": { "headers": { "a": 1 } }, "routing_key": "jobs", "payload": "x",
        "payload_encoding": "string" });
    let (status, routed) =
        ask(&node, "POST", "/api/exchanges/%2F/amq.default/publish", GUEST, &publish.to_string());
    assert_eq!((status, routed.as_str()), (200, "{\"routed\":true}"));
    let jobs = json_of(&node, "/api/queues/%2F/jobs");
    assert_eq!(
        (&jobs["messages"], &jobs["type"], &jobs["state"]),
        (&json!(1), &json!("quorum"), &json!("running"))
    );
    // What KEDA asks for.
    let page =
        json_of(&node, "/api/queues/%2F?page=1&use_regex=true&pagination=false&name=%5Ejo&page_size=100");
    assert_eq!((&page["filtered_count"], &page["items"][0]["name"]), (&json!(1), &json!("jobs")));
    let get = json!({ "count": 5, "ackmode": "ack_requeue_true", "encoding": "auto" }).to_string();
    for redelivered in [false, true] {
        let (_, taken) = ask(&node, "POST", "/api/queues/%2F/jobs/get", GUEST, &get);
        let taken: Value = serde_json::from_str(&taken).unwrap();
        assert_eq!(taken[0]["redelivered"], redelivered, "{taken}");
        assert_eq!(taken[0]["properties"]["headers"]["a"], 1);
    }
    let overview = json_of(&node, "/api/overview");
    assert_eq!(overview["queue_totals"]["messages"], 1);
    assert_eq!(json_of(&node, "/api/aliveness-test/%2F"), json!({ "status": "ok" }));
    let definitions = json_of(&node, "/api/definitions");
    assert!(definitions["queues"].as_array().unwrap().iter().any(|queue| queue["name"] == "jobs"));
    let missing = (404, "{\"error\":\"Object Not Found\",\"reason\":\"Not Found\"}".to_owned());
    assert_eq!(ask(&node, "GET", "/api/queues/%2F/none", GUEST, ""), missing);
    assert_eq!(ask(&node, "GET", "/api/federation-links", GUEST, ""), missing);
    assert_eq!(ask(&node, "GET", "/api/overview", "Z3Vlc3Q6d3Jvbmc=", "").0, 401);
    assert_eq!(ask(&node, "DELETE", "/api/queues/%2F/jobs?if-empty=true", GUEST, "").0, 400);
    assert_eq!(ask(&node, "DELETE", "/api/queues/%2F/jobs", GUEST, "").0, 204);
    assert_eq!(ask(&node, "GET", "/api/queues/%2F/jobs", GUEST, "").0, 404);
}

#[test]
fn users_do_what_their_tags_and_permissions_let_them() {
    let node = Node::start_with_queues();
    make_queue(&node, "open");
    make_queue(&node, "secret");
    let put = |path: &str, body: Value| assert_eq!(ask(&node, "PUT", path, GUEST, &body.to_string()).0, 201);
    put("/api/users/ann", json!({ "password": "p", "tags": "management" }));
    put("/api/permissions/%2F/ann", json!({ "configure": "^$", "write": ".*", "read": "^open$" }));
    put("/api/users/bob", json!({ "password": "p", "tags": "" }));
    let (ann, bob) = ("YW5uOnA=", "Ym9iOnA=");
    assert_eq!(ask(&node, "GET", "/api/overview", bob, "").0, 401);
    assert_eq!(ask(&node, "GET", "/api/queues/%2F/open/peek", ann, "").0, 200);
    assert_eq!(ask(&node, "GET", "/api/queues/%2F/secret/peek", ann, "").0, 401);
    assert_eq!(ask(&node, "DELETE", "/api/queues/%2F/open", ann, "").0, 401);
    assert_eq!(ask(&node, "GET", "/api/users", ann, "").0, 401);
    assert_eq!(ask(&node, "GET", "/api/definitions", ann, "").0, 401);
}

#[test]
fn metrics_and_status_show_shards_and_queues() {
    let node = Node::start_with_queues();
    make_queue(&node, "many");
    ok(&node, &["publish", "many", "x"]);
    let status = json_of(&node, "/status");
    let groups: Vec<u64> =
        status["groups"].as_array().unwrap().iter().map(|group| group["group"].as_u64().unwrap()).collect();
    assert!(groups.len() > 1 && groups.iter().copied().eq(0..groups.len() as u64), "{groups:?}");
    let (_, metrics) = ask(&node, "GET", "/metrics", GUEST, "");
    for line in
        ["rabbitmq_queue_messages_ready 1\n", "rabbitmq_queues 1\n", "quorate_shard_partitions{shard=\"1\"}"]
    {
        assert!(metrics.contains(line), "no {line:?} in {metrics}");
    }
    assert!(!metrics.contains("queue=\"many\""));
    let (_, each) = ask(&node, "GET", "/metrics/per-object", GUEST, "");
    assert!(each.contains("rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"many\"} 1\n"), "{each}");
}
