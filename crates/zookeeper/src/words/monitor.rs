//! `mntr`: numbers for monitoring, a key and a value a line.

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use control::{LogStatus, Role};

use super::about::version_line;
use super::process;
use super::status::decimal;
use crate::serve::Server;

pub(super) fn mntr(server: &Server, status: &LogStatus) -> String {
    let mut lines = Lines::default();
    put_server(&mut lines, server, status);
    put_traffic(&mut lines, server);
    put_tree(&mut lines, server);
    put_quorum(&mut lines, status);
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn put(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.0, "zk_{key}\t{value}");
    }

    fn put_counter(&mut self, key: &str, counter: &AtomicU64) {
        self.put(key, counter.load(Ordering::Relaxed));
    }
}

fn put_server(lines: &mut Lines, server: &Server, status: &LogStatus) {
    lines.put("version", version_line());
    lines.put("server_state", status.role.word());
    let peer_state = match status.role {
        Role::Leader => Some("leading - broadcast"),
        Role::Follower => Some("following - broadcast"),
        Role::Observer => Some("observing - broadcast"),
        Role::Standalone | Role::Looking => None,
    };
    if let Some(state) = peer_state {
        lines.put("peer_state", state);
    }
    let uptime = server.runtime.clock.now().saturating_since(server.started);
    lines.put("uptime", uptime.as_millis());
    lines.put("open_file_descriptor_count", process::open_files());
    lines.put("max_file_descriptor_count", process::open_files_max());
}

fn put_traffic(lines: &mut Lines, server: &Server) {
    let metrics = server.control.metrics();
    let latency = metrics.latency.summary();
    lines.put("avg_latency", decimal(latency.mean_us / 1000.0));
    lines.put("max_latency", latency.max_us / 1000);
    lines.put("min_latency", latency.min_us / 1000);
    lines.put_counter("packets_received", &metrics.packets_received);
    lines.put_counter("packets_sent", &metrics.packets_sent);
    lines.put("num_alive_connections", server.registry.len());
    lines.put("outstanding_requests", metrics.outstanding.load(Ordering::Relaxed));
    lines.put_counter("auth_failed_count", &metrics.auth_failures);
    lines.put_counter("connection_request_count", &metrics.connections_accepted);
    lines.put_counter("connection_rejected", &metrics.connections_rejected);
    lines.put_counter("connection_drop_count", &metrics.connections_dropped);
    lines.put_counter("bytes_received_count", &metrics.bytes_received);
    lines.put_counter("response_bytes", &metrics.bytes_sent);
    lines.put_counter("stale_sessions_expired", &metrics.sessions_expired);
    lines.put_counter("commit_count", &metrics.commits);
    lines.put("connection_drop_probability", "0.0");
    lines.put("outstanding_tls_handshake", server.handshakes.under_way());
    lines.put("tls_handshake_exceeded", server.handshakes.exceeded());
    lines.put("unsuccessful_handshake", server.handshakes.failed());
    let one_sided = server.registry.all().into_iter().filter(|connection| !connection.state().is_mutual);
    let (local, remote): (Vec<_>, Vec<_>) = one_sided.partition(|connection| connection.is_local());
    lines.put("non_mtls_local_conn_count", local.len());
    lines.put("non_mtls_remote_conn_count", remote.len());
}

fn put_tree(lines: &mut Lines, server: &Server) {
    let counters = server.control.tree_counters();
    // As in `srvr`, the root counts twice.
    lines.put("znode_count", counters.nodes + 1);
    lines.put("watch_count", server.control.watch_counts().watches);
    lines.put("ephemerals_count", counters.ephemerals);
    lines.put("approximate_data_size", counters.data_bytes);
    lines.put("global_sessions", counters.sessions);
    lines.put("local_sessions", 0);
}

fn put_quorum(lines: &mut Lines, status: &LogStatus) {
    if status.role == Role::Leader {
        lines.put("quorum_size", status.followers + 1);
        lines.put("learners", status.followers);
        lines.put("synced_followers", status.synced_followers);
        lines.put("pending_syncs", 0);
    }
}
