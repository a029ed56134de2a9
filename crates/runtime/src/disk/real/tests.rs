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
fn a_file_system_has_room() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        assert!(SystemDisk.free_bytes(dir.path()).await.unwrap() > 1 << 20);
        assert!(SystemDisk.free_bytes(&dir.path().join("none")).await.is_err());
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

const BLOCK: usize = 4096;

fn blocks(byte: u8, count: usize) -> Bytes {
    vec![byte; BLOCK * count].into()
}

#[test]
fn whole_blocks_and_other_bytes_read_back_alike() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&SystemDisk, &dir, "a").await;
        file.allocate(64 * BLOCK as u64).await.unwrap();
        let mut expected = vec![0; 64 * BLOCK];
        // Past the cache and through it in turns, over each other.
        for round in 0..40_u8 {
            let at = usize::from(round) * 7 % 50 * BLOCK + if round % 3 == 0 { 100 } else { 0 };
            let parts =
                vec![blocks(round, 1), Bytes::from(vec![round; 1000]), Bytes::from(vec![round; 3096])];
            let bytes = parts.concat();
            expected[at..at + bytes.len()].copy_from_slice(&bytes);
            file.write_and_sync(at as u64, parts).await.unwrap();
            assert_eq!(file.read_at(0, expected.len()).await.unwrap(), expected, "round {round}");
        }
        assert_eq!(file.len().await.unwrap(), expected.len() as u64);
    });
}

#[test]
fn a_mark_is_written_when_nothing_follows_and_superseded_by_what_does() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = create(&SystemDisk, &dir, "a").await;
        file.allocate(16 * BLOCK as u64).await.unwrap();
        for at in 0..4 {
            let here = at * BLOCK as u64;
            let behind = here + BLOCK as u64;
            file.write_sync_and_mark(here, vec![blocks(7, 1)], behind, blocks(9, 1)).await.unwrap();
        }
        // What is given next and is no such write comes behind the mark.
        file.sync_data().await.unwrap();
        let expected = [vec![7; 4 * BLOCK], vec![9; BLOCK], vec![0; BLOCK]].concat();
        assert_eq!(file.read_at(0, 6 * BLOCK).await.unwrap(), expected);
        file.write_sync_and_mark(0, vec![blocks(1, 1)], BLOCK as u64, blocks(2, 1)).await.unwrap();
        while file.read_at(BLOCK as u64, 1).await.unwrap()[0] != 2 {
            tokio::task::yield_now().await;
        }
    });
}
