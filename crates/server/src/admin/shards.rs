//! Metrics of the shards' replicas on this node.

use metrics::{counter, gauge};

use crate::data::DataPlane;

pub(super) fn put(data: &DataPlane) {
    for replica in (1..=data.shards.shard_count()).filter_map(|shard| data.shards.replica(shard)) {
        let labels = [("shard", replica.shard().to_string())];
        let partitions = replica.read(|shard| shard.partitions().len());
        gauge!("quorate_shard_partitions", &labels).set(partitions as f64);
        let stats = replica.frames().stats();
        for (name, value) in [
            ("quorate_shard_memory_frames", stats.memory_frames),
            ("quorate_shard_memory_bytes", stats.memory_bytes),
            ("quorate_shard_files", stats.files as u64),
            ("quorate_shard_file_bytes", stats.file_bytes),
            ("quorate_shard_file_frames", stats.file_frames),
            ("quorate_shard_index_bytes", stats.index_bytes as u64),
            ("quorate_shard_cache_bytes", stats.cache_bytes as u64),
        ] {
            gauge!(name, &labels).set(value as f64);
        }
        for (name, value) in [
            ("quorate_shard_reads_total", stats.reads),
            ("quorate_shard_read_bytes_total", stats.read_bytes),
            ("quorate_shard_checkpoints_total", stats.checkpoints),
            ("quorate_shard_written_bytes_total", stats.written_bytes),
            ("quorate_shard_rewritten_bytes_total", stats.rewritten_bytes),
        ] {
            counter!(name, &labels).absolute(value);
        }
    }
}
