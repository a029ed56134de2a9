//! From a folder to a journal that can be written.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::{File, OpenMode, Runtime};

use super::chain::{self, Chain};
use super::replay::Replay;
use super::scan::{self, Scan};
use crate::prepare::{self, Maker, Prepared, Spare};
use crate::segment::{self, Name};
use crate::state::{Cache, Segment, Segments, State};
use crate::writer::Active;
use crate::{Config, OpenError, Stats};

/// Bytes of the last batch written again at once.
const COPY_BYTES: u64 = 1 << 20;

/// All that the tasks of a journal start with.
pub(crate) struct Opened {
    pub(crate) state: State,
    pub(crate) active: Active,
    pub(crate) ready: VecDeque<Prepared>,
    pub(crate) spares: Vec<Spare>,
    pub(crate) number: u64,
    pub(crate) counters: Stats,
}

/// Reads the journal in `dir`, or makes a new one.
pub(crate) async fn open(runtime: &Runtime, dir: &Path, config: &Config) -> Result<Opened, OpenError> {
    config.check().map_err(OpenError::Config)?;
    let folder = Folder { runtime, dir, config };
    folder.create().await?;
    let (segments, unfinished) = folder.list().await?;
    let (scans, unneeded) = folder.scan(segments).await?;
    if scans.is_empty() {
        folder.remove_all(&unfinished).await?;
        return folder.start().await;
    }
    let chain = chain::check(dir, &scans)?;
    let (state, scans) = folder.replay(scans, chain.active)?;

    // All is well: from here on files are changed.
    folder.remove_all(&unfinished).await?;
    let spares = folder.spares(unneeded).await?;
    folder.make_tail_durable(&scans[chain.active]).await?;
    Ok(assemble(state, scans, &chain, spares))
}

fn assemble(state: State, mut scans: Vec<Scan>, chain: &Chain, spares: Vec<Spare>) -> Opened {
    let ready = scans.split_off(chain.active + 1).into_iter().map(prepared).collect();
    let tail = scans.pop().expect("the active segment was scanned");
    let (end, length) = (tail.end, tail.length);
    let mut active = Active::new(prepared(tail));
    active.place.offset = end;
    active.length = length;
    let counters = Stats { torn_bytes_cut: chain.torn_bytes, ..Stats::default() };
    Opened { state, active, ready, spares, number: chain.number, counters }
}

fn prepared(scan: Scan) -> Prepared {
    Prepared { header: scan.header, path: scan.path, file: scan.file }
}

struct Folder<'a> {
    runtime: &'a Runtime,
    dir: &'a Path,
    config: &'a Config,
}

