use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::SystemDisk;
use crate::disk::{Disk, File, OpenMode};

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test)
}

async fn create(disk: &SystemDisk, dir: &tempfile::TempDir, name: &str) -> Arc<dyn File> {
    disk.open(&dir.path().join(name), OpenMode::CreateNew).await.unwrap()
}

#[test]
fn reads_back_what_was_written_in_many_parts() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&SystemDisk, &dir, "a").await;
        // More parts than one system call takes, some of them empty.
        let parts: Vec<Bytes> = (0..3000_u32).map(|i| Bytes::from(vec![i as u8; (i % 7) as usize])).collect();
        let expected: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        file.write_and_sync(10, parts).await.unwrap();
        assert_eq!(file.len().await.unwrap(), 10 + expected.len() as u64);
        assert_eq!(file.read_at(10, expected.len() + 100).await.unwrap(), expected);
        assert_eq!(file.read_at(0, 10).await.unwrap(), vec![0; 10]);
        assert_eq!(file.read_at(1 << 30, 10).await.unwrap(), Bytes::new());
    });
}

#[test]
fn allocated_space_reads_as_zeros_and_set_len_cuts() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&SystemDisk, &dir, "a").await;
        file.write_at(0, vec![Bytes::from_static(b"head")]).await.unwrap();
        file.allocate(8192).await.unwrap();
        assert_eq!(file.len().await.unwrap(), 8192);
        assert_eq!(file.read_at(0, 6).await.unwrap(), b"head\0\0"[..]);
        file.set_len(2).await.unwrap();
        file.sync_data().await.unwrap();
        assert_eq!(file.read_at(0, 6).await.unwrap(), b"he"[..]);
    });
}

#[test]
fn names_change_as_asked() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        create(&SystemDisk, &dir, "a").await;
        let again = SystemDisk.open(&a, OpenMode::CreateNew).await.err().unwrap();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        SystemDisk.create_dir_all(&dir.path().join("folder/inner")).await.unwrap();
        SystemDisk.rename(&a, &b).await.unwrap();
        SystemDisk.sync_dir(dir.path()).await.unwrap();
        assert_eq!(SystemDisk.list(dir.path()).await.unwrap(), vec![b.clone()]);
        let gone = SystemDisk.open(&a, OpenMode::Read).await.err().unwrap();
        assert_eq!(gone.kind(), io::ErrorKind::NotFound);
        SystemDisk.remove(&b).await.unwrap();
        assert!(SystemDisk.list(dir.path()).await.unwrap().is_empty());
    });
}

#[test]
fn a_file_opened_to_read_refuses_writes() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        create(&SystemDisk, &dir, "a").await;
        let file = SystemDisk.open(&dir.path().join("a"), OpenMode::Read).await.unwrap();
        assert!(file.write_at(0, vec![Bytes::from_static(b"x")]).await.is_err());
    });
}

#[test]
fn a_lock_excludes_until_dropped() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = SystemDisk.lock(&path).await.unwrap();
        let refused = SystemDisk.lock(&path).await.err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        SystemDisk.lock(&path).await.unwrap();
    });
}
