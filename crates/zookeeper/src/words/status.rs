//! `srvr`, `stat` and `srst`.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use control::Role;

use super::about::version_line;
use super::connections::short_line;
use crate::serve::Server;

pub(super) fn srvr(server: &Server, role: Role) -> String {
    let mut text = format!("Zookeeper version: {}\n", version_line());
    put_numbers(server, role, &mut text);
    text
}

pub(super) fn stat(server: &Server, role: Role) -> String {
    let mut text = format!("Zookeeper version: {}\nClients:\n", version_line());
    for connection in server.registry.all() {
        text.push_str(&short_line(&connection));
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
    let latency = metrics.latency.summary();
    let counters = server.control.tree_counters();
    let lines = [
        format!(
            "Latency min/avg/max: {}/{}/{}",
            latency.min_us / 1000,
            decimal(latency.mean_us / 1000.0),
            latency.max_us / 1000
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
        text.push_str("Proposal sizes last/min/max: -1/-1/-1\n");
    }
}

/// Up to four decimals, at least one.
pub(super) fn decimal(number: f64) -> String {
    let text = format!("{number:.4}");
    let shorter = text.trim_end_matches('0');
    if shorter.ends_with('.') { format!("{shorter}0") } else { shorter.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_look_like_those_of_zookeeper() {
        assert_eq!(decimal(0.0), "0.0");
        assert_eq!(decimal(1.25), "1.25");
        assert_eq!(decimal(2.0 / 3.0), "0.6667");
    }
}
