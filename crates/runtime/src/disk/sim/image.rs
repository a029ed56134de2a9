//! A file's contents: what a process reads and what a power loss leaves.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;

use super::counts::FaultCounts;
use super::crash::Crash;

/// The unit that reaches the disk or does not.
pub const SECTOR_BYTES: usize = 512;

/// Contents, cached and durable.
#[derive(Clone, Default)]
pub(super) struct Image {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync must write, with the version of their last change.
    dirty: BTreeMap<usize, u64>,
    /// The next sync must write the length.
    length_dirty: bool,
    version: u64,
}

/// What a sync has seen when it began.
pub(super) struct Sync {
    sectors: Vec<(usize, u64, Vec<u8>)>,
    length: Option<usize>,
}

impl Image {
    pub(super) fn len(&self) -> usize {
        self.cached.len()
    }

    pub(super) fn read(&self, offset: u64, len: usize) -> Bytes {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.cached.len());
        let end = start.saturating_add(len).min(self.cached.len());
        Bytes::copy_from_slice(&self.cached[start..end])
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if bytes.is_empty() {
            return;
        }
        if end > self.cached.len() {
            self.set_len(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.touch(offset, end);
    }

    pub(super) fn set_len(&mut self, len: usize) {
        let old = self.cached.len();
        if len == old {
            return;
        }
        self.cached.resize(len, 0);
        self.length_dirty = true;
        self.dirty.split_off(&len.div_ceil(SECTOR_BYTES));
        if len > old && self.durable.len() > old {
            // The new zeros cover bytes that a cut has removed from the cached image only.
            self.touch(old, len.min(self.durable.len()));
        }
    }

    fn touch(&mut self, start: usize, end: usize) {
        self.version += 1;
        for sector in start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            self.dirty.insert(sector, self.version);
        }
    }

    pub(super) fn begin_sync(&self) -> Sync {
        let sectors =
            self.dirty.iter().map(|(&sector, &version)| (sector, version, self.sector(sector).to_vec()));
        Sync { sectors: sectors.collect(), length: self.length_dirty.then_some(self.cached.len()) }
    }

    pub(super) fn finish_sync(&mut self, sync: Sync) {
        self.sync_length(sync.length);
        for (sector, version, bytes) in sync.sectors {
            let start = sector * SECTOR_BYTES;
            // Also if an earlier sync forgot the length: a sector that is written can be read back.
            let end = self.cached.len().min(start + bytes.len());
            self.durable.resize(self.durable.len().max(end), 0);
            overwrite(&mut self.durable, start, &bytes);
            self.clean(sector, version);
        }
    }

    /// Some of it reaches the disk; all of it counts as clean.
    pub(super) fn fail_sync(&mut self, sync: Sync, rng: &mut StdRng) {
        if rng.random_bool(0.5) {
            self.sync_length(sync.length);
        }
        if sync.length == Some(self.cached.len()) {
            self.length_dirty = false;
        }
        for (sector, version, bytes) in sync.sectors {
            if rng.random_bool(0.5) {
                overwrite(&mut self.durable, sector * SECTOR_BYTES, &bytes);
            }
            self.clean(sector, version);
        }
    }

    fn sync_length(&mut self, length: Option<usize>) {
        if let Some(length) = length {
            self.durable.resize(length, 0);
            self.length_dirty = self.cached.len() != length;
        }
    }

    fn clean(&mut self, sector: usize, version: u64) {
        if self.dirty.get(&sector) == Some(&version) {
            self.dirty.remove(&sector);
        }
    }

    fn sector(&self, sector: usize) -> &[u8] {
        let start = sector * SECTOR_BYTES;
        &self.cached[start.min(self.cached.len())..(start + SECTOR_BYTES).min(self.cached.len())]
    }

    /// Flips a bit in both images. False if the file is shorter.
    pub(super) fn flip(&mut self, offset: usize, bit: u8) -> bool {
        let mask = 1 << (bit % 8);
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= mask;
        }
        self.cached.get_mut(offset).map(|byte| *byte ^= mask).is_some()
    }

    /// Puts other bytes into a sector of both images. False if the file does not have it.
    pub(super) fn replace_sector(&mut self, sector: usize, bytes: &[u8]) -> bool {
        let offset = sector * SECTOR_BYTES;
        overwrite(&mut self.durable, offset, bytes);
        overwrite(&mut self.cached, offset, bytes);
        offset < self.cached.len()
    }

    /// The file after a crash.
    pub(super) fn crash(&self, crash: Crash, rng: &mut StdRng, counts: &mut FaultCounts) -> Image {
        if crash == Crash::Process {
            return self.clone();
        }
        let mut left = self.durable.clone();
        left.resize(self.length_left(crash, rng, counts), 0);
        // One probability a file: with sectors that fall evenly, a long write would never be nearly whole or nearly lost.
        let keep = [0.0, 0.1, 0.5, 0.9, 1.0][rng.random_range(0..5)];
        for &sector in self.dirty.keys() {
            let bytes = self.sector(sector);
            let bytes = match crash {
                Crash::KeepUnsynced => bytes,
                Crash::Random if rng.random_bool(keep) => bytes,
                Crash::Random if rng.random_bool(0.2) => {
                    counts.sectors_torn += 1;
                    tear(&mut left, sector * SECTOR_BYTES, bytes, rng);
                    continue;
                }
                Crash::Random | Crash::LoseUnsynced | Crash::Process => {
                    counts.sectors_dropped += 1;
                    continue;
                }
            };
            counts.sectors_kept += 1;
            overwrite(&mut left, sector * SECTOR_BYTES, bytes);
        }
        Image { cached: left.clone(), durable: left, ..Image::default() }
    }

    fn length_left(&self, crash: Crash, rng: &mut StdRng, counts: &mut FaultCounts) -> usize {
        let (durable, cached) = (self.durable.len(), self.cached.len());
        if !self.length_dirty {
            return durable;
        }
        let left = match crash {
            Crash::KeepUnsynced | Crash::Process => cached,
            Crash::LoseUnsynced => durable,
            Crash::Random => match rng.random_range(0..3) {
                0 => cached,
                1 if cached > durable => rng.random_range(durable..cached),
                _ => durable,
            },
        };
        counts.lengths_lost += u64::from(left != cached);
        left
    }
}

/// Copies `bytes` to `offset` as far as `image` reaches.
fn overwrite(image: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(place) = image.get_mut(offset..) {
        let count = place.len().min(bytes.len());
        place[..count].copy_from_slice(&bytes[..count]);
    }
}

/// Copies the front or the back of `bytes`.
fn tear(image: &mut [u8], offset: usize, bytes: &[u8], rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    if rng.random_bool(0.5) {
        overwrite(image, offset, &bytes[..at]);
    } else {
        overwrite(image, offset + at, &bytes[at..]);
    }
}
