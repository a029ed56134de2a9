//! Fuzz targets for what comes from peers and from the disk. Each is a test that tries the inputs kept in `__fuzz__/` and random ones
//! for a moment; see the package `quorate-fuzz` for how to run one for longer.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use bolero::check;
use bytes::{Bytes, BytesMut};
use prost::Message;
use runtime::{Disk, OpenMode, SimDisk};

use crate::peers::fuzz::{decode_append, decode_vote, read_frames};
use crate::raft::{entry_from_wire, entry_to_wire, snapshot_meta_from_wire};
use crate::storage::SnapshotStore;
use crate::wire;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

/// Bytes on a peer's connection: messages, an error, or the end.
#[test]
fn peer_connections() {
    check!().for_each(|input: &[u8]| {
        run(read_frames(input));
    });
}

/// Requests whose checksum is right and whose contents are anything.
#[test]
fn peer_requests() {
    check!().for_each(|input: &[u8]| {
        if let Ok(request) = wire::AppendRequest::decode(input) {
            decode_append(request);
        }
        if let Ok(request) = wire::VoteRequest::decode(input) {
            decode_vote(request);
        }
        if let Ok(header) = wire::SnapshotHeader::decode(input) {
            drop(snapshot_meta_from_wire(&header));
        }
    });
}

#[test]
fn entries() {
    check!().for_each(|input: &[u8]| {
        let Ok(entry) = wire::Entry::decode(input) else { return };
        let Ok(entry) = entry_from_wire(entry) else { return };
        let again = entry_from_wire(entry_to_wire(&entry));
        assert_eq!(again.ok().as_ref(), Some(&entry));
    });
}

const DIR: &str = "/snapshots";

/// A disk with a snapshot of a few chunks, the path and the bytes of its file.
static SNAPSHOT: LazyLock<(SimDisk, PathBuf, Bytes)> = LazyLock::new(|| {
    run(async {
        let disk = SimDisk::new(1);
        let store = SnapshotStore::open(Arc::new(disk.clone()), DIR.into()).await.unwrap();
        let header = wire::SnapshotHeader {
            format: 1,
            last: Some(wire::LogId { term: 3, index: 99 }),
            ..Default::default()
        };
        let mut writer = store.create(header).await.unwrap();
        for chunk in [&b"first"[..], &[7; 5000], b""] {
            writer.push(chunk).await.unwrap();
        }
        let file = writer.finish().await.unwrap();
        let opened = disk.open(&file.path, OpenMode::Read).await.unwrap();
        let bytes = opened.read_at(0, file.length as usize).await.unwrap();
        (disk, file.path, bytes)
    })
});

/// All chunks of the newest snapshot, if it is whole.
async fn read_snapshot(disk: SimDisk) -> std::io::Result<Vec<Bytes>> {
    let store = SnapshotStore::open(Arc::new(disk), DIR.into()).await?;
    let Some(mut reader) = store.read_newest().await? else { return Ok(Vec::new()) };
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next().await? {
        chunks.push(chunk);
    }
    reader.finish()?;
    Ok(chunks)
}

/// A snapshot whose bytes were changed is refused.
#[test]
fn damaged_snapshots() {
    check!().with_type::<(u16, u8)>().for_each(|(position, change)| {
        let (disk, path, bytes) = &*SNAPSHOT;
        let offset = usize::from(*position) % bytes.len();
        if *change == 0 {
            return;
        }
        run(async {
            let disk = disk.backup();
            let file = disk.open(path, OpenMode::ReadWrite).await.unwrap();
            file.write_at(offset as u64, vec![vec![bytes[offset] ^ change].into()]).await.unwrap();
            assert!(
                read_snapshot(disk).await.is_err(),
                "byte {offset} was changed by {change:#x}, and nobody saw"
            );
        });
    });
}

/// Any bytes for a snapshot: refused, or whole by its own checksums.
#[test]
fn any_snapshot() {
    check!().for_each(|input: &[u8]| {
        run(async {
            let disk = SimDisk::new(1);
            disk.create_dir_all(Path::new(DIR)).await.unwrap();
            let path = Path::new(DIR).join("00000000000000000099-00000000000000000003.snapshot");
            let file = disk.open(&path, OpenMode::CreateNew).await.unwrap();
            file.write_at(0, vec![BytesMut::from(input).freeze()]).await.unwrap();
            let _ = read_snapshot(disk).await;
        });
    });
}
