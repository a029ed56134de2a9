//! The journal's files, from a disk that has changed some bytes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use bolero::check;
use bytes::Bytes;
use journal::{Config, GroupId, Journal};
use runtime::disk::sim::Crash;
use runtime::{Disk, OpenMode, Runtime, SeededEntropy, SimDisk, SystemClock, SystemNetwork, TokioPools};
use tokio::sync::oneshot;

const DIR: &str = "/journal";
const GROUP: GroupId = GroupId(0);
const ENTRIES: u64 = 24;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

async fn open(disk: &SimDisk) -> Result<Journal, journal::OpenError> {
    let handle = tokio::runtime::Handle::current();
    let runtime = Runtime {
        network: Arc::new(SystemNetwork),
        disk: Arc::new(disk.clone()),
        clock: SystemClock::clock(),
        entropy: Arc::new(SeededEntropy::new(1)),
        pools: Arc::new(TokioPools::new(handle.clone(), handle)),
    };
    let sizes = Config { segment_bytes: 4096, block_bytes: 512, batch_bytes_max: 1500, ..Config::default() };
    Journal::open(&runtime, Path::new(DIR), sizes).await
}

fn entry(number: u64) -> Bytes {
    Bytes::from(vec![number as u8; 100 + number as usize * 7])
}

/// A stopped node's disk: some segments, every entry acknowledged, a batch each.
async fn filled() -> SimDisk {
    let disk = SimDisk::new(1);
    let journal = open(&disk).await.unwrap();
    let log = journal.group(GROUP);
    for number in 0..ENTRIES {
        let (sender, done) = oneshot::channel();
        log.append(number, vec![entry(number)], move |result| drop(sender.send(result))).unwrap();
        done.await.unwrap().unwrap();
    }
    disk.crash(Crash::LoseUnsynced)
}

/// The disk, and its files.
static FILLED: LazyLock<(SimDisk, Vec<PathBuf>)> = LazyLock::new(|| {
    run(async {
        let disk = filled().await;
        let files = disk.list(Path::new(DIR)).await.unwrap();
        (disk, files)
    })
});

async fn overwrite(disk: &SimDisk, files: &[PathBuf], file: u8, position: u16, change: u8) {
    let file = disk.open(&files[usize::from(file) % files.len()], OpenMode::ReadWrite).await.unwrap();
    let offset = u64::from(position) % file.len().await.unwrap();
    let mut byte = file.read_at(offset, 1).await.unwrap().to_vec();
    byte[0] ^= change;
    file.write_and_sync(offset, vec![byte.into()]).await.unwrap();
}

/// Refused, or all that was acknowledged is there as it was; but for the last batch, whose damage can't be told from a
/// write that the power cut. One that is whole tells of all before it, so to hide a batch each one after it has to be
/// changed too.
#[test]
fn changed_bytes() {
    check!().with_type::<Vec<(u8, u16, u8)>>().for_each(|changes| {
        let (filled, files) = &*FILLED;
        run(async {
            let disk = filled.backup();
            for (file, position, change) in changes {
                overwrite(&disk, files, *file, *position, *change).await;
            }
            let Ok(journal) = open(&disk).await else { return };
            let log = journal.group(GROUP);
            let bounds = log.bounds();
            assert_eq!(bounds.first, 0, "nothing was purged");
            let hidden = ENTRIES - bounds.next;
            assert!(hidden <= changes.len() as u64, "{} changes hide {hidden} entries", changes.len());
            let found = log.read(0..bounds.next, usize::MAX).await.unwrap();
            assert!(found.into_iter().eq((0..bounds.next).map(entry)), "entries differ from those written");
        });
    });
}

/// Whatever is there instead of a journal: refused or empty, and no panic.
#[test]
fn any_file() {
    check!().for_each(|input: &[u8]| {
        run(async {
            let disk = SimDisk::new(1);
            disk.create_dir_all(Path::new(DIR)).await.unwrap();
            let path = Path::new(DIR).join(format!("{:016x}.segment", 1));
            let file = disk.open(&path, OpenMode::CreateNew).await.unwrap();
            file.write_and_sync(0, vec![Bytes::copy_from_slice(input)]).await.unwrap();
            if let Ok(journal) = open(&disk).await {
                assert_eq!(journal.group(GROUP).bounds().next, 0);
            }
        });
    });
}