impl Folder<'_> {
    async fn create(&self) -> Result<(), OpenError> {
        let created = self.runtime.disk.create_dir_all(self.dir).await;
        created.map_err(|error| OpenError::io("create", self.dir, error))
    }

    /// The segments by sequence, and files that did not become one.
    async fn list(&self) -> Result<(Vec<(u64, PathBuf)>, Vec<PathBuf>), OpenError> {
        let listed = self.runtime.disk.list(self.dir).await;
        let (mut segments, mut unfinished) = (Vec::new(), Vec::new());
        for path in listed.map_err(|error| OpenError::io("list", self.dir, error))? {
            match Name::of(&path) {
                Name::Segment(sequence) => segments.push((sequence, path)),
                Name::New => unfinished.push(path),
                Name::Foreign => {}
            }
        }
        segments.sort();
        Ok((segments, unfinished))
    }

    /// Reads the segments that are needed, each once, and tells which are not. The newest batch knows the oldest segment
    /// that is needed, so the newest segments are read first.
    async fn scan(&self, mut segments: Vec<(u64, PathBuf)>) -> Result<(Vec<Scan>, Vec<PathBuf>), OpenError> {
        let mut scans = VecDeque::new();
        let mut head = 1;
        while let Some((sequence, path)) = segments.pop_if(|(sequence, _)| *sequence >= head) {
            let scan = scan::scan(&path, sequence, self.open_file(&path).await?).await?;
            if let Some(batches) = scan.batches
                && head == 1
            {
                head = batches.head;
            }
            scans.push_front(scan);
        }
        if scans.front().is_some_and(|oldest| oldest.header.sequence > head) {
            return Err(OpenError::Missing { path: segment::path(self.dir, head) });
        }
        Ok((scans.into(), segments.into_iter().map(|(_, path)| path).collect()))
    }

    async fn open_file(&self, path: &Path) -> Result<Arc<dyn File>, OpenError> {
        let opened = self.runtime.disk.open(path, OpenMode::ReadWrite).await;
        opened.map_err(|error| OpenError::io("open", path, error))
    }

    /// The groups, and the segments without their records.
    fn replay(&self, mut scans: Vec<Scan>, active: usize) -> Result<(State, Vec<Scan>), OpenError> {
        let mut replay = Replay::default();
        let mut table = Segments::new(self.config.segment_bytes);
        for scan in &mut scans {
            for record in std::mem::take(&mut scan.records) {
                replay.add(self.dir, record)?;
            }
        }
        let groups = replay.finish(&scans[0].path)?;
        for scan in &scans[..=active] {
            let segment = Segment::new(scan.path.clone(), Arc::clone(&scan.file), scan.length);
            table.insert(scan.header.sequence, segment);
        }
        Ok((State::new(groups, table, Cache::new(self.config.cache_bytes)), scans))
    }

    async fn remove_all(&self, paths: &[PathBuf]) -> Result<(), OpenError> {
        for path in paths {
            let removed = self.runtime.disk.remove(path).await;
            removed.map_err(|error| OpenError::io("remove", path, error))?;
        }
        Ok(())
    }

    /// Opens the files of segments that are no longer needed.
    async fn spares(&self, unneeded: Vec<PathBuf>) -> Result<Vec<Spare>, OpenError> {
        let mut spares = Vec::new();
        for path in unneeded {
            let file = self.open_file(&path).await?;
            let length = file.len().await.map_err(|error| OpenError::io("measure", &path, error))?;
            spares.push(Spare { path, file, length });
        }
        Ok(spares)
    }

    /// Writes the last batch again and syncs it, and the names. The process that wrote it may have died before its sync,
    /// or its sync may have failed: then the kernel has the bytes but no longer means to write them, and only writing
    /// them again makes a sync believable.
    async fn make_tail_durable(&self, tail: &Scan) -> Result<(), OpenError> {
        if let Some(batches) = tail.batches {
            let mut offset = batches.last_offset;
            while offset < tail.end.min(tail.length) {
                let count = COPY_BYTES.min(tail.end.min(tail.length) - offset);
                let bytes = tail.file.read_at(offset, count as usize).await;
                let bytes = bytes.map_err(|error| OpenError::io("read", &tail.path, error))?;
                let written = tail.file.write_at(offset, vec![bytes]).await;
                written.map_err(|error| OpenError::io("write", &tail.path, error))?;
                offset += count;
            }
            tail.file.sync_data().await.map_err(|error| OpenError::io("sync", &tail.path, error))?;
        }
        let synced = self.runtime.disk.sync_dir(self.dir).await;
        synced.map_err(|error| OpenError::io("sync", self.dir, error))
    }

    /// A new journal.
    async fn start(&self) -> Result<Opened, OpenError> {
        let maker = Maker {
            disk: &*self.runtime.disk,
            dir: self.dir,
            salt: self.runtime.entropy.next_u64(),
            block_bytes: self.config.block_bytes,
            cancelled: &|| false,
        };
        let made = prepare::make(maker, 1, self.config.first_segment_bytes(), None).await;
        let made = made.map_err(OpenError::from_making)?;
        let mut table = Segments::new(self.config.segment_bytes);
        let Prepared { header, path, file } = &made.prepared;
        table.insert(header.sequence, Segment::new(path.clone(), Arc::clone(file), header.length));
        Ok(Opened {
            state: State::new(Default::default(), table, Cache::new(self.config.cache_bytes)),
            active: Active::new(made.prepared),
            ready: VecDeque::new(),
            spares: Vec::new(),
            number: 1,
            counters: Stats { fsyncs: made.fsyncs, segments_created: 1, ..Stats::default() },
        })
    }
}
