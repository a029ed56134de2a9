//! A frame store on a disk of the test's choice.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod driver;
pub(crate) mod model;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::{Disk, SystemClock};
use segments::{Config, Frames, Manifest, OpenError};

/// Folder of the store on simulated disks.
pub(crate) const DIR: &str = "/data/frames";

/// Far longer than any test takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a test on one thread.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let done = runtime.block_on(async { SystemClock::clock().timeout(PATIENCE, test).await });
    done.expect("the store completes what it was asked for")
}

/// Sizes so small that everything happens: blocks of a few frames, merges of a few files, hardly any cache.
pub(crate) fn tiny() -> Config {
    Config {
        shard: 7,
        origin: 3,
        block_bytes: 512,
        readahead_bytes: 2048,
        cache_bytes: 4096,
        rewrite_bytes_max: 6000,
        tier_files: 3,
        ..Config::default()
    }
}

pub(crate) async fn open(
    disk: impl Disk + 'static,
    manifest: Option<&Manifest>,
) -> Result<Frames, OpenError> {
    Frames::open(Arc::new(disk), PathBuf::from(DIR), manifest, tiny()).await
}

/// A frame that tells where it belongs.
pub(crate) fn frame(partition: u64, offset: u64, len: usize) -> Bytes {
    let mut bytes = format!("{partition}/{offset}|").into_bytes();
    bytes.truncate(len);
    bytes.extend((bytes.len()..len).map(|i| (partition as usize + offset as usize + i) as u8));
    bytes.into()
}
