//! `srvr`, `stat` and `srst`.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use control::Role;

use super::connections::short_line;
use crate::about::version_line;
use crate::monitor::decimal;
use crate::serve::Server;

pub(super) fn srvr(server: &Server, role: Role) -> String {
    let mut text = format!("Zookeeper version: {}\n", version_line());
    put_numbers(server, role, &mut text);
    text
}

pub(super) fn stat(server: &Server, role: Role) -> String {
    let mut text = format!("Zookeeper version: {}\nClients:\n", version_line());
    for connection in server.registry.all() {
        text.push_str(&short_line(&connection, server.config.outstanding_max));
    }
    text.push('\n');
    put_numbers(server, role, &mut text);
    text
}

pub(super) fn srst(server: &Server) -> String {
    server.control.metrics().reset_requests();
    "Server stats reset.\n".to_owned()
}

fn put_numbers(server: &Server, role: Role, text: &mut String) {
    let metrics = server.control.metrics();
    let latency = metrics.latency_us();
    let counters = server.control.tree_counters();
    let lines = [
        format!(
            "Latency min/avg/max: {}/{}/{}",
            latency.min() / 1000,
            decimal(latency.mean() / 1000.0),
            latency.max() / 1000
        ),
        format!("Received: {}", metrics.packets_received.load(Ordering::Relaxed)),
        format!("Sent: {}", metrics.packets_sent.load(Ordering::Relaxed)),
        format!("Connections: {}", server.registry.len()),
        format!("Outstanding: {}", metrics.outstanding.load(Ordering::Relaxed)),
        format!("Zxid: {}", server.control.zxid()),
        format!("Mode: {}", role.word()),
        // ZooKeeper counts the root twice, and its users compare the numbers.
        format!("Node count: {}", counters.nodes + 1),
    ];
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    if role == Role::Leader {
        let sizes = metrics.command_sizes.seen();
        let _ = writeln!(text, "Proposal sizes last/min/max: {}/{}/{}", sizes.last, sizes.min, sizes.max);
    }
}
