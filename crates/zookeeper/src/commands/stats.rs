//! Numbers.

use std::sync::atomic::Ordering;

use control::{LogStatus, Role};
use measure::Seen;
use serde_json::{Map, Value, json};

use super::Outcome;
use super::connections::{brief, listed};
use crate::about::version_line;
use crate::monitor::{Number, collect, flatten, one_sided, rounded};
use crate::serve::Server;

pub(super) fn monitor(server: &Server, status: &LogStatus) -> Outcome {
    let shown = flatten(collect(server, Some(status))).into_iter().map(|(key, number)| {
        let value = match number {
            Number::Text(text) => json!(text),
            Number::Whole(number) => json!(number),
            Number::Real(number) => json!(rounded(number)),
        };
        (key, value)
    });
    Ok(Value::Object(shown.collect()))
}

pub(super) fn reset(server: &Server, _: &LogStatus) -> Outcome {
    server.control.metrics().reset_requests();
    Ok(Value::Null)
}

pub(super) fn server_stats(server: &Server, status: &LogStatus) -> Outcome {
    Ok(Value::Object(numbers(server, status)))
}

pub(super) fn stats(server: &Server, status: &LogStatus) -> Outcome {
    let mut shown = numbers(server, status);
    let [connections, secure] = listed(server, brief);
    shown.insert("connections".to_owned(), json!(connections));
    shown.insert("secure_connections".to_owned(), json!(secure));
    Ok(Value::Object(shown))
}

fn numbers(server: &Server, status: &LogStatus) -> Map<String, Value> {
    let metrics = server.control.metrics();
    let mut shown = Map::new();
    let mut put = |key: &str, value: Value| shown.insert(key.to_owned(), value);
    put("version", json!(version_line()));
    put("read_only", json!(false));
    put("server_stats", in_short(server, status));
    put("client_response", sizes(metrics.reply_sizes.seen()));
    if status.role == Role::Leader {
        put("proposal_stats", sizes(metrics.command_sizes.seen()));
    }
    // ZooKeeper counts the root twice, and its users compare the numbers.
    put("node_count", json!(server.control.tree_counters().nodes + 1));
    shown
}

fn in_short(server: &Server, status: &LogStatus) -> Value {
    let metrics = server.control.metrics();
    let latency = metrics.latency_us();
    let disk = (server.config.disk)();
    let uptime = server.runtime.clock.now().saturating_since(server.started);
    let [local, remote] = one_sided(server);
    json!({
        "packets_sent": metrics.packets_sent.load(Ordering::Relaxed),
        "packets_received": metrics.packets_received.load(Ordering::Relaxed),
        "fsync_threshold_exceed_count": disk.slow_batches,
        "client_response_stats": sizes(metrics.reply_sizes.seen()),
        "data_dir_size": disk.data_bytes,
        "log_dir_size": disk.data_bytes,
        "provider_null": false,
        "last_processed_zxid": server.control.zxid().0,
        "outstanding_requests": metrics.outstanding.load(Ordering::Relaxed),
        "server_state": status.role.word(),
        "avg_latency": rounded(latency.mean() / 1000.0),
        "max_latency": latency.max() / 1000,
        "min_latency": latency.min() / 1000,
        "num_alive_client_connections": server.registry.len(),
        "auth_failed_count": metrics.auth_failures.load(Ordering::Relaxed),
        "non_mtlsremote_conn_count": remote,
        "non_mtlslocal_conn_count": local,
        "uptime": u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
    })
}

fn sizes(seen: Seen) -> Value {
    json!({ "last_buffer_size": seen.last, "min_buffer_size": seen.min, "max_buffer_size": seen.max })
}
