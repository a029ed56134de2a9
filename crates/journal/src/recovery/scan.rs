//! One segment, read once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use runtime::File;

use super::reader::Reader;
use crate::frame::{self, Kind};
use crate::index::Location;
use crate::segment::{self, BadHeader};
use crate::{GroupId, OpenError, batch};

/// A segment and what was found in it.
pub(super) struct Scan {
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn File>,
    pub(super) header: segment::Header,
    /// Of the file.
    pub(super) length: u64,
    /// The batches that follow each other from the front.
    pub(super) batches: Option<Batches>,
    /// Where they end.
    pub(super) end: u64,
    /// Why no batch follows at `end`.
    pub(super) stop: Stop,
    /// The batch with the highest number that begins, or was to begin, at `end` or after, by its header or a mark: place
    /// and number.
    pub(super) stray: Option<(u64, u64)>,
    /// The frames of the batches, in order.
    pub(super) records: Vec<Record>,
}

/// Batches that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batches {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Where the last one begins.
    pub(super) last_offset: u64,
    /// What the last one says is the oldest segment needed.
    pub(super) head: u64,
}

/// Why the batches of a segment end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There is no header of a batch.
    NoHeader,
    /// There is one, but its frames are not all as written.
    BadFrame {
        /// Where the first wrong frame begins.
        offset: u64,
        /// Bytes of the batch.
        bytes: u64,
    },
}

/// A frame that was found.
pub(super) struct Record {
    pub(super) group: GroupId,
    pub(super) kind: Kind,
    pub(super) location: Location,
    /// Of values and purges; entries are left on disk.
    pub(super) payload: Bytes,
}

/// Reads segment `sequence`.
pub(super) async fn scan(path: &Path, sequence: u64, file: Arc<dyn File>) -> Result<Scan, OpenError> {
    let mut reader = Reader::new(path, Arc::clone(&file)).await?;
    let header = header(&mut reader, sequence).await?;
    let mut scanner = Scanner { header, reader, records: Vec::new() };
    let (batches, end, stop) = scanner.batches().await?;
    let stray = scanner.stray(end).await?;
    let Scanner { reader, records, .. } = scanner;
    Ok(Scan {
        path: path.to_owned(),
        file,
        header,
        length: reader.length(),
        batches,
        end,
        stop,
        stray,
        records,
    })
}

async fn header(reader: &mut Reader, sequence: u64) -> Result<segment::Header, OpenError> {
    let bytes = reader.bytes(0, segment::HEADER_BYTES).await?;
    let damaged = |reason: String| OpenError::damaged(reader.path(), 0, reason);
    let Some(bytes) = bytes.as_ref().and_then(|bytes| bytes.first_chunk()) else {
        return Err(damaged(format!("the file has {} bytes, less than a header", reader.length())));
    };
    let header = segment::Header::decode(bytes).map_err(|bad| match bad {
        BadHeader::Damaged => damaged("the checksum of the segment's header is wrong".into()),
        BadHeader::Version(found) => {
            OpenError::Version { path: reader.path().to_owned(), found, supported: segment::VERSION }
        }
    })?;
    if header.sequence != sequence {
        return Err(damaged(format!("the header is of segment {}, the name of {sequence}", header.sequence)));
    }
    if reader.length() < header.length {
        let reason = format!("the file was made with {} bytes and has {}", header.length, reader.length());
        return Err(OpenError::damaged(reader.path(), reader.length(), reason));
    }
    Ok(header)
}

struct Scanner {
    header: segment::Header,
    reader: Reader,
    records: Vec<Record>,
}

impl Scanner {
    async fn batches(&mut self) -> Result<(Option<Batches>, u64, Stop), OpenError> {
        let mut offset = u64::from(self.header.data_start);
        let mut batches: Option<Batches> = None;
        loop {
            let Some(batch) = self.batch_header(offset).await?.filter(|batch| !batch.is_mark) else {
                return Ok((batches, offset, Stop::NoHeader));
            };
            if batches.is_some_and(|batches| batches.last + 1 != batch.number) {
                // Of a batch that was torn and cut long ago, or later than one that is damaged: see `stray`.
                return Ok((batches, offset, Stop::NoHeader));
            }
            let bytes = batch::HEADER_BYTES as u64 + u64::from(batch.frames_bytes);
            let found = self.records.len();
            if let Some(bad) = self.frames(offset, batch).await? {
                self.records.truncate(found);
                return Ok((batches, offset, Stop::BadFrame { offset: bad, bytes }));
            }
            let first = batches.map_or(batch.number, |batches| batches.first);
            batches = Some(Batches { first, last: batch.number, last_offset: offset, head: batch.head });
            offset = (offset + bytes).next_multiple_of(u64::from(self.header.block_bytes));
        }
    }

    async fn batch_header(&mut self, offset: u64) -> Result<Option<batch::Header>, OpenError> {
        let bytes = self.reader.bytes(offset, batch::HEADER_BYTES).await?;
        let bytes = bytes.as_ref().and_then(|bytes| bytes.first_chunk());
        Ok(bytes
            .and_then(|bytes| batch::Header::decode(bytes, self.header.sequence, offset, self.header.salt)))
    }

    /// Adds the frames of a batch to the records; the offset of the first wrong one, if one is.
    async fn frames(&mut self, offset: u64, batch: batch::Header) -> Result<Option<u64>, OpenError> {
        let mut offset = offset + batch::HEADER_BYTES as u64;
        let end = offset + u64::from(batch.frames_bytes);
        let mut frames_crc = 0;
        while offset < end {
            let Some((header, payload)) = self.frame(offset, end).await? else { return Ok(Some(offset)) };
            frames_crc = batch::chain(frames_crc, header.crc);
            let location = Location::on_disk(self.header.sequence, offset, header.length);
            offset = location.end();
            let payload = match header.kind {
                Kind::Put { .. } | Kind::Purge { .. } => Bytes::copy_from_slice(&payload),
                Kind::Entry { .. } | Kind::Moved { .. } | Kind::Truncate { .. } => Bytes::new(),
            };
            self.records.push(Record { group: header.group, kind: header.kind, location, payload });
        }
        Ok((frames_crc != batch.frames_crc).then_some(offset))
    }

    /// The frame at `offset`, if it is as it was written and ends before `end`.
    async fn frame(&mut self, offset: u64, end: u64) -> Result<Option<(frame::Header, Bytes)>, OpenError> {
        let bytes = self.reader.bytes(offset, frame::HEADER_BYTES).await?;
        let Some(header) =
            bytes.as_ref().and_then(|bytes| bytes.first_chunk()).and_then(frame::Header::decode)
        else {
            return Ok(None);
        };
        let start = offset + frame::HEADER_BYTES as u64;
        if start + u64::from(header.length) > end {
            return Ok(None);
        }
        let Some(payload) = self.reader.bytes(start, header.length as usize).await? else { return Ok(None) };
        Ok(header.verify(&payload, self.header.sequence, offset).then_some((header, payload)))
    }

    /// The header of a batch with the highest number from `offset` on.
    async fn stray(&mut self, mut offset: u64) -> Result<Option<(u64, u64)>, OpenError> {
        let mut stray: Option<(u64, u64)> = None;
        while offset < self.reader.length() {
            if let Some(batch) = self.batch_header(offset).await?
                && stray.is_none_or(|(_, number)| batch.number > number)
            {
                stray = Some((offset, batch.number));
            }
            offset += u64::from(self.header.block_bytes);
        }
        Ok(stray)
    }
}
