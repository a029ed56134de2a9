//! Metrics of queues and their clients, under RabbitMQ's names.
//!
//! Every node has all queues. As dashboards add nodes up, a queue counts on one: the leader of its shard. Clients count where
//! they are connected.

use std::fmt::Write;

use amqp::{QueueCounts, Resource};
use metrics::{counter, gauge};

use crate::data::DataPlane;
use crate::data::shortage::queue_bytes;
use crate::node::Parts;

/// How much is said of queues.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Sums,
    EachQueue,
}

/// What queues add up to.
#[derive(Default)]
struct Sums {
    queues: u64,
    ready: u64,
    unacked: u64,
    consumers: u64,
}

pub(super) fn put(parts: &Parts, data: &DataPlane, detail: Detail) {
    let node = parts.identity.node.to_string();
    let labels = [
        ("rabbitmq_node", format!("quorate@{node}")),
        ("rabbitmq_cluster", data.amqp.cluster_name().to_owned()),
    ];
    gauge!("rabbitmq_identity_info", &labels).set(1.0);
    let labels = [("product_name", "Quorate"), ("product_version", env!("CARGO_PKG_VERSION"))];
    gauge!("rabbitmq_build_info", &labels).set(1.0);
    put_alarms(data);
    put_clients(data);
    put_messages(data.amqp.metrics());
    let sums = sums(data);
    gauge!("rabbitmq_queues").set(sums.queues as f64);
    gauge!("rabbitmq_consumers").set(sums.consumers as f64);
    if detail == Detail::Sums {
        gauge!("rabbitmq_queue_messages_ready").set(sums.ready as f64);
        gauge!("rabbitmq_queue_messages_unacked").set(sums.unacked as f64);
        gauge!("rabbitmq_queue_messages").set((sums.ready + sums.unacked) as f64);
    }
}

/// What has no limit shows none.
fn put_alarms(data: &DataPlane) {
    let own = data.amqp.alarms().own();
    let is_set = |resource| f64::from(u8::from(own.contains(&resource)));
    gauge!("rabbitmq_alarms_memory_used_watermark").set(is_set(Resource::Memory));
    gauge!("rabbitmq_alarms_free_disk_space_watermark").set(is_set(Resource::Disk));
    gauge!("quorate_queue_bytes").set(queue_bytes(&data.shards) as f64);
    let limits = data.shortage.limits;
    gauge!("rabbitmq_disk_space_available_limit_bytes").set(limits.disk_free_bytes as f64);
    for (name, bytes) in [
        ("quorate_queue_bytes_max", limits.queue_bytes),
        ("rabbitmq_disk_space_available_bytes", data.shortage.disk_free_bytes()),
    ] {
        if let Some(bytes) = bytes {
            gauge!(name).set(bytes as f64);
        }
    }
}

fn put_clients(data: &DataPlane) {
    let connections = data.amqp.connections();
    let channels: usize = connections.iter().map(|connection| connection.state().channels).sum();
    gauge!("rabbitmq_connections").set(connections.len() as f64);
    gauge!("rabbitmq_channels").set(channels as f64);
    let metrics = data.amqp.metrics();
    let logins = (metrics.logins.get(), metrics.logins_refused.get());
    for (name, count) in [
        ("rabbitmq_connections_opened_total", metrics.connections_opened.get()),
        ("rabbitmq_connections_closed_total", metrics.connections_closed.get()),
        ("rabbitmq_channels_opened_total", metrics.channels_opened.get()),
        ("rabbitmq_channels_closed_total", metrics.channels_closed.get()),
        ("quorate_amqp_tls_handshakes_refused_total", metrics.tls_handshakes_refused.get()),
        ("quorate_amqp_tls_handshakes_failed_total", metrics.tls_handshakes_failed.get()),
        ("rabbitmq_auth_attempts_total", logins.0),
        ("rabbitmq_auth_attempts_failed_total", logins.1),
        ("rabbitmq_auth_attempts_succeeded_total", logins.0.saturating_sub(logins.1)),
    ] {
        counter!(name).absolute(count);
    }
}

