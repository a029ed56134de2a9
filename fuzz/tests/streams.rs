//! Decoders of what the data plane keeps: commands in a shard's log, chunks of its snapshot.
//!
//! Both come from this cluster's own disks and nodes, behind checksums; still no bytes may panic a node.

use std::ops::Range;

use bolero::check;
use bytes::{Bytes, BytesMut};
use streams::{Command, ConsumerId, DeathReason, Delivery, Effects, Offset, PartitionId, Restore, Shard};

struct Ignore;

impl Effects for Ignore {
    fn store(&mut self, _: PartitionId, _: Offset, _: Bytes) {}
    fn released(&mut self, _: PartitionId, _: Range<Offset>) {}
    fn deliver(&mut self, _: ConsumerId, _: Delivery) {}
    fn taken(&mut self, _: ConsumerId, _: Delivery) {}
    fn cancelled(&mut self, _: ConsumerId, _: PartitionId) {}
    fn activated(&mut self, _: ConsumerId, _: PartitionId, _: u64) {}
    fn died(&mut self, _: PartitionId, _: Range<Offset>, _: DeathReason) {}
    fn dropped(&mut self, _: PartitionId) {}
    fn expired(&mut self, _: PartitionId) {}
}

/// A command that decodes encodes to one that is equal, can be applied whatever it asks, and leaves a shard that a snapshot
/// carries over.
#[test]
fn shard_commands() {
    check!().for_each(|input: &[u8]| {
        let Ok(command) = Command::decode(Bytes::copy_from_slice(input)) else { return };
        let mut bytes = BytesMut::new();
        command.encode(&mut bytes);
        assert_eq!(Command::decode(bytes.freeze()).as_ref(), Ok(&command));
        let mut shard = Shard::new();
        for (time_ms, op) in (0..).zip(command.ops) {
            shard.apply(time_ms, op, &mut Ignore);
        }
        shard.check_invariants();
        let mut restore = Restore::new();
        shard.freeze().chunks(1000).for_each(|chunk| restore.chunk(chunk).expect("it was just written"));
        assert_eq!(restore.finish().expect("it is complete").digest(), shard.digest());
    });
}

/// Any chunk, with a checksum that fits: an error, or a shard that works.
#[test]
fn shard_snapshot_chunks() {
    check!().for_each(|input: &[u8]| {
        let mut chunk = BytesMut::from(input);
        chunk.extend_from_slice(&crc32c::crc32c(input).to_le_bytes());
        let mut restore = Restore::new();
        if restore.chunk(chunk.freeze()).is_ok()
            && let Ok(shard) = restore.finish()
        {
            shard.check_invariants();
        }
    });
}
