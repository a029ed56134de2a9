//! Backups: files that somebody kept somewhere, and that may be anything by now.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use bolero::check;
use bytes::{BufMut, Bytes, BytesMut};
use runtime::{Disk, OpenMode, SimDisk};
use server::backup::{BackupFile, Header};

const DIR: &str = "/backups";
const MAGIC: &[u8] = b"quorate backup\n";

/// Reads it as `backup verify` does; says whether it was found whole.
fn is_whole(file: Bytes) -> bool {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
        let disk = SimDisk::new(1);
        disk.create_dir_all(Path::new(DIR)).await.unwrap();
        let path = Path::new(DIR).join("cluster");
        let made = disk.open(&path, OpenMode::CreateNew).await.unwrap();
        made.write_at(0, vec![file]).await.unwrap();
        let Ok(backup) = BackupFile::open(&disk, &path).await else { return false };
        backup.contents().await.is_ok()
    })
}

/// A file whose checksums are right.
fn file_of(header: &[u8], snapshot: &[u8]) -> Bytes {
    let mut file = BytesMut::from(MAGIC);
    file.put_u32(u32::try_from(header.len()).unwrap());
    file.put_u32(crc32c::crc32c(header));
    file.put_slice(header);
    file.put_slice(snapshot);
    file.put_u32(crc32c::crc32c(&file));
    file.freeze()
}

#[test]
fn any_backup() {
    check!().for_each(|input: &[u8]| {
        assert!(!is_whole(Bytes::copy_from_slice(input)));
        let begun = [MAGIC, input].concat();
        assert!(!is_whole(begun.into()));
    });
}

/// No snapshot is empty, so no header makes a backup of nothing.
#[test]
fn any_backup_header() {
    check!().for_each(|input: &[u8]| assert!(!is_whole(file_of(input, b""))));
}

/// Refused, or a tree can be made of it: no panic, and no more memory than it has bytes.
#[test]
fn any_backup_snapshot() {
    check!().for_each(|input: &[u8]| {
        let header = Header {
            format: 1,
            version: "0.1.0".into(),
            cluster: "c".into(),
            node: 1,
            zxid: "0x1".into(),
            taken_at_ms: 0,
            term: 1,
            index: 1,
            snapshot_bytes: input.len() as u64,
            shards: Vec::new(),
        };
        is_whole(file_of(&serde_json::to_vec(&header).unwrap(), input));
    });
}
