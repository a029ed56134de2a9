//! Entries back from memory or disk.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use runtime::File;

use crate::frame::{self, Kind};
use crate::index::Location;
use crate::shared::Shared;
use crate::state::State;
use crate::{GroupId, ReadError};

/// Frames of one segment are read together up to this many bytes ...
const RUN_BYTES_MAX: u64 = 1 << 20;
/// ... and over gaps, which belong to other groups, up to this many.
const GAP_BYTES_MAX: u64 = 64 << 10;

/// An entry on disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) group: GroupId,
    pub(crate) index: u64,
    pub(crate) location: Location,
}

/// What to read from disk, and from which files.
pub(crate) struct Plan {
    wanted: Vec<Wanted>,
    files: BTreeMap<u64, (PathBuf, Arc<dyn File>)>,
}

/// Why an entry could not be read.
struct Failure {
    wanted: Wanted,
    path: PathBuf,
    source: Option<io::Error>,
}

impl Plan {
    pub(crate) fn new(state: &State, wanted: Vec<Wanted>) -> Self {
        let mut files = BTreeMap::new();
        for Wanted { location, .. } in &wanted {
            if let Some(segment) = state.segments.get(location.segment()) {
                let file = || (segment.path.clone(), Arc::clone(&segment.file));
                files.entry(location.segment()).or_insert_with(file);
            }
        }
        Self { wanted, files }
    }

    /// The entries, in order. `None` if one of them is no longer where it was: ask again.
    ///
    /// # Errors
    /// One of them is where it should be and cannot be read.
    pub(crate) async fn read(&self, shared: &Shared) -> Result<Option<Vec<Bytes>>, ReadError> {
        let Failure { wanted, path, source } = match self.try_read().await {
            Ok(entries) => return Ok(Some(entries)),
            Err(failure) => failure,
        };
        let Wanted { group, index, location } = wanted;
        if !shared.state().is_at(group, index, location) {
            // It was removed or moved, and perhaps its file reused, while we read.
            return Ok(None);
        }
        let offset = location.offset();
        Err(match source {
            Some(source) => ReadError::Io { path, offset, source },
            None => ReadError::Damaged { path, offset, index },
        })
    }

    async fn try_read(&self) -> Result<Vec<Bytes>, Failure> {
        let mut entries = Vec::with_capacity(self.wanted.len());
        let mut rest = &self.wanted[..];
        while !rest.is_empty() {
            let (run, after) = rest.split_at(run_length(rest));
            entries.extend(self.read_run(run).await?);
            rest = after;
        }
        Ok(entries)
    }

    /// Reads entries that are near to each other, with one read.
    async fn read_run(&self, run: &[Wanted]) -> Result<Vec<Bytes>, Failure> {
        let (first, last) = (run[0], run[run.len() - 1]);
        let segment = first.location.segment();
        let Some((path, file)) = self.files.get(&segment) else {
            // The segment was freed between the group's index and its table: only if the index was about to change.
            return Err(Failure { wanted: first, path: PathBuf::new(), source: None });
        };
        let start = first.location.offset();
        let length = (last.location.end() - start) as usize;
        let failure = |wanted, source| Failure { wanted, path: path.clone(), source };
        let bytes = file.read_at(start, length).await.map_err(|error| failure(first, Some(error)))?;
        run.iter()
            .map(|wanted| {
                let from = (wanted.location.offset() - start) as usize;
                let to = (wanted.location.end() - start) as usize;
                let frame = (to <= bytes.len()).then(|| bytes.slice(from..to));
                frame.and_then(|frame| verify(*wanted, frame)).ok_or_else(|| failure(*wanted, None))
            })
            .collect()
    }
}

/// How many of `wanted`, from the front, to read at once.
fn run_length(wanted: &[Wanted]) -> usize {
    let first = wanted[0].location;
    let fits = |pair: &[Wanted]| {
        let (before, next) = (pair[0].location, pair[1].location);
        next.segment() == first.segment()
            && next.offset() >= before.end()
            && next.offset() - before.end() <= GAP_BYTES_MAX
            && next.end() - first.offset() <= RUN_BYTES_MAX
    };
    1 + wanted.windows(2).take_while(|pair| fits(pair)).count()
}

/// The payload of a frame, if it is the one wanted.
fn verify(wanted: Wanted, frame: Bytes) -> Option<Bytes> {
    let Wanted { group, index, location } = wanted;
    let header = frame.first_chunk().and_then(frame::Header::decode)?;
    let is_entry = matches!(header.kind, Kind::Entry { index: i } | Kind::Moved { index: i } if i == index);
    let payload = frame.slice(frame::HEADER_BYTES..);
    let right = is_entry && header.group == group;
    (right && header.verify(&payload, location.segment(), location.offset())).then_some(payload)
}

/// Entries as [`GroupLog::read`](crate::GroupLog::read) promises them.
pub(crate) async fn entries(
    shared: &Shared,
    group: GroupId,
    range: Range<u64>,
    bytes_max: usize,
) -> Result<Vec<Bytes>, ReadError> {
    if range.is_empty() {
        return Ok(Vec::new());
    }
    // Entries in memory come without waiting: a caller in a loop must not keep its thread from the writer.
    tokio::task::coop::consume_budget().await;
    loop {
        let (plan, cached) = plan(&mut shared.state(), group, range.clone(), bytes_max)?;
        if let Some(mut entries) = plan.read(shared).await? {
            entries.extend(cached);
            return Ok(entries);
        }
    }
}

/// What to read from disk, and what follows from memory, for the front of `range`.
fn plan(
    state: &mut State,
    id: GroupId,
    range: Range<u64>,
    bytes_max: usize,
) -> Result<(Plan, Vec<Bytes>), ReadError> {
    let Some(group) = state.groups.get(&id) else {
        return Err(ReadError::Unwritten { index: range.start, next: 0 });
    };
    let (first, next) = (group.index.first(), group.index.next());
    if range.start < first {
        return Err(ReadError::Purged { index: range.start, first });
    }
    if range.start >= next {
        return Err(ReadError::Unwritten { index: range.start, next });
    }
    let (mut wanted, mut cached) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    for (index, location) in group.index.iter_from(range.start).take_while(|(index, _)| *index < range.end) {
        let entry = group.tail.get(index);
        bytes += entry.map_or(location.length() as usize, Bytes::len);
        if bytes > bytes_max && index > range.start {
            break;
        }
        match entry {
            Some(entry) => cached.push(entry.clone()),
            None => wanted.push(Wanted { group: id, index, location }),
        }
    }
    state.cache.hits += cached.len() as u64;
    state.cache.misses += wanted.len() as u64;
    Ok((Plan::new(state, wanted), cached))
}
