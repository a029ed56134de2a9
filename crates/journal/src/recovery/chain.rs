//! The segments of a journal in order: where it ends, and whether all of it is there.
//!
//! A batch is written only after the one before it was synced. So if a batch is missing or wrong and any later one was
//! so much as begun, it was durable and has been damaged since. If none was, it is the tail, and nobody was told that
//! it is durable: it is cut.

use std::path::Path;

use super::scan::{Scan, Stop};
use crate::OpenError;
use crate::segment;

/// What the scanned segments say together.
pub(super) struct Chain {
    /// Position, among the segments, of the one that is written next.
    pub(super) active: usize,
    /// Number of the next batch.
    pub(super) number: u64,
    /// Bytes of a torn batch after the last good one.
    pub(super) torn_bytes: u64,
}

/// Checks `scans`, which are the segments from the oldest needed to the newest, by sequence.
pub(super) fn check(dir: &Path, scans: &[Scan]) -> Result<Chain, OpenError> {
    check_names(dir, scans)?;
    let mut chain = Chain { active: 0, number: 1, torn_bytes: 0 };
    for (position, scan) in scans.iter().enumerate() {
        if let Some(batches) = scan.batches {
            // What came before the oldest segment that is needed is not known.
            if position > 0 && (batches.first != chain.number || position > chain.active + 1) {
                return Err(not_next(scans, &chain, position, batches.first));
            }
            chain.active = position;
            chain.number = batches.last + 1;
        }
        if let Some((offset, number)) = scan.stray.filter(|&(_, number)| number > chain.number) {
            return Err(before_stray(scans, &chain, position, offset, number));
        }
    }
    chain.torn_bytes = scans[chain.active..].iter().map(torn_bytes).sum();
    Ok(chain)
}

fn torn_bytes(scan: &Scan) -> u64 {
    match scan.stop {
        Stop::BadFrame { bytes, .. } => bytes.min(scan.length.saturating_sub(scan.end)),
        Stop::NoHeader => 0,
    }
}

fn check_names(dir: &Path, scans: &[Scan]) -> Result<(), OpenError> {
    for pair in scans.windows(2) {
        let next = pair[0].header.sequence + 1;
        if pair[1].header.sequence != next {
            return Err(OpenError::Missing { path: segment::path(dir, next) });
        }
    }
    Ok(())
}

/// The segment at `position` begins with batch `found`, which does not follow what is before it.
fn not_next(scans: &[Scan], chain: &Chain, position: usize, found: u64) -> OpenError {
    let scan = &scans[position];
    let start = u64::from(scan.header.data_start);
    if found < chain.number {
        let reason = format!("batch {found} is where batch {} should be", chain.number);
        return OpenError::damaged(&scan.path, start, reason);
    }
    damaged_at_end(&scans[chain.active], chain.number, scan, start, found)
}

/// A batch later than the next begins at `offset` of the segment at `position`.
fn before_stray(scans: &[Scan], chain: &Chain, position: usize, offset: u64, number: u64) -> OpenError {
    let scan = &scans[position];
    // The batch before it is in the same segment, unless it is the first one there.
    let first_is_wrong = position > chain.active && offset > u64::from(scan.header.data_start);
    let wrong = if first_is_wrong { scan } else { &scans[chain.active] };
    damaged_at_end(wrong, chain.number, scan, offset, number)
}

fn damaged_at_end(wrong: &Scan, expected: u64, later: &Scan, offset: u64, number: u64) -> OpenError {
    let (at, what) = match wrong.stop {
        Stop::NoHeader => (wrong.end, "is missing or its header is wrong"),
        Stop::BadFrame { offset, .. } => (offset, "has a frame whose checksum is wrong"),
    };
    let reason = format!(
        "batch {expected} {what}, but batch {number}, written after it was durable, is at offset {offset} of {}",
        later.path.display()
    );
    OpenError::damaged(&wrong.path, at, reason)
}
