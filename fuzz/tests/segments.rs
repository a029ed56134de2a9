//! The files of a frame store and its manifest, from a disk or a peer that has changed some bytes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use bolero::check;
use bytes::Bytes;
use runtime::{Disk, OpenMode, SimDisk};
use segments::{Config, Frames, Live, Manifest, OpenError};

const DIR: &str = "/frames";
const PARTITIONS: u64 = 3;
const OFFSETS: Range<u64> = 0..24;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

async fn open(disk: &SimDisk, manifest: Option<&Manifest>) -> Result<Frames, OpenError> {
    let sizes = Config { block_bytes: 512, readahead_bytes: 2048, cache_bytes: 0, ..Config::default() };
    Frames::open(Arc::new(disk.clone()), PathBuf::from(DIR), manifest, sizes).await
}

fn frame(partition: u64, offset: u64) -> Bytes {
    Bytes::from(vec![(partition * 50 + offset) as u8; 20 + offset as usize * 7])
}

/// All but every fifth frame.
struct Most;

impl Live for Most {
    fn live_within(&self, _: u64, range: Range<u64>) -> Vec<Range<u64>> {
        range.filter(|offset| offset % 5 != 0).map(|offset| offset..offset + 1).collect()
    }
}

/// Two files, one of which has gaps.
static FILLED: LazyLock<(SimDisk, Vec<PathBuf>, Manifest)> = LazyLock::new(|| {
    run(async {
        let disk = SimDisk::new(1);
        let frames = open(&disk, None).await.unwrap();
        for offsets in [OFFSETS.start..OFFSETS.end / 2, OFFSETS.end / 2..OFFSETS.end] {
            for (partition, offset) in offsets.flat_map(|offset| (0..PARTITIONS).map(move |p| (p, offset))) {
                frames.append(partition, offset, frame(partition, offset));
            }
            frames.freeze().write(&Most).await.unwrap();
        }
        let files = disk.list(Path::new(DIR)).await.unwrap();
        (disk, files, frames.manifest())
    })
});

async fn overwrite(disk: &SimDisk, path: &Path, position: u16, change: u8) {
    let file = disk.open(path, OpenMode::ReadWrite).await.unwrap();
    let offset = u64::from(position) % file.len().await.unwrap();
    let mut byte = file.read_at(offset, 1).await.unwrap().to_vec();
    byte[0] ^= change;
    file.write_and_sync(offset, vec![byte.into()]).await.unwrap();
}

/// Refused when it is opened or where it is read, or all is as it was written.
#[test]
fn changed_bytes() {
    check!().with_type::<Vec<(u8, u16, u8)>>().for_each(|changes| {
        let (filled, files, manifest) = &*FILLED;
        run(async {
            let disk = filled.backup();
            for (file, position, change) in changes {
                overwrite(&disk, &files[usize::from(*file) % files.len()], *position, *change).await;
            }
            let Ok(frames) = open(&disk, Some(manifest)).await else { return };
            for partition in 0..PARTITIONS {
                let offsets: Vec<u64> = OFFSETS.collect();
                let Ok(read) = frames.read(partition, &offsets, usize::MAX).await else { continue };
                let expected = OFFSETS.filter(|offset| offset % 5 != 0);
                let expected = expected.map(|offset| (offset, frame(partition, offset)));
                assert!(read.into_iter().eq(expected), "frames of {partition} differ from those written");
            }
        });
    });
}

/// Whatever is there instead of a file: refused, and no panic.
#[test]
fn any_file() {
    check!().for_each(|input: &[u8]| {
        let (filled, files, manifest) = &*FILLED;
        run(async {
            let disk = filled.backup();
            let file = disk.open(&files[0], OpenMode::ReadWrite).await.unwrap();
            let length = file.len().await.unwrap();
            let mut bytes = input.to_vec();
            bytes.resize(length as usize, 0);
            file.write_and_sync(0, vec![bytes.into()]).await.unwrap();
            assert!(open(&disk, Some(manifest)).await.is_err());
        });
    });
}

/// Whatever a peer sends as a manifest: refused, or one that is encoded to the same bytes.
#[test]
fn manifests() {
    check!().for_each(|input: &[u8]| {
        let sum = crc32c::crc32c(input).to_le_bytes();
        for bytes in [input.to_vec(), [input, &sum[..]].concat()] {
            if let Ok(manifest) = Manifest::decode(&bytes) {
                assert_eq!(manifest.encode(), bytes);
            }
        }
    });
}