fn put_messages(metrics: &amqp::Metrics) {
    let labels = [("protocol", "amqp091")];
    for (name, count) in [
        ("rabbitmq_global_messages_received_total", &metrics.published),
        ("rabbitmq_global_messages_confirmed_total", &metrics.confirmed),
        ("rabbitmq_global_messages_unroutable_returned_total", &metrics.returned),
        ("rabbitmq_global_messages_unroutable_dropped_total", &metrics.unroutable),
        ("rabbitmq_global_messages_redelivered_total", &metrics.redelivered),
        ("rabbitmq_global_messages_acknowledged_total", &metrics.acknowledged),
        ("rabbitmq_global_messages_get_empty_total", &metrics.got_nothing),
    ] {
        counter!(name, &labels).absolute(count.get());
    }
    let delivered = metrics.delivered.get() + metrics.got.get();
    counter!("rabbitmq_global_messages_delivered_total", &labels).absolute(delivered);
}

/// The shards whose queues count here.
fn led(data: &DataPlane) -> impl Iterator<Item = std::sync::Arc<::shards::Replica>> + '_ {
    let led = data.groups().into_iter().map(|group| group.status());
    let led = led.filter(|status| status.leadership.is_self).map(|status| status.group);
    led.filter_map(|shard| data.shards.replica(shard))
}

fn sums(data: &DataPlane) -> Sums {
    let (mut sums, topology) = (Sums::default(), data.catalog.topology());
    for replica in led(data) {
        replica.read(|shard| {
            let queues = topology.queues_of_shard(replica.shard());
            for counts in queues.filter_map(|queue| QueueCounts::in_shard(shard, queue)) {
                sums.queues += 1;
                sums.ready += counts.ready;
                sums.unacked += counts.unsettled;
                sums.consumers += counts.consumers;
            }
        });
    }
    sums
}

type Measure = fn(&QueueCounts) -> u64;

/// What is said of each queue.
const OF_EACH: [(&str, &str, Measure); 5] = [
    ("rabbitmq_queue_messages_ready", "gauge", |counts| counts.ready),
    ("rabbitmq_queue_messages_unacked", "gauge", |counts| counts.unsettled),
    ("rabbitmq_queue_messages", "gauge", |counts| counts.ready + counts.unsettled),
    ("rabbitmq_queue_consumers", "gauge", |counts| counts.consumers),
    ("rabbitmq_queue_messages_published_total", "counter", |counts| counts.published),
];

/// Written by hand: a recorder of ten thousand queues costs more than their numbers.
pub(super) fn write_each(data: &DataPlane, text: &mut String) {
    let topology = data.catalog.topology();
    let mut rows: Vec<(String, QueueCounts)> = Vec::new();
    for replica in led(data) {
        let queues: Vec<_> = topology.queues_of_shard(replica.shard()).collect();
        let counted: Vec<_> =
            replica.read(|shard| queues.iter().map(|queue| QueueCounts::in_shard(shard, queue)).collect());
        for (queue, counts) in queues.into_iter().zip(counted) {
            let (vhost, name) = (queue.vhost.to_string(), queue.name.to_string());
            let labels = format!("vhost=\"{}\",queue=\"{}\"", escaped(&vhost), escaped(&name));
            rows.extend(counts.map(|counts| (labels, counts)));
        }
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind, measure) in OF_EACH {
        let _infallible = writeln!(text, "# TYPE {name} {kind}");
        for (labels, counts) in &rows {
            let _infallible = writeln!(text, "{name}{{{labels}}} {}", measure(counts));
        }
    }
}

/// As Prometheus' text format has values of labels.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_queues_can_not_break_out_of_labels() {
        assert_eq!(escaped("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }
}
