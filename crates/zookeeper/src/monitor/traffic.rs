//! Requests, replies and connections.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Metrics, Value};
use crate::serve::Server;

pub(super) fn put(metrics: &mut Metrics, server: &Server) {
    put_requests(metrics, server);
    put_connections(metrics, server);
    put_security(metrics, server);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn put_requests(metrics: &mut Metrics, server: &Server) {
    let counted = server.control.metrics();
    let latency = counted.latency_us();
    let mean_ms = latency.mean() / 1000.0;
    metrics.put(
        "avg_latency",
        Value::Real(mean_ms),
        "Mean time from a request to its answer, ms, since `srst`.",
    );
    metrics.gauge("max_latency", latency.max() / 1000, "Longest time from a request to its answer, ms.");
    metrics.gauge("min_latency", latency.min() / 1000, "Shortest time from a request to its answer, ms.");
    metrics.gauge("packets_received", read(&counted.packets_received), "Requests received, since `srst`.");
    metrics.gauge("packets_sent", read(&counted.packets_sent), "Replies and events sent, since `srst`.");
    let outstanding = counted.outstanding.load(Ordering::Relaxed);
    metrics.gauge("outstanding_requests", outstanding, "Requests that wait for their answer.");
    let sizes = counted.reply_sizes.seen();
    metrics.gauge("last_client_response_size", sizes.last, "Bytes of the last reply; -1 before any.");
    metrics.gauge("max_client_response_size", sizes.max, "Bytes of the largest reply, since `srst`.");
    metrics.gauge("min_client_response_size", sizes.min, "Bytes of the smallest reply, since `srst`.");
    metrics.counter("bytes_received_count", read(&counted.bytes_received), "Bytes received from clients.");
    metrics.counter("response_bytes", read(&counted.bytes_sent), "Bytes sent to clients, events included.");
    metrics.counter("watch_bytes", read(&counted.event_bytes), "Bytes of watch events sent.");
}

fn put_connections(metrics: &mut Metrics, server: &Server) {
    let counted = server.control.metrics();
    metrics.gauge("num_alive_connections", server.registry.len(), "Connections of clients.");
    metrics.counter("connection_request_count", read(&counted.connections_accepted), "Connections accepted.");
    metrics.counter(
        "connection_rejected",
        read(&counted.connections_rejected),
        "Connections refused for a limit.",
    );
    metrics.counter(
        "connection_drop_count",
        read(&counted.connections_dropped),
        "Connections that the server ended.",
    );
    metrics.counter(
        "sessionless_connections_expired",
        read(&counted.connections_sessionless),
        "Connections ended because they had no session in time.",
    );
    metrics.counter(
        "connection_revalidate_count",
        read(&counted.sessions_taken_up),
        "Connections that came to take up a session.",
    );
    metrics.counter(
        "stale_sessions_expired",
        read(&counted.sessions_expired),
        "Sessions that this node, leading, found silent for too long.",
    );
    metrics.put(
        "connection_drop_probability",
        Value::Real(0.0),
        "Always 0: connections are refused at a limit, never by chance.",
    );
}

fn put_security(metrics: &mut Metrics, server: &Server) {
    let counted = server.control.metrics();
    metrics.gauge("auth_failed_count", read(&counted.auth_failures), "Authentications refused.");
    let under_way = server.handshakes.under_way();
    metrics.gauge("outstanding_tls_handshake", under_way, "TLS handshakes under way.");
    metrics.counter(
        "tls_handshake_exceeded",
        server.handshakes.exceeded(),
        "Connections ended because too many TLS handshakes were under way.",
    );
    metrics.counter("unsuccessful_handshake", server.handshakes.failed(), "TLS handshakes that failed.");
    let [local, remote] = one_sided(server);
    metrics.gauge("non_mtls_local_conn_count", local, "Connections from this machine without a certificate.");
    metrics.gauge(
        "non_mtls_remote_conn_count",
        remote,
        "Connections from other machines without a certificate.",
    );
}

/// Connections where the client has shown no certificate: those from this machine, and the others.
pub(crate) fn one_sided(server: &Server) -> [usize; 2] {
    let one_sided = server.registry.all().into_iter().filter(|connection| !connection.state().is_mutual);
    let (local, remote): (Vec<_>, Vec<_>) = one_sided.partition(|connection| connection.is_local());
    [local.len(), remote.len()]
}
